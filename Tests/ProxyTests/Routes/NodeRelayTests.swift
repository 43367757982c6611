import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// What is wanted of one node by way of a proxy (contract §16.6), and of all nodes at once.
@Suite(.serialized) struct NodeRelayTests {
    private static let path = "/v1/reverse/daemon"
    private static let reset = #"{"action":"reset-stats","value":true}"#

    @Test func `a proxy asks the node that a header names, and passes its answer on`() async throws
    {
        try await TestProxies.with(2) { proxies in
            for name in ["node.id", "Ais-Node-Id"] {
                for (asked, meant) in [(1, 2), (2, 1), (1, 1)] {
                    let reply = try await proxies.ask(
                        asked, .get, "\(Self.path)?what=snode", headers: [(name, "p\(meant)")])
                    #expect(reply.status == 200, "\(reply.text)")
                    #expect(reply.text.contains(#""daemon_id":"p\#(meant)""#), "\(reply.text)")
                }
            }
            let node = [("node.id", "p2")]
            let head = try await proxies.ask(1, .head, "\(Self.path)?what=snode", headers: node)
            #expect(head.status == 200 && head.body.isEmpty)
            // Whatever the node says, the client finds the request that it has sent.
            let wrong = try await proxies.ask(
                1, .get, "\(Self.path)?what=mountpaths", headers: node)
            #expect(wrong.failure?.code == .unknownDocument && wrong.failure?.node == "p2")
            #expect(wrong.failure?.path == Self.path, "\(wrong.text)")
            let set = try await proxies.ask(
                1, .put, "\(Self.path)/setconfig?loglevel=4", headers: node)
            #expect(set.status == 200, "\(set.text)")
            let config = try await proxies.ask(1, .get, "/v1/cluster?what=cluster_config").text
            #expect(config.contains(#""nodes":{"p2":{"log.level":"4""#), "\(config)")
            // It refuses by name what it does not heed, as if it were asked itself.
            for (method, path, name) in [
                (HTTP.Method.put, "?dryrun=true", "dry_run"), (.get, "?what=smap&dif=1", "diff"),
                (.post, "/mountpaths?dntress=1", "mountpaths"),
            ] {
                let reply = try await proxies.ask(
                    1, method, Self.path + path, method == .get ? "" : Self.reset, headers: node)
                #expect(reply.status == 400 && reply.failure?.node == "p2", "\(reply.text)")
                #expect(reply.text.contains(name), "\(reply.text)")
            }
            let dry = try await proxies.ask(
                1, .put, "\(Self.path)?dry_run=true", Self.reset, headers: node)
            #expect(dry.text.contains(#""action":"reset-stats""#), "\(dry.text)")
            #expect(
                try await proxies.ask(1, .put, Self.path, Self.reset, headers: node).status == 200)
        }
    }

    @Test func `without one node that is meant nothing is asked, and one that is gone is named`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let rows: [([(String, String)], FailureCode)] = [
                ([], .badHeader), ([("node.id", "")], .badHeader),
                ([("node.id", "p1"), ("Ais-Node-Id", "p2")], .badHeader),
                ([("node.id", "p9"), ("node.url", "http://127.0.0.1:1")], .badNode),
                ([("node.id", "a b")], .badNode),
            ]
            for (headers, code) in rows {
                for (method, body) in [(HTTP.Method.get, ""), (.put, Self.reset)] {
                    let reply = try await proxies.ask(
                        1, method, "\(Self.path)?what=snode", body, headers: headers)
                    #expect(
                        reply.status == 400 && reply.failure?.code == code,
                        "\(headers): \(reply.text)")
                }
            }
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let (asked, gone) = (primary % 3 + 1, (primary + 1) % 3 + 1)
            await proxies.stop(gone)
            for (method, body) in [(HTTP.Method.get, ""), (.put, Self.reset)] {
                let query = method == .get ? "?what=snode" : ""
                let reply = try await proxies.ask(
                    asked, method, Self.path + query, body, headers: [("node.id", "p\(gone)")])
                #expect(
                    reply.status == 502 && reply.failure?.code == .proxyUnreachable,
                    "\(reply.text)")
            }
            // Of all nodes at once, those that are there do it.
            let target = try await StubTarget.start(proxies, asking: asked)
            let dry = try await proxies.ask(
                asked, .put, "/v1/cluster?dry_run=true", Self.reset)
            #expect(dry.text.contains(#""verdict":"unsafe""#), "\(dry.text)")
            #expect(dry.text.contains("p\(gone) at "), "\(dry.text)")
            let partly = try await proxies.ask(asked, .put, "/v1/cluster", Self.reset)
            #expect(partly.status == 504 && partly.failure?.code == .partlyDone, "\(partly.text)")
            #expect(partly.failure?.notDone == ["p\(gone)"], "\(partly.text)")
            #expect(
                Set(partly.failure?.done ?? []) == ["p\(asked)", "p\(primary)", "t1"],
                "\(partly.text)")
            #expect(target.lastMessage.value == Self.reset)
            try await proxies.start(gone)
            try await proxies.waitUntilReady(gone)
            let done = try await proxies.ask(asked, .put, "/v1/cluster", Self.reset)
            #expect(done.status == 200 && done.body.isEmpty, "\(done.text)")
            await target.stop()
        }
    }

    @Test func `what no node does is refused with its reason`() async throws {
        try await TestProxies.with(1) { proxies in
            // Nodes of a test log to its standard error.
            let rotation = try await proxies.ask(
                1, .put, "/v1/cluster", #"{"action":"rotate-logs"}"#)
            #expect(rotation.status == 400 && rotation.failure?.code == .badRequest)
            let dry = try await proxies.ask(
                1, .put, "/v1/cluster?dry_run=true", #"{"action":"rotate-logs"}"#)
            #expect(dry.text.contains(#""verdict":"blocked""#), "\(dry.text)")
            let wrong = try await proxies.ask(
                1, .put, "/v1/cluster", #"{"action":"reset-stats","value":"some"}"#)
            #expect(wrong.failure?.code == .badValue, "\(wrong.text)")
            let tied = try await proxies.ask(
                1, .put, "/v1/cluster", Self.reset, headers: [("If-Match", #""smap-1""#)])
            #expect(tied.failure?.code == .badHeader, "\(tied.text)")
        }
    }
}

import API
import Consensus
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// `dry_run=true` of changes of membership, of the primary and of buckets: what would happen, and nothing happens.
@Suite(.serialized) struct DryRunTests {
    @Test func `a dry run tells of the primary, and hands nothing over`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let heir = primary % 3 + 1
            let other = heir % 3 + 1
            let path = "/v1/cluster/proxy"
            let fine = try await Self.forecast(
                proxies, other, .put, "\(path)/p\(heir)", verdict: "safe")
            #expect(fine.contains("p\(heir) becomes primary in place of p\(primary)"), "\(fine)")
            #expect(fine.contains(#""voters":{"now":3,"then":3,"survives_now":1"#), "\(fine)")
            let same = try await Self.forecast(
                proxies, other, .put, "\(path)/p\(primary)", verdict: "safe")
            #expect(same.contains("nothing: p\(primary) is the primary"))
            // What is nobody's, or no proxy, is refused as by the change itself.
            let target = try await StubTarget.start(proxies)
            for id in ["nobody", "t1"] {
                let reply = try await proxies.ask(other, .put, "\(path)/\(id)?dry_run=true")
                #expect(reply.status == 400 && reply.failure?.code == .badNode, "\(reply.text)")
            }
            await target.stop()
            #expect(try await proxies.primary(asSeenBy: other) == primary)
        }
    }

    @Test func `a dry run of a proxy that is gone is blocked, as the change would be`() async throws
    {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let gone = primary % 3 + 1
            await proxies.stop(gone)
            let path = "/v1/cluster/proxy/p\(gone)"
            try await eventually("p\(gone) is missed") {
                try await proxies.ask(primary, .put, "\(path)?dry_run=true").text
                    .contains(#""code":"proxy_unreachable""#)
            }
            // The contract's phase 1 (§7.5): refused, and nothing is changed; nobody is told to take over, and no term ends.
            let term = try #require(proxies.daemon(primary)?.group.status.term)
            for asked in [primary, (1...3).first { $0 != primary && $0 != gone } ?? primary] {
                let refused = try await proxies.ask(asked, .put, path)
                #expect(refused.failure?.code == .proxyUnreachable, "\(refused.text)")
                #expect(refused.text.contains("p\(gone) is not heard"), "\(refused.text)")
            }
            #expect(proxies.daemon(primary)?.group.status.term == term)
        }
    }

    @Test func `a dry run of registering says what joining would do`() async throws {
        try await TestProxies.with(1) { proxies in
            let target = try await StubTarget.start(proxies)
            let version = try await Self.version(proxies)
            let known = try await Self.forecast(
                proxies, 1, .post, "/v1/cluster/register", target.joinRequest, verdict: "safe")
            #expect(known.contains("nothing: t1 is on the map already"), "\(known)")
            #expect(known.contains(#""active_targets":{"now":1,"then":1}"#), "\(known)")
            let nobody =
                #"{"daemon_type":"target","daemon_id":"t9","node_ip_addr":"127.0.0.1","#
                + #""daemon_port":"1"}"#
            let blocked = try await Self.forecast(
                proxies, 1, .post, "/v1/cluster/register", nobody, verdict: "blocked")
            #expect(blocked.contains("t9 is said to be at"), "\(blocked)")
            #expect(try await proxies.ask(1, .delete, "/v1/cluster/daemon/t1").status == 200)
            let joins = try await Self.forecast(
                proxies, 1, .post, "/v1/cluster/register", target.joinRequest, verdict: "safe")
            #expect(joins.contains("t1 joins the map (Smap \(version + 1) to \(version + 2))"))
            #expect(try await Self.version(proxies) == version + 1)
            await target.stop()
        }
    }

    @Test func `what cannot be rehearsed is not done in its place`() async throws {
        try await TestProxies.with(1) { proxies in
            let target = try await StubTarget.start(proxies)
            let version = try await Self.version(proxies)
            _ = try await proxies.ask(1, .delete, "/v1/cluster/daemon/t1")
            for path in ["keepalive", "mountpaths", "decommission"] {
                let reply = try await proxies.ask(
                    1, .post, "/v1/cluster/\(path)?dry_run=true", target.joinRequest)
                #expect(reply.status == 400 && reply.failure?.code == .badQuery, "\(reply.text)")
                #expect(
                    reply.failure?.message.hasPrefix("POST /v1/cluster/\(path) has no dry run")
                        == true, "\(reply.text)")
            }
            let joins = try await Self.forecast(
                proxies, 1, .post, "/v1/cluster/autoreg", target.joinRequest, verdict: "safe")
            #expect(joins.contains("t1 joins the map"), "\(joins)")
            #expect(try await Self.version(proxies) == version + 1)
            let later = try await proxies.ask(
                1, .post, "/v1/cluster/join-by-admin", target.joinRequest)
            #expect(
                later.text.hasPrefix(#"{"daemon_id":"t1","rebalance_id":"","survives":["#),
                "\(later.text)")
            await target.stop()
        }
    }

    @Test func `a dry run of a bucket's life says what is lost`() async throws {
        try await TestProxies.with(2) { proxies in
            let target = try await StubTarget.start(proxies)
            func forecast(_ action: String, _ verdict: String) async throws -> String {
                try await Self.forecast(
                    proxies, 2, action == "createlb" ? .post : .delete, "/v1/buckets/b",
                    #"{"action":"\#(action)"}"#, verdict: verdict)
            }
            #expect(try await forecast("createlb", "safe").contains("b is created (BMD 1 to 2)"))
            let unknown = try await proxies.ask(
                2, .delete, "/v1/buckets/b?dry_run=true", #"{"action":"destroylb"}"#)
            #expect(unknown.status == 404 && unknown.failure?.code == .bucketNotFound)
            #expect(try await proxies.create("b", through: 2).status == 200)
            _ = try await forecast("createlb", "blocked")
            #expect(try await forecast("destroylb", "unsafe").contains("every object in"))
            #expect(try await proxies.ask(1, .head, "/v1/buckets/b").status == 200)
            await target.stop()
        }
    }

    @Test func `a proxy that hears others now and then calls nobody missing`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let asked = primary % 3 + 1
            // Nothing happens, so the others hear nothing of each other for a while.
            try await Task.sleep(for: .seconds(2))
            let stays = try await Self.forecast(
                proxies, asked, .put, "/v1/daemon",
                #"{"action":"shutdown","value":{"unregister":false}}"#, verdict: "unsafe")
            #expect(
                stays.contains(
                    #""voters":{"now":3,"then":3,"survives_now":1,"survives_then":0,"missing":[],"#
                        + #""majority_then":true}"#), "\(stays)")
            let transient = try await proxies.ask(
                asked, .put, "/v1/daemon/setconfig?stats_time=3s&transient=true&dry_run=true")
            #expect(
                transient.status == 200 && !transient.text.contains("not heard")
                    && !transient.text.contains("voters"), "\(transient.text)")
        }
    }

    @Test func `a bucket alone and in a batch is judged alike, rehearsed or not`() async throws {
        try await TestProxies.with(1) { proxies in
            for value in [
                #"{"lru":{"lowwm":99}}"#, #"{"x":1}"#, #"{"mirror":{"enabled":true}}"#,
                #"{"checksum":{"type":"md5"}}"#, #"{"write_policy":{"data":"never"}}"#,
            ] {
                let alone = #"{"action":"createlb","value":\#(value)}"#
                let batch =
                    #"{"action":"batch","value":[{"action":"createlb","name":"b","value":\#(value)}]}"#
                var answers: Set<String> = []
                for dry in ["?dry_run=true", ""] {
                    for reply in [
                        try await proxies.ask(1, .post, "/v1/buckets/b\(dry)", alone),
                        try await proxies.ask(1, .put, "/v1/cluster\(dry)", batch),
                    ] {
                        #expect(reply.status >= 400, "\(reply.text)")
                        answers.insert("\(reply.status) \(reply.failure?.code.rawValue ?? "none")")
                    }
                }
                #expect(answers.count == 1, "\(value): \(answers)")
            }
        }
    }

    private static func forecast(
        _ proxies: TestProxies, _ number: Int, _ method: HTTP.Method, _ path: String,
        _ body: String = "", verdict: String
    ) async throws -> String {
        let reply = try await proxies.ask(number, method, "\(path)?dry_run=true", body)
        #expect(reply.status == 200, "\(reply.text)")
        #expect(reply.text.contains(#""verdict":"\#(verdict)""#), "\(path): \(reply.text)")
        return reply.text
    }

    private static func version(_ proxies: TestProxies) async throws -> Int {
        let map = try await proxies.ask(1, .get, "/v1/daemon?what=smap")
        guard case .object(let object) = try JSONValue(parsing: map.body),
            let version = object["version"]?.unsigned
        else { return -1 }
        return Int(version)
    }
}

import API
import Base
import Cluster
import HTTP
import Testing

@testable import Proxy

/// `what=history`: what changed, by whom, when, from what to what.
@Suite(.serialized) struct HistoryRouteTests {
    /// The entries of an answer, as one text each.
    private static func entries(
        _ proxies: TestProxies, _ number: Int, _ query: String = ""
    ) async throws -> [JSONObject] {
        let reply = try await proxies.ask(number, .get, "/v1/cluster?what=history\(query)")
        #expect(reply.status == 200, "\(reply.text)")
        guard case .object(let document) = try JSONValue(parsing: reply.body),
            case .array(let entries)? = document["entries"]
        else { return [] }
        return entries.compactMap { if case .object(let entry) = $0 { entry } else { nil } }
    }

    private static func changes(of entry: JSONObject?) -> [JSONObject] {
        guard case .array(let changes)? = entry?["changes"] else { return [] }
        return changes.compactMap { if case .object(let change) = $0 { change } else { nil } }
    }

    @Test(arguments: [
        "what=history&since=zz", "what=history&since=1-0-1-1", "what=history&request_id=r&limit=1",
        "what=history&request_id=r&of=bmd", "what=history&request_id=r&before=3",
        // The founding has no id; that is not what somebody asks for whose variable is unset.
        "what=history&request_id=", "what=history&request_id=&since=1-0-1-1",
    ])
    func `what says nothing beside the rest of a question is refused`(_ query: String) async throws
    {
        try await TestProxies.with(1) { proxies in
            let reply = try await proxies.ask(1, .get, "/v1/cluster?\(query)")
            #expect(reply.failure?.code == .badQuery, "\(reply.text)")
            #expect(reply.failure?.next != nil)
        }
    }

    @Test func `a change without a name, or with an empty one, is given one to look it up by`()
        async throws
    {
        try await TestProxies.with(1) { proxies in
            for headers in [[], [(HeaderName.requestID, "")]] {
                let reply = try await proxies.ask(
                    1, .put, "/v1/cluster/setconfig?stats_time=\(33 + headers.count)s",
                    headers: headers)
                #expect(reply.status == 200, "\(reply.text)")
                let id = try await Self.entries(proxies, 1).first?["request_id"]?.string ?? ""
                #expect(id.utf8.count == 16)
            }
        }
    }

    @Test func `a change is told with its author, its request, and both values`() async throws {
        try await TestProxies.with(2) { proxies in
            let reply = try await proxies.ask(
                2, .put, "/v1/cluster/setconfig?stats_time=33s&list_timeout=50s",
                headers: [(HeaderName.requestID, "req-17")])
            #expect(reply.status == 200)
            for number in 1...2 {
                let newest = try await Self.entries(proxies, number).first
                #expect(newest?["command"]?.string == "set_config")
                #expect(newest?["actor"]?.string == "client")
                #expect(newest?["request_id"]?.string == "req-17")
                #expect(newest?["address"]?.string?.hasPrefix("127.0.0.1:") == true)
                #expect(newest?["time"]?.string?.hasPrefix("20") == true)
                let changes = Self.changes(of: newest)
                #expect(
                    changes.map { $0["name"]?.string } == [
                        "client.list_timeout", "periodic.stats_time",
                    ])
                #expect(changes.map { $0["after"]?.string } == ["50s", "33s"])
                #expect(changes.map { $0["before"] } == [.null, .null])
            }
            _ = try await proxies.ask(1, .put, "/v1/daemon/setconfig?stats_time=5s")
            _ = try await proxies.ask(1, .put, "/v1/cluster/setconfig?stats_time=6s")
            let last = Self.changes(of: try await Self.entries(proxies, 1).first)
            #expect(last.map { $0["before"]?.string } == ["33s", "5s"])
            #expect(last.map { $0["node"]?.string } == [nil, "p1"])
        }
    }

    @Test func `maps, buckets and primaries are told apart, refusals and dry runs leave nothing`()
        async throws
    {
        try await TestProxies.with(2) { proxies in
            _ = try await proxies.create("b", through: 1)
            let count = try await Self.entries(proxies, 1).count
            _ = try await proxies.create("b", through: 1)
            _ = try await proxies.ask(1, .put, "/v1/cluster/setconfig?stats_time=x")
            _ = try await proxies.ask(1, .put, "/v1/cluster/setconfig?stats_time=1s&dry_run=true")
            #expect(try await Self.entries(proxies, 1).count == count)
            let buckets = try await Self.entries(proxies, 1, "&of=bmd")
            #expect(buckets.first?["command"]?.string == "create_bucket")
            let bucket = Self.changes(of: buckets.first).first { $0["what"]?.string == "bucket" }
            #expect(bucket?["before"] == .null)
            if case .object(let properties)? = bucket?["after"] {
                #expect(properties["write_policy"]?.string == "durable")
            } else {
                Issue.record("no properties")
            }
            #expect(try await Self.entries(proxies, 1, "&of=config").isEmpty)
            let handover = try await proxies.ask(1, .put, "/v1/cluster/proxy/p2")
            #expect(handover.status == 200, "\(handover.text)")
            let map = try await Self.entries(proxies, 2, "&of=smap").first
            #expect(map?["command"]?.string == "primary" && map?["actor"]?.string == "p2")
            let versions = Self.changes(of: map).first
            guard case .object(let before)? = versions?["before"],
                case .object(let after)? = versions?["after"]
            else {
                Issue.record("no versions")
                return
            }
            #expect(before["primary"]?.string == "p1" && after["primary"]?.string == "p2")
        }
    }

    @Test func `the history comes in pages, and outlives a restart`() async throws {
        try await TestProxies.with(1) { proxies in
            for number in 1...6 { _ = try await proxies.create("b\(number)", through: 1) }
            let all = try await Self.entries(proxies, 1)
            await proxies.stop(1)
            try await proxies.start(1)
            try await proxies.waitUntilReady(1)
            var indexes: [String] = []
            var before = ""
            repeat {
                let path =
                    "/v1/cluster?what=history&limit=2\(before.isEmpty ? "" : "&before=\(before)")"
                let reply = try await proxies.ask(1, .get, path)
                guard case .object(let page) = try JSONValue(parsing: reply.body),
                    case .array(let entries)? = page["entries"]
                else { break }
                indexes += entries.compactMap {
                    if case .object(let entry) = $0 { entry["index"]?.string } else { nil }
                }
                #expect(entries.count <= 2)
                before = page["before"]?.string ?? ""
            } while !before.isEmpty
            let old = all.compactMap { $0["index"]?.string }
            // The restart has named a primary anew; everything before is there as it was.
            #expect(Array(indexes.suffix(old.count)) == old)
            #expect(indexes == indexes.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) })
        }
    }

    @Test(arguments: ["&of=nonsense", "&limit=0", "&limit=1001", "&before=x", "&before=-1"])
    func `a question that makes no sense is refused`(_ query: String) async throws {
        try await TestProxies.with(1) { proxies in
            let reply = try await proxies.ask(1, .get, "/v1/cluster?what=history\(query)")
            #expect(reply.status == 400 && reply.failure?.code == .badQuery, "\(reply.text)")
        }
    }
}

import API
import HTTP
import Testing

@testable import Proxy

/// `version=N` and `diff=M` of the maps and the configuration.
@Suite(.serialized) struct PastVersionTests {
    private static func object(
        _ proxies: TestProxies, _ path: String, at number: Int = 1
    ) async throws -> JSONObject {
        let reply = try await proxies.ask(number, .get, path)
        #expect(reply.status == 200, "\(path): \(reply.text)")
        guard case .object(let object) = try JSONValue(parsing: reply.body) else {
            throw Failure(.badJSON, reply.text)
        }
        return object
    }

    private static func names(_ document: JSONObject, _ key: String) -> [String] {
        guard case .array(let items)? = document[key] else { return [] }
        return items.compactMap {
            guard case .object(let item) = $0 else { return nil }
            return item["name"]?.string
        }
    }

    @Test func `a map is read as it was, at any proxy, and compared`() async throws {
        try await TestProxies.with(2) { proxies in
            let first = try await proxies.ask(1, .get, "/v1/daemon?what=smap").text
            let version = try #require(
                try await Self.object(proxies, "/v1/daemon?what=smap")["version"]?.unsigned)
            let target = try await StubTarget.start(proxies)
            for (number, resource) in [(1, "daemon"), (2, "daemon"), (2, "cluster")] {
                let then = try await proxies.ask(
                    number, .get, "/v1/\(resource)?what=smap&version=\(version)")
                #expect(then.text == first)
                let difference = try await Self.object(
                    proxies, "/v1/\(resource)?what=smap&diff=\(version)", at: number)
                #expect(Self.names(difference, "added") == ["t1"])
                #expect(Self.names(difference, "removed").isEmpty)
                #expect(difference["to"]?.unsigned == version + 1)
            }
            // Backwards, too.
            let back = try await Self.object(
                proxies, "/v1/daemon?what=smap&diff=\(version + 1)&version=\(version)")
            #expect(Self.names(back, "removed") == ["t1"])
            await target.stop()
        }
    }

    @Test func `buckets and settings are compared by name`() async throws {
        try await TestProxies.with(1) { proxies in
            _ = try await proxies.create("a", through: 1)
            _ = try await proxies.create("b", through: 1)
            _ = try await proxies.ask(1, .delete, "/v1/buckets/a", #"{"action":"destroylb"}"#)
            let buckets = try await Self.object(proxies, "/v1/cluster?what=bmd&diff=2")
            #expect(Self.names(buckets, "added") == ["ais://b"])
            #expect(Self.names(buckets, "removed") == ["ais://a"])
            let then = try await proxies.ask(1, .get, "/v1/daemon?what=bucketmd&version=2")
            #expect(then.text.contains(#""a":"#) && !then.text.contains(#""b":{"#))

            _ = try await proxies.ask(1, .put, "/v1/cluster/setconfig?stats_time=33s")
            _ = try await proxies.ask(1, .put, "/v1/daemon/setconfig?stats_time=7s")
            let settings = try await Self.object(proxies, "/v1/cluster?what=config&diff=1")
            #expect(
                Self.names(settings, "added") == ["periodic.stats_time", "periodic.stats_time"])
            let own = try await Self.object(proxies, "/v1/daemon?what=config&diff=1")
            #expect(Self.names(own, "changed") == ["periodic.stats_time"])
            let middle = try await proxies.ask(1, .get, "/v1/daemon?what=config&version=2")
            #expect(middle.text.contains(#""stats_time":"33s""#))
            #expect(middle.text.contains(#""config_version":"2""#))
        }
    }

    @Test func `a version that is not there is refused by name`() async throws {
        try await TestProxies.with(1) { proxies in
            let rows: [(String, Int, FailureCode)] = [
                ("what=smap&version=99", 404, .versionNotFound),
                ("what=smap&diff=99", 404, .versionNotFound),
                ("what=smap&version=0", 400, .badQuery), ("what=smap&diff=x", 400, .badQuery),
                ("what=snode&version=1", 400, .unknownParameter),
                ("what=smap&version=1&wait_version=1", 400, .badQuery),
            ]
            for (query, status, code) in rows {
                let reply = try await proxies.ask(1, .get, "/v1/daemon?\(query)")
                #expect(reply.status == status && reply.failure?.code == code, "\(reply.text)")
            }
        }
    }
}

import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// An entry that cannot be read again would end every proxy that comes to it, at each start: nothing that a client sends may
/// become one.
@Suite(.serialized) struct UnreadableEntryTests {
    @Test func `names of any length that a client gives itself and its request end no proxy`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let long = String(repeating: "A", count: 300)
            let wide = String(repeating: "é", count: 200)
            let create = #"{"action":"createlb"}"#
            for (number, name) in [long, wide].enumerated() {
                let made = try await proxies.ask(
                    number + 1, .post, "/v1/buckets/a\(number)", create,
                    headers: [
                        (HeaderName.callerID, name), (HeaderName.clientAddress, name),
                    ])
                #expect(made.status == 200, "\(made.text)")
                let refused = try await proxies.ask(
                    number + 1, .post, "/v1/buckets/b\(number)", create,
                    headers: [(HeaderName.requestID, name)])
                #expect(refused.failure?.code == .badHeader, "\(refused.text)")
                #expect(refused.status == 400)
            }
            // As long as is allowed.
            let most = String(repeating: "r", count: LogRecord.textBytesMax)
            let made = try await proxies.ask(
                2, .post, "/v1/buckets/c", create, headers: [(HeaderName.requestID, most)])
            #expect(made.status == 200, "\(made.text)")
            let history = try await proxies.ask(3, .get, "/v1/cluster?what=history").text
            #expect(history.contains(most) && !history.contains("AAAA"), "\(history)")
            for number in 1...3 {
                #expect(try await proxies.create("d\(number)", through: number).status == 200)
            }
        }
    }

    @Test func `a duration that a bucket could not hold is refused as a value`() async throws {
        try await TestProxies.with(1) { proxies in
            for name in ["periodic.stats_time", "rebalance.dont_run_time"] {
                let long = String(repeating: "1s", count: 40)
                let refused = try await proxies.ask(
                    1, .put, "/v1/cluster/setconfig?\(name)=\(long)")
                #expect(refused.failure?.code == .badValue, "\(refused.text)")
                let longest = String(repeating: "9m", count: 32)  // As many bytes as it may have.
                let set = try await proxies.ask(
                    1, .put, "/v1/cluster/setconfig?\(name)=\(longest)")
                #expect(set.status == 200, "\(set.text)")
            }
            #expect(try await proxies.create("b", through: 1).status == 200)
        }
    }

    /// Whatever else may get as far: who proposes reads first what it is about to write.
    @Test func `what could not be read again is not proposed`() async throws {
        try await TestProxies.with(1) { proxies in
            var properties = BucketProperties()
            properties.lru.dontEvictTime = String(repeating: "1s", count: 40)
            let bucket = try #require(Bucket(name: "b"))
            let metadata = try #require(proxies.daemon(1)).metadata
            let failure = await #expect(throws: Failure.self) {
                try await metadata.change(
                    .createBucket(bucket, properties), for: .init(actor: "test"))
            }
            #expect(failure?.code == .badValue, "\(failure as Any)")
            #expect(try await proxies.create("b", through: 1).status == 200)
        }
    }

    @Test func `a dry run that is named without a value, or twice, changes nothing`() async throws {
        try await TestProxies.with(1) { proxies in
            for query in [
                "dry_run", "dry_run=", "dry_run=false&dry_run=true", "dry_run=true&dry_run=false",
            ] {
                let reply = try await proxies.ask(
                    1, .put, "/v1/cluster/setconfig?stats_time=23s&\(query)")
                #expect(reply.text.contains(#""dry_run":true"#), "\(query): \(reply.text)")
            }
            let config = try await proxies.ask(1, .get, "/v1/daemon?what=config").text
            #expect(!config.contains("23s"))
            let wrong = try await proxies.ask(
                1, .put, "/v1/cluster/setconfig?stats_time=23s&dry_run=maybe")
            #expect(wrong.status == 400, "\(wrong.text)")
        }
    }
}

import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// What clients keep goes through a forced recovery with the log that went on.
@Suite(.serialized) struct SessionsAcrossRecoveryTests {
    /// CL-01, RD-11: a request that was made before is not made again, and a watcher misses nothing that was kept.
    @Test func `sessions and watchers go on in the generation that a recovery begins`() async throws
    {
        try await TestProxies.with(3) { proxies in
            let session = try await proxies.openSession(through: 1, lifetime: "10m")
            let first = try await proxies.create("once", through: 3, session, 1)
            let place = try #require(first.header(HeaderName.position))
            // It is applied at the one that will go on.
            _ = try await proxies.ask(2, .get, "/v1/buckets/*")
            for number in [1, 3] { await proxies.stop(number) }
            try await eventually("p2 has noticed that it is alone") {
                let plan = try await proxies.ask(2, .get, "/v1/cluster?what=recovery_plan")
                guard case .object(let document) = try JSONValue(parsing: plan.body) else {
                    return false
                }
                return document["verdict"]?.string != "blocked"
            }
            let forced = try await proxies.ask(
                2, .put, "/v1/daemon/proxy/p2?frc=true&can=\(try proxies.endpoint(2))")
            #expect(forced.status == 200, "\(forced.text)")
            #expect(try await proxies.create("after", through: 2).status == 200)
            let again = try await proxies.create("once", through: 2, session, 1)
            #expect(again.status == 200, "\(again.text)")
            #expect(again.header(HeaderName.position) == place)
            #expect(try await proxies.create("next", through: 2, session, 2).status == 200)

            let watched = try await proxies.ask(
                2, .get, "/v1/cluster?what=watch&of=bmd&timeout=0&after=\(place)")
            #expect(watched.status == 200, "\(watched.text)")
            #expect(watched.text.contains("\"after\"") && watched.text.contains("\"next\""))
            #expect(!watched.text.contains("\"once\""))
            // What the old generation may have had beyond it is nothing to go on from.
            var beyond = try #require(LogPosition(text: place))
            beyond.index += 1_000
            let lost = try await proxies.ask(
                2, .get, "/v1/cluster?what=watch&timeout=0&after=\(beyond.text)")
            #expect(lost.failure?.code == .historyCompacted, "\(lost.text)")
        }
    }
}

import API
import Cluster
import Consensus
import Foundation
import HTTP
import MetaStore
import TestSupport
import Testing

@testable import Proxy

/// Handing over to a proxy that stands still before an entry which the others can read (docs/decisions/0031).
@Suite(.serialized) struct HeirCheckTests {
    @Test func `only what keeps it from leading counts against a proxy`() throws {
        let heir = try #require(NodeID("p2"))
        let told = Failure(
            .logUnreadable, "log entry 17 of term 3 is not damaged, and this proxy cannot read it",
            next: "bring this one to their version")
        let obstacle = try #require(HeirCheck.obstacle(to: heir, saying: told))
        #expect(obstacle.code == .logUnreadable && obstacle.status == 503)
        #expect(obstacle.message.hasPrefix("p2 cannot be primary"))
        #expect(obstacle.message.contains("log entry 17"))
        #expect(obstacle.next?.contains("bring this one to their version") == true)
        // It may be behind, or have heard of no primary yet: then it takes over all the same, or the hand-over tells.
        for code in [FailureCode.starting, .noPrimary, .noQuorum, .stopping, .olderGeneration] {
            #expect(HeirCheck.obstacle(to: heir, saying: Failure(code, "not ready")) == nil)
        }
    }

    /// CL-09
    @Test func `nothing is handed to a proxy that cannot read the log, and it is said at once`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let old = try #require(try await proxies.primary(asSeenBy: 1))
            let (blocked, other) = (old % 3 + 1, (old + 1) % 3 + 1)
            await proxies.stop(blocked)
            let term = try #require(proxies.daemon(old)?.group.status.term)
            #expect(try await proxies.create("b", through: old).status == 200)
            let mark = try plant(in: proxies.dataPath(blocked), term)
            try await restart(proxies, blocked)
            try await eventually("p\(blocked) says what it cannot read") {
                let health = try? await proxies.ask(blocked, .get, "/v1/health?readiness=true")
                return health?.failure?.code == .logUnreadable
            }

            for asked in [old, other, blocked] {
                let begun = ContinuousClock.now
                let refused = try await proxies.ask(
                    asked, .put, "/v1/cluster/proxy/p\(blocked)")
                #expect(refused.failure?.code == .logUnreadable, "\(refused.text)")
                #expect(refused.status == 503)
                #expect(
                    refused.text.contains("p\(blocked) cannot be primary")
                        && refused.text.contains("log entry \(mark.index) of term"),
                    "\(refused.text)")
                #expect(ContinuousClock.now - begun < .seconds(1), "\(refused.text)")
                let plan = try await proxies.ask(
                    asked, .put, "/v1/cluster/proxy/p\(blocked)?dry_run=true")
                #expect(plan.status == 200, "\(plan.text)")
                #expect(
                    plan.text.contains(#""verdict":"blocked""#)
                        && plan.text.contains("log entry \(mark.index) of term"), "\(plan.text)")
            }
            let status = try #require(proxies.daemon(old)?.group.status)
            #expect(status.role == .leader && status.term == term, "it did not end its term")

            // A primary that leaves hands over to the one that can read, whoever has more of the log.
            let leaving = try await proxies.ask(
                old, .put, "/v1/daemon?dry_run=true", #"{"action":"shutdown"}"#)
            #expect(leaving.text.contains("p\(other) becomes primary"), "\(leaving.text)")
            let moved = try await proxies.ask(old, .put, "/v1/cluster/proxy/p\(other)")
            #expect(moved.status == 200, "\(moved.text)")
            await proxies.stop(other)
            // Those that are left are a majority; only one of them can lead.
            try await eventually("p\(old) leads again") {
                try await proxies.create("c", through: old).status == 200
            }
        }
    }

    /// Writes an entry behind a log that cannot be read, at the place of one that the others have and can: what an older version would
    /// see in that.
    private func plant(in directory: String, _ term: Term) throws -> LogMark {
        let opened = try MetadataDirectory.open(directory, mayBeginAfresh: false) { MemberID(0) }
        let mark = LogMark(index: try opened.log.outline().last.index.next, term: term)
        let record = LogRecord(.startRebalance, actor: String(repeating: "A", count: 300))
        let entry = Entry(
            index: mark.index, term: mark.term, time: opened.recovered.lastTime, kind: .command,
            payload: record.encoded)
        try opened.log.write(WriteBatch(sequence: .zero, entries: [entry]))
        return mark
    }

    /// The log's file is free a moment after the last that had it open.
    private func restart(_ proxies: TestProxies, _ number: Int) async throws {
        var failure: (any Error)?
        for _ in 0..<100 {
            do { return try await proxies.start(number) } catch { failure = error }
            try await Task.sleep(for: .milliseconds(10))
        }
        if let failure { throw failure }
    }
}

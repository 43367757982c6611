import Consensus
import Testing

@testable import Simulation

/// Bulk and heartbeats on one slow link.
@Suite struct SlowLinkTests {
    /// Member 2 leads, 3 comes back and needs a snapshot over its link, and meanwhile 1 dies: leader and receiver are
    /// the majority, so their heartbeats have to get through beside the snapshot.
    ///
    /// The link carries 20 kB/s in place of 1 MB/s, and state and pieces are as much smaller.
    private func plan(pieceBytes: Int) throws -> Plan {
        let bursts = (0..<8).map { "at \(2_000_000 + $0 * 500_000) burst 400 1 0" }
        return try #require(
            Plan(
                text: """
                    seed 1
                    subject memory
                    seconds 16
                    chunkBytes \(pieceBytes)
                    retained 50
                    stride 10
                    think 100
                    at 1000000 crash 3 1 7000000
                    \(bursts.joined(separator: "\n"))
                    at 7000000 throttle 3 20 9000000
                    at 8300000 crash 1 1 4000000
                    """))
    }

    /// NW-06, RE-15: with pieces of the production size there is no election.
    @Test func `a snapshot on a slow link costs no election`() throws {
        let pieceBytes = Limits().snapshotChunkBytes * 20 / 1_000
        let verdict = try Campaign.run(plan(pieceBytes: pieceBytes), isTracing: true)
        #expect(verdict.violation == nil)
        #expect(verdict.trace.contains { $0.contains("2 leads term 1") })
        let restored = try #require(verdict.trace.first { $0.contains("3 restored at") })
        // It took as long as so many bytes take, so the link was slow indeed.
        let moment = try #require(restored.split(separator: " ").first.flatMap { Int($0) })
        #expect(moment > 9_000_000)
        #expect(verdict.counts.elections == 1)
    }

    /// What the size of pieces is for.
    @Test func `pieces that hold a heartbeat up for long cost elections`() throws {
        let verdict = try Campaign.run(plan(pieceBytes: 3_200))
        #expect(verdict.violation == nil)
        #expect(verdict.counts.elections > 1)
    }
}

import Testing

@testable import Simulation

/// There are no leases: every read has a round of its own, whatever happens to clocks, processes and leaders.
@Suite struct ReadTests {
    /// Every member is paused in turn for longer than any lease could be, with and without the leader cut off; ticks drift
    /// by half, wall clocks leap, and leadership is handed over again and again.
    private func plan(_ seed: UInt64) throws -> Plan {
        var events: [String] = []
        for round in 0..<10 {
            let start = 1_000_000 + round * 1_500_000
            events += [
                "at \(start) pause \(round % 3 + 1) 1 1200000",
                "at \(start + 100_000) leap \((round + 1) % 3 + 1) 1 86400000000",
                "at \(start + 300_000) transfer \((round + 1) % 3 + 1) \((round + 2) % 3 + 1) 0",
                "at \(start + 700_000) transfer \((round + 2) % 3 + 1) \(round % 3 + 1) 0",
                "at \(start + 900_000) isolateLeader 1 1 800000",
            ]
        }
        return try #require(
            Plan(
                text: """
                    seed \(seed)
                    subject memory
                    seconds 17
                    clients 5
                    think 10
                    patience 1000
                    reads 60
                    drift 50
                    \(events.joined(separator: "\n"))
                    """))
    }

    /// RD-06, RD-07, RD-08, TR-11.
    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `no read is answered without a round that began after it`(seed: UInt64) throws {
        let verdict = try Campaign.run(plan(seed))
        #expect(verdict.violation == nil)
        #expect(verdict.counts.reads > 500)
        #expect(verdict.counts.elections > 3)
    }

    /// RD-06, RD-07: a lease without end, and one that lasts until the next round, as these checks see them.
    @Test(arguments: ["readConfirmed", "readRoundIsOwn"])
    func `a read that rests on what was known before it is found`(defect: String) throws {
        let planted = try #require(Defect(name: defect))
        let violation = try Campaign.run(plan(1), defect: planted).violation
        #expect(violation?.text.hasPrefix("RD-06") == true, "\(violation?.text ?? "nothing")")
    }
}

import FoundationEssentials
import Simulation
import Testing

/// Plans that once failed, made small and kept. `# finds: NAME` says which defect each shows; with the
/// defect planted it must still fail, and without it hold.
@Suite struct PlanTests {
    static let directory = String(#filePath.dropLast("PlanTests.swift".count)) + "Plans"

    static var names: [String] {
        let files = try? FileManager.default.contentsOfDirectory(atPath: directory)
        return (files ?? []).filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test(arguments: names) func `a kept plan shows its defect and nothing else`(
        name: String
    ) throws {
        let text = try String(contentsOfFile: "\(Self.directory)/\(name)", encoding: .utf8)
        let plan = try #require(Plan(text: text))
        let first = try #require(text.split(separator: "\n").first)
        let defect = try #require(Defect(name: String(first.dropFirst("# finds: ".count))))
        #expect(try Campaign.run(plan).violation == nil)
        #expect(try Campaign.run(plan, defect: defect).violation != nil)
    }

    /// The budget itself: seed 280400266 took the only disk that had the newest generation, because its configuration named two
    /// others that had not adopted it. Nobody could lead after that, and nobody was to blame.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `the only disk that has the newest generation is not taken`(seed: UInt64) throws {
        let plan = try #require(
            Plan(
                text: """
                    seed \(seed)
                    subject memory
                    seconds 12
                    voters 5
                    think 200
                    at 5000000 force 24 2 8000000
                    at 5001000 pause 2 1 6000000
                    at 5001000 pause 3 1 6000000
                    at 7600000 wipe 1 1 0
                    at 8200000 wipe 1 1 0
                    at 8800000 wipe 1 1 0
                    """))
        let verdict = try Campaign.run(plan)
        #expect(verdict.violation == nil && verdict.counts.recoveries > 0)
    }

    /// Plans after which nobody could lead, and nobody was to blame: the faults had taken more than they may.
    private static let budgets = [
        // One of the two whom a removal would leave lost its disk between its answer to the leader and the entry that removed
        // the third.
        """
            seed 310100320
            seconds 18
            duplication 327
            delaySpread 24000
            deferring 1
            at 13852674 remove 2 1 2746075
            at 13876882 wipe 3 1 3508533
        """,
        // The only one left after a disaster was a learner that had shown a state and flushed nothing of it.
        """
            seed 320100566
            seconds 24
            voters 5
            clients 4
            think 100
            reads 60
            slow 960
            flushSpread 38000
            electionMin 6
            electionMax 12
            inFlight 1
            retained 1
            stride 13
            at 1203309 partition 15 5 3759017
            at 1601359 burst 38 1 2679731
            at 1601393 isolateLeader 3 3 3485565
            at 1807080 replay 4 3 958304
            at 1942567 crash 1 5 192476
            at 2049713 partition 15 2 63169
            at 2072617 force 17 98 807060
            at 2232341 crash 2 2 728410
            at 3659879 crash 4 4 82017
            at 3755571 force 16 112 2475080
            at 15558428 stall 1 5 539831
            at 15567529 isolateLeader 5 3 3658606
            at 16409175 addLearner 2 3 458272
            at 19273050 partition 22 2 1392607
            at 19680906 crash 1 1 777057
            at 20776321 stall 2 5 1644467
            at 21128348 force 19 97 1925950
            at 21196502 crash 1 3 309404
        """,
    ]

    @Test(arguments: budgets)
    func `faults leave somebody who can lead`(text: String) throws {
        let lines = text.split(separator: "\n").map { $0.drop { $0 == " " } }
        let plan = try #require(Plan(text: lines.joined(separator: "\n")))
        #expect(try Campaign.run(plan).violation == nil)
    }
}

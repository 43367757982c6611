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

    /// And seed 310100320 took the disk of one of the two whom a removal would leave, in the moment between its answer to the leader
    /// and the entry that removed the third.
    @Test func `no disk is taken that a change of members which waits counts on`() throws {
        let plan = try #require(
            Plan(
                text: """
                    seed 310100320
                    seconds 18
                    duplication 327
                    delaySpread 24000
                    deferring 1
                    at 13852674 remove 2 1 2746075
                    at 13876882 wipe 3 1 3508533
                    """))
        #expect(try Campaign.run(plan).violation == nil)
    }
}

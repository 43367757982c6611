import Simulation
import Testing

/// Whole groups under seeded faults.
@Suite struct CampaignTests {
    /// TM-05 for a whole run: nothing but the seed decides.
    @Test(arguments: [SubjectName.memory, .disk, .sessions])
    func `equal seeds give equal traces`(subject: SubjectName) throws {
        for seed in 3...4 as ClosedRange<UInt64> {
            let plan = Plan(seed: seed, subject: subject, seconds: 2)
            let first = try Campaign.run(plan, isTracing: true)
            let second = try Campaign.run(plan, isTracing: true)
            #expect(first.trace.count > 100)
            #expect(first.trace == second.trace)
        }
    }

    /// The gate of every change runs hundreds in a release build; these are here for a debugger.
    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `no promise is broken`(seed: UInt64) throws {
        for subject in [SubjectName.memory, .disk, .sessions] {
            let verdict = try Campaign.run(Plan(seed: seed, subject: subject, seconds: 4))
            #expect(verdict.violation == nil)
            #expect(verdict.counts.undecided == 0)
        }
    }

    /// EL-01, IN-15 where nothing excuses a delay.
    @Test func `without faults there is one election and no request fails`() throws {
        let verdict = try Campaign.run(Plan(calm: 9, seconds: 2))
        #expect(verdict.violation == nil)
        #expect(verdict.counts.elections == 1)
        #expect(verdict.counts.unknown == 0)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `a plan survives being written down`(seed: UInt64) {
        let plan = Plan(seed: seed, seconds: 60)
        #expect(Plan(text: plan.text) == plan)
        #expect(Plan(text: "seed 1\nat noon crash") == nil)
    }

    /// CL-01, CL-02, CL-03, CL-04, CL-06, CL-08 at random: clients send every request again, anywhere, until it has an answer.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `requests of sessions have one answer each`(seed: UInt64) throws {
        let verdict = try Campaign.run(Plan(seed: seed, subject: .sessions, seconds: 6))
        #expect(verdict.violation == nil)
        #expect(verdict.counts.acknowledged > 0 && verdict.counts.undecided == 0)
    }

    /// CL-01, CL-03, CL-04: a table that is not in snapshots, ends of sessions by clocks, copies that are made again.
    @Test(arguments: ["forgetsSessions", "endsSessionsByClock", "makesCopies"])
    func `a defect of sessions is found`(name: String) throws {
        let defect = try #require(Defect(name: name))
        var found: Violation?
        for seed in 1...16 as ClosedRange<UInt64> where found == nil {
            let plan = Plan(seed: seed, subject: defect.subject, seconds: 8)
            found = try Campaign.run(plan, defect: defect).violation
        }
        #expect(found != nil)
    }

    /// CL-05, CL-07: requests that come seconds late, to whoever leads then, after somebody has looked what had become of them.
    @Test(arguments: [9, 25] as [UInt64])
    func `what is long under way is made in its term or never`(seed: UInt64) throws {
        var plan = Plan(seed: seed, seconds: 6)
        plan.conditions.stragglers = 60
        let verdict = try Campaign.run(plan)
        #expect(verdict.violation == nil)
        #expect(verdict.counts.acknowledged > 0 && verdict.counts.lookups > 0)
    }

    /// ST-06: disks that are full one after another, and all at once, with as good as nothing left or with enough for a while.
    @Test(arguments: [20, 26, 27] as [UInt64], [SubjectName.memory, .disk])
    func `full disks cost nothing that was acknowledged`(
        seed: UInt64, subject: SubjectName
    ) throws {
        var lines = ["seed \(seed)", "subject \(subject.rawValue)", "seconds 10", "shared 80"]
        for second in [1, 3, 5, 7, 9] as [UInt64] {
            lines.append(
                "at \(second * 1_000_000) fill \((second + seed) % 4) \(second / 2 % 4) 1500000")
        }
        let plan = try #require(Plan(text: lines.joined(separator: "\n")))
        let verdict = try Campaign.run(plan)
        #expect(verdict.violation == nil)
        #expect(verdict.counts.acknowledged > 100 && verdict.counts.refused > 0)
    }

    /// ST-06.
    @Test(arguments: ["losesWhatDoesNotFit", "shortTakesNothing"])
    func `a defect of full disks is found`(name: String) throws {
        let defect = try #require(Defect(name: name))
        var found: Violation?
        for seed in [20, 27, 42, 148] as [UInt64] where found == nil {
            found = try Campaign.run(Plan(seed: seed, seconds: 15), defect: defect).violation
        }
        #expect(found != nil)
    }

    /// A share of the teeth, those that are found quickly and without ending the process.
    @Test(arguments: [
        "oneVotePerTerm", "termDurableFirst", "onlyConflictGivesWay", "entriesDurableFirst",
        "messageWaitsForWrite", "forgetsVote", "confirmsTooMuch",
    ])
    func `a planted defect is found`(name: String) throws {
        let defect = try #require(Defect(name: name))
        var found: Violation?
        for seed in 1...4 as ClosedRange<UInt64> where found == nil {
            let plan = Plan(seed: seed, subject: defect.subject, seconds: 10)
            found = try Campaign.run(plan, defect: defect).violation
        }
        #expect(found != nil)
    }

    @Test func `a shrunk plan fails in the same way and is smaller`() throws {
        let defect = try #require(Defect(name: "confirmsTooMuch"))
        var plan = Plan(seed: 1, seconds: 3)
        var found = try Campaign.run(plan, defect: defect).violation
        while found == nil, plan.seed < 16 {
            plan = Plan(seed: plan.seed + 1, seconds: 3)
            found = try Campaign.run(plan, defect: defect).violation
        }
        let violation = try #require(found)
        let small = Shrinker(defect: defect, triesMax: 30).shrink(plan, violation)
        #expect(small.events.count <= plan.events.count)
        #expect(small.seconds <= plan.seconds)
        let again = try Campaign.run(small, defect: defect).violation
        #expect(again?.text.prefix(5) == violation.text.prefix(5))
    }
}

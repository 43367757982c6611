import Testing

@testable import Consensus

/// A voter that is alone is a majority that proves nothing, so it works its state out a second time (ST-13).
@Suite struct LoneVoterTests {
    /// Three, of which two will be lost.
    private static func three(limits: Limits = Limits()) -> Group {
        var group = Group(voters: 3, limits: limits)
        group.elect(1)
        group.propose("before", at: 1)
        group.tick(60)
        return group
    }

    /// The others are lost, and a person has this one go on alone.
    private static func force(_ id: UInt64, in group: inout Group) {
        for other in 1...3 as ClosedRange<UInt64> where other != id { group.crash(other) }
        group.tick(30)
        let token = group.recover(id, voters: [id], givenUp: [1, 2, 3].filter { $0 != id })
        group.settle()
        guard case .done = group.recovered(token, at: id) else {
            Issue.record("\(group.recovered(token, at: id))")
            return
        }
    }

    private static func damages(_ group: Group, _ id: UInt64) -> Int {
        group.members[MemberID(id)]?.damages.count ?? 0
    }

    /// ST-13: nobody else is there to notice.
    @Test(arguments: [true, false])
    func `a group of one finds out that its state is wrong`(isBusy: Bool) {
        var group = Group(voters: 1)
        group.elect(1)
        for number in 0..<1_500 { group.propose("\(number)", at: 1) }
        group.tick(60)
        group.disturb(1)
        for number in 0..<(isBusy ? 1_500 : 0) { group.propose("more \(number)", at: 1) }
        group.tick(20)
        let right = (0..<1_500).map { "\($0)" } + (0..<(isBusy ? 1_500 : 0)).map { "more \($0)" }
        #expect(group.lines(1) == right)
        #expect(Self.damages(group, 1) == 1 && group[1].doubt == nil)
        #expect(group.members[MemberID(1)]?.repairs == 1)
        group.propose("after", at: 1)
        group.tick(60)
        group.restart(1)
        group.tick(60)
        #expect(group.lines(1) == right + ["after"])
        #expect(Self.damages(group, 1) == 1, "what is on its disk is right as well")
    }

    /// ST-13: when memory has not kept the entries, there is nothing to go by, and no reason to stand still either.
    @Test func `what cannot be worked out is believed`() {
        var limits = Limits()
        limits.cacheBytesMax = 1
        var group = Group(voters: 1, limits: limits)
        group.elect(1)
        for number in 0..<30 {
            group.propose("\(number)", at: 1)
            group.tick(3)
        }
        group.disturb(1)
        group.propose("next", at: 1)
        group.settle()
        let change = group.propose("and next", at: 1)
        group.tick(100)
        let read = group.read(at: 1)
        group.settle()
        #expect(group.outcomes(change, at: 1) == ["applied"] && group[1].doubt == nil)
        guard case .ready = group.reads(read, at: 1).first else {
            Issue.record("\(group.reads(read, at: 1))")
            return
        }
        #expect(group.lines(1).suffix(3) == ["nobody wrote this", "next", "and next"])
    }

    /// FS-01, ST-13, found by simulation, seed 544450753: its state is wrong, nobody has noticed yet, and a forced recovery makes it
    /// its own majority. Learners that are right took its state.
    @Test func `who goes on alone does not teach others what is wrong`() {
        var group = Self.three()
        let right = group.lines(1) + ["next", "record"]
        group.disturb(2)
        group.propose("next", at: 1)
        group.tick(4)
        #expect(group[2].quarantine == nil, "nobody has noticed")
        Self.force(2, in: &group)
        #expect(group.lines(2) == right, "before anybody has asked")
        group.addBlank(4)
        group.change(.addLearner(MemberID(4)), at: 2)
        group.tick(100)
        for id in [2, 4] as [UInt64] { #expect(group.lines(id) == right) }
        #expect(group.members[MemberID(4)]?.quarantines.isEmpty == true)
        #expect(Self.damages(group, 2) == 1)
    }

    /// ST-13: what is told to learners is what was worked out, and not what happens to be here; a learner that is wrong hears of it.
    @Test(arguments: [1, 2] as [UInt64])
    func `a voter that is alone and its learner differ`(wrong: UInt64) {
        var group = Group(voters: 1, learners: 1)
        group.elect(1)
        group.propose("before", at: 1)
        group.tick(60)
        group.disturb(wrong)
        for text in ["next", "and next"] {
            group.proposeFromState(text, at: 1)
            group.tick(2)
        }
        group.tick(100)
        let quarantines = group.members[MemberID(2)]?.quarantines.count
        #expect(quarantines == (wrong == 2 ? 2 : 0))
        #expect(Self.damages(group, 1) == (wrong == 1 ? 1 : 0))
        #expect(group.lines(1) == group.lines(2) && group[2].doubt == nil)
        #expect(!group.lines(1).contains("nobody wrote this"))
    }

    /// ST-13: a learner that needs a snapshot keeps the wrong state from being replaced; it gets what was worked out.
    @Test func `a voter that is alone gives others what it has worked out`() {
        var limits = DriverLimits()
        (limits.retainedEntries, limits.compactionStride) = (4, 2)
        var group = Group(voters: 1, driverLimits: limits)
        group.elect(1)
        for number in 0..<30 {
            group.propose("\(number)", at: 1)
            group.tick(3)
        }
        let right = group.lines(1)
        group.addBlank(4)
        group.loses = { if case .snapshotChunk = $0.message { true } else { false } }
        group.change(.addLearner(MemberID(4)), at: 1)
        group.tick(8)
        group.disturb(1)
        group.tick(8)
        #expect(group[1].doubt != nil, "it shows nothing while it cannot replace it")
        group.loses = { _ in false }
        group.tick(200)
        #expect(group[4].replica.baseIndex > .zero, "it got a snapshot")
        for id in [1, 4] as [UInt64] { #expect(group.lines(id) == right) }
        #expect(group[1].doubt == nil && Self.damages(group, 1) == 1)
    }

    /// FS-01, ST-13: it knows that its state is wrong, nobody is left to take another one from, and a person has decided to go on.
    @Test(arguments: [false, true])
    func `who knows that its state is wrong goes on with what the log leads to`(
        hasForgotten: Bool
    ) {
        var group = Self.three()
        let right = group.lines(1)
        group.disturb(3)
        group.loses = { if case .snapshotWanted = $0.message { true } else { false } }
        group.propose("next", at: 1)
        group.tick(60)
        #expect(group[3].quarantine != nil)
        // What others had confirmed is gone with the process: then what it has is all there is.
        if hasForgotten { group.restart(3) }
        Self.force(3, in: &group)
        #expect(group.members[MemberID(3)]?.storage.stateWrongFrom == nil)
        for isRestarted in [false, true] {
            if isRestarted { group.restart(3) }
            group.tick(60)
            #expect(group.leaders == [MemberID(3)] && group[3].quarantine == nil)
            let after = group.propose("after", at: 3)
            group.settle()
            #expect(group.outcomes(after, at: 3) == ["applied"])
        }
        let lines = group.lines(3)
        #expect(lines.contains("nobody wrote this") == hasForgotten)
        if !hasForgotten { #expect(lines.filter { $0 != "after" } == right + ["next", "record"]) }
    }
}

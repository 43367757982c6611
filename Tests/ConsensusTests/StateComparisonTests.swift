import Testing

@testable import Consensus

/// States that part although the logs agree.
@Suite struct StateComparisonTests {
    private func started(
        voters: Int = 3, limits: Limits = Limits(), driverLimits: DriverLimits = DriverLimits()
    ) -> Group {
        var group = Group(voters: voters, limits: limits, driverLimits: driverLimits)
        group.elect(1)
        for number in 0..<30 {
            group.propose("\(number)", at: 1)
            group.tick(3)
        }
        return group
    }

    /// ST-13: named by the others, quarantined by itself, and itself again with a state that is right.
    @Test func `a follower whose state differs is named, and gets another`() throws {
        var group = started()
        let before = group[3].applied.index
        group.disturb(3)
        group.propose("next", at: 1)
        group.tick(8)
        let wrong = group.lines(3)
        #expect(wrong.contains("nobody wrote this"))
        group.tick(80)
        let member = try #require(group.members[MemberID(3)])
        let first = try #require(member.quarantines.first)
        let difference = try #require(first)
        #expect(difference.equalAt == before)
        #expect(difference.differsAt == before.next)
        #expect(member.quarantines.count == 2 && member.quarantines.last == .some(nil))
        #expect(group.members[MemberID(1)]?.diverged.contains(MemberID(3)) == true)
        #expect(group.members[MemberID(1)]?.quarantines.isEmpty == true)
        #expect(group.members[MemberID(2)]?.quarantines.isEmpty == true)
        #expect(group.lines(3) == group.lines(1))
        #expect(!group[3].replica.isQuarantined && group[3].status.quarantine == nil)
        // What is on its disk is right as well, and it takes part as before.
        group.restart(3)
        group.propose("after", at: 1)
        group.tick(500)
        #expect(group.lines(3) == group.lines(1) && group.lines(3).last == "after")
        #expect(group[1].status.differing.isEmpty)
    }

    /// ST-13: a leader answers from its state, so it leads no more.
    @Test func `a leader whose state differs steps down`() {
        var group = started()
        group.disturb(1)
        group.propose("next", at: 1)
        group.tick(200)
        #expect(group.members[MemberID(1)]?.quarantines.count == 2)
        #expect(group.leaders.count == 1 && group.leaders != [MemberID(1)])
        for id in 2...3 as ClosedRange<UInt64> {
            #expect(group.lines(id) == group.lines(1))
            #expect(group.members[MemberID(id)]?.quarantines.isEmpty == true)
        }
    }

    /// ST-13: found by simulation, seed 340500746. It had asked for votes when the others said that its state is wrong.
    @Test func `whoever is quarantined while it stands for election does not win it`() {
        var group = started()
        group.crash(1)
        group.age(2, ticks: 40)
        group.loses = { if case .voteReply = $0.message { true } else { false } }
        for _ in 0..<200 where group[3].replica.roleName != .candidate { group.tick(1, [3]) }
        var replica = group[3].replica
        #expect(replica.roleName == .candidate)
        let vote = Envelope(
            from: MemberID(2), to: MemberID(3), generation: Group.generation, term: replica.term,
            message: .voteReply(granted: true))
        _ = replica.handle(.quarantine(from: Index(1)))
        _ = replica.handle(.received(vote))
        #expect(replica.roleName == .follower)
        // Without that it would have.
        replica = group[3].replica
        _ = replica.handle(.received(vote))
        #expect(replica.roleName == .leader)
    }

    /// ST-13: also without any change, and with the log compacted to its tip.
    @Test func `an idle group compares as well`() {
        var group = started()
        group.disturb(2)
        // It is the state after entries that is compared; the next is that of another leader.
        group.crash(1)
        group.tick(60)
        group.restart(1)
        group.tick(900)
        for id in 1...3 as ClosedRange<UInt64> { #expect(group.lines(id) == group.lines(1)) }
        #expect(!group.lines(1).contains("nobody wrote this"))
    }

    /// ST-13: without a majority nobody can say who is wrong; both say that they differ.
    @Test func `two that differ are reported, and neither is believed less`() {
        var group = started(voters: 2)
        group.disturb(2)
        group.propose("next", at: 1)
        group.tick(60)
        #expect(group[1].status.differing.keys.contains(MemberID(2)))
        #expect(group[2].status.differing.keys.contains(MemberID(1)))
        #expect(group.members[MemberID(2)]?.quarantines.isEmpty == true)
        #expect(group.leaders == [MemberID(1)])
    }

    /// ST-13: three states, no two alike: there is no majority to follow.
    @Test func `without two that agree nobody is outvoted`() {
        var group = started()
        group.disturb(2)
        group.disturb(3)
        group.disturb(3)
        group.propose("next", at: 1)
        group.tick(60)
        for id in 1...3 as ClosedRange<UInt64> {
            #expect(group.members[MemberID(id)]?.quarantines.isEmpty == true)
            #expect(group[id].status.differing.count == 2)
        }
    }

    // MARK: what entries tell

    /// Two changes: the first makes the difference part of the state after an entry, the second tells of that entry.
    private func proposeTwice(_ group: inout Group) {
        for text in ["next", "and next"] {
            group.proposeFromState(text, at: 1)
            group.tick(2)
        }
    }

    /// ST-13: caught at the next entry, not at the next comparison.
    @Test func `an entry tells a follower at once that its state is wrong`() throws {
        var group = started()
        group.tick(40)
        group.disturb(3)
        proposeTwice(&group)
        let member = try #require(group.members[MemberID(3)])
        #expect(member.doubts.count == 2 && member.doubts.first != .some(nil))
        #expect(member.doubts.last == .some(nil))
        #expect(member.quarantines.first != nil)
        group.tick(20)
        #expect(group.lines(3) == group.lines(1) && group[3].doubt == nil)
        for id in [1, 2] as [UInt64] {
            #expect(group.members[MemberID(id)]?.doubts.isEmpty == true)
            #expect(group.members[MemberID(id)]?.quarantines.isEmpty == true)
        }
    }

    /// ST-13: what the leader says counts no more than what anybody says. Its followers doubt themselves until they have
    /// asked each other.
    @Test func `an entry of a leader that is wrong makes it lead no more`() throws {
        var group = started()
        group.tick(40)
        group.disturb(1)
        proposeTwice(&group)
        for id in [2, 3] as [UInt64] {
            #expect(group.members[MemberID(id)]?.doubts.count == 2)
            #expect(group.members[MemberID(id)]?.quarantines.isEmpty == true)
        }
        #expect(group.members[MemberID(1)]?.quarantines.isEmpty == false)
        group.tick(200)
        #expect(group.leaders.count == 1 && group.leaders != [MemberID(1)])
        #expect(group.lines(1) == group.lines(2) && group.lines(2) == group.lines(3))
        // Its entries stay in the log, and are wrong for ever. Who reads them again has been told.
        let doubts = group.members[MemberID(2)]?.doubts.count
        group.restart(2)
        group.tick(200)
        #expect(group.members[MemberID(2)]?.doubts.count == doubts)
    }

    /// ST-13: two, and no majority: who leads goes on, and the other one shows nothing.
    @Test func `without a majority a doubt stays`() {
        // Nothing is left in memory from which either could work its state out again.
        var limits = Limits()
        limits.cacheBytesMax = 1
        var group = started(voters: 2, limits: limits)
        group.disturb(2)
        proposeTwice(&group)
        group.tick(300)
        #expect(group[2].doubt != nil && group[2].status.doubt != nil)
        #expect(group.members[MemberID(2)]?.quarantines.isEmpty == true)
        #expect(group.leaders == [MemberID(1)])
    }

    /// ST-13: two cannot outvote each other, but the log says what either state should be.
    @Test(arguments: [1, 2] as [UInt64])
    func `of two that differ the wrong one finds out by itself`(wrong: UInt64) {
        var group = started(voters: 2)
        group.tick(60)
        group.disturb(wrong)
        proposeTwice(&group)
        #expect(group[2].doubt != nil, "the follower is told of another state, whoever is wrong")
        group.tick(400)
        for id in [1, 2] as [UInt64] {
            #expect(group[id].doubt == nil && group[id].quarantine == nil)
            #expect(!group.lines(id).contains("nobody wrote this"))
            #expect((group.members[MemberID(id)]?.damages.count ?? 0) == (id == wrong ? 1 : 0))
        }
        #expect(group.lines(1) == group.lines(2) && group.leaders.count == 1)
        // Storage was written anew as well.
        let right = group.lines(1)
        group.restart(wrong)
        group.tick(200)
        #expect(group.lines(wrong) == right)
    }

    /// ST-13: a state that is wrong, and that nobody has noticed yet, is not given away. Otherwise two of three would have it, and
    /// outvote the one that is right.
    @Test func `a snapshot is of a state that a majority has confirmed`() {
        var limits = DriverLimits()
        (limits.retainedEntries, limits.compactionStride) = (4, 2)
        var group = started(driverLimits: limits)
        group.crash(3)
        for number in 0..<30 {
            group.propose("more \(number)", at: 1)
            group.tick(3)
        }
        group.tick(120)
        let right = group.lines(2)
        group.disturb(1)
        group.restart(3)
        group.tick(10)
        #expect(group[3].replica.baseIndex > .zero, "it got a snapshot")
        #expect(group.lines(3) == right)
        group.propose("next", at: 1)
        group.tick(300)
        for id in [2, 3] as [UInt64] {
            #expect(group.members[MemberID(id)]?.quarantines.isEmpty == true)
        }
        for id in [1, 2, 3] as [UInt64] { #expect(group.lines(id) == right + ["next"]) }
    }

    /// ST-13: while two differ and nobody else has a state, the third gets one only when it is clear that nobody will decide.
    @Test func `a state in dispute is given away late, and not never`() {
        var limits = DriverLimits()
        (limits.retainedEntries, limits.compactionStride) = (4, 2)
        var core = Limits()
        core.cacheBytesMax = 1
        var group = started(limits: core, driverLimits: limits)
        group.crash(3)
        for number in 0..<30 {
            group.propose("more \(number)", at: 1)
            group.tick(3)
        }
        // Nothing is confirmed since these two have started.
        for id in [1, 2] as [UInt64] { group.restart(id) }
        group.disturb(2)
        group.elect(1)
        proposeTwice(&group)
        #expect(group[2].doubt != nil)
        group.restart(3)
        group.tick(40)
        #expect(!group.lines(3).contains("more 0"))
        group.tick(400)
        #expect(group.lines(3).contains("more 0"))
    }

    /// ST-13, found by simulation, seed 180300773: who doubts may be the only one that can lead. The log is right, whoever is.
    @Test func `a doubt keeps nobody from leading for ever`() {
        var group = started()
        group.disturb(1)
        group.crash(3)
        proposeTwice(&group)
        group.tick(4)
        #expect(group[2].doubt != nil)
        // The one that is wrong dies, and the one that comes back lacks what 2 has, so that it can neither lead nor say who is right.
        group.crash(1)
        group.restart(3)
        group.tick(group.limits.electionTicksMax + 5)
        #expect(group.leaders.isEmpty, "whoever doubts leaves it to others for a while")
        group.tick(3 * group.limits.electionTicksMax)
        #expect(group.leaders == [MemberID(2)])
        group.tick(100)
        #expect(group[2].doubt == nil, "the other one has caught up, and says so")
    }

    /// ST-13: under load, thousands of entries lie between what two members say.
    @Test func `a majority is found although its members speak of distant places`() throws {
        func digests(through last: UInt64, wrongBy difference: UInt64 = 0) -> StateDigests {
            var digests = StateDigests()
            for index in 1...last { digests.note(Index(index), index + difference) }
            return digests
        }
        let configuration = Configuration(voters: (1...3).map { MemberID($0) }, learners: [])
        var own = digests(through: 4_900, wrongBy: 1_000_000)
        for (member, last) in [(2, 3_000), (3, 4_800)] as [(UInt64, UInt64)] {
            #expect(own.isOutvoted(in: configuration, MemberID(1)) == nil)
            let points = digests(through: last).points(upTo: Index(last))
            let isNews = own.reported(points, by: MemberID(member))
            #expect(isNews)
        }
        let difference = try #require(own.isOutvoted(in: configuration, MemberID(1)))
        #expect(difference.equalAt == .zero)
    }

    /// ST-13: what was no evidence when it was news becomes evidence with a later word.
    @Test func `a later word of those who differ counts`() throws {
        var group = started()
        let index = group[1].applied.index
        func says(_ member: UInt64, _ index: Index, _ digest: UInt64) {
            group.members[MemberID(1)]?.pipeline?.compare(
                [StatePoint(index: index, digest: digest)], of: MemberID(member))
        }
        says(2, index.previous, 1)
        says(3, index, 2)
        #expect(group[1].quarantine == nil)
        says(2, index, 2)
        #expect(group[1].quarantine != nil)
    }
}

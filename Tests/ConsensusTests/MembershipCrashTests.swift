import Testing

@testable import Consensus

/// Changes of the members that are interrupted at any step, and members that count for nothing (dissertation §4).
@Suite struct MembershipCrashTests {
    /// MB-09: three voters and a learner; the change is cut after every fourth step, every subset of the voters crashes there, the rest goes
    /// on for a while, and all come back.
    @Test(arguments: [
        MembershipChange.promote(MemberID(4)), .demote(MemberID(3)), .demote(MemberID(1)),
        .remove(MemberID(3)), .remove(MemberID(1)), .addLearner(MemberID(5)),
    ])
    func `whoever crashes at whatever step of a change, all together elect a leader again`(
        change: MembershipChange
    ) {
        let before = Configuration(
            voters: (1...3).map { MemberID($0) }, learners: [MemberID(4)])
        var seen: Set<Configuration> = []
        for length in stride(from: 0, through: 24, by: 4) {
            for crashing in 0..<8 as Range<UInt64> {
                var group = Group(voters: 3, learners: 1)
                group.elect(1)
                group.propose("before", at: 1)
                group.settle()
                if change == .addLearner(MemberID(5)) { group.addBlank(5) }
                group.change(change, at: 1)
                for step in 0..<length {
                    switch step % 5 {
                    case 0: group.deliver()
                    default: group.flush(MemberID(UInt64(step % 5)))
                    }
                }
                let crashed = (1...3 as ClosedRange<UInt64>).filter {
                    crashing & 1 << ($0 - 1) != 0
                }
                for id in crashed { group.crash(id) }
                group.tick(30)
                for id in crashed { group.start(MemberID(id)) }
                group.tick(80)

                let what = "after \(length) steps, without \(crashed)"
                guard group.leaders.count == 1, let leader = group.leaders.first else {
                    Issue.record("\(what): \(group.leaders.count) leaders")
                    return
                }
                let configuration = group[leader].replica.configuration
                seen.insert(configuration)
                #expect(configuration.isVoter(leader), "\(what)")
                let token = group.propose("after", at: leader.rawValue)
                group.tick(10)
                #expect(group.outcomes(token, at: leader.rawValue) == ["applied"], "\(what)")
                // Whoever belongs to the group believes the same of it, and has the same lines.
                for member in configuration.members where group.members[member] != nil {
                    #expect(group[member].replica.configuration == configuration, "\(what)")
                    #expect(group.lines(member.rawValue) == ["before", "after"], "\(what)")
                }
            }
        }
        // It was interrupted early enough to be undone, and late enough to be done.
        #expect(seen.count == 2 && seen.contains(before), "\(seen)")
    }

    /// MB-07: the process at the address of a member that was removed is another member. What is sent in the old one's name, late or by a copy,
    /// makes no majority.
    @Test func `what a removed member says makes no majority`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.change(.remove(MemberID(3)), at: 1)
        group.settle()
        group.crash(3)
        group.addBlank(9)
        group.change(.addLearner(MemberID(9)), at: 1)
        group.tick(10)
        group.change(.promote(MemberID(9)), at: 1)
        group.tick(10)
        #expect(
            group[1].replica.configuration.voters == [MemberID(1), MemberID(2), MemberID(9)])

        // The leader alone, with the old member's word for an entry.
        group.loses = { _ in true }
        let token = group.propose("alone", at: 1)
        group.settle()
        let (last, term) = (group[1].replica.lastMark.index, group[1].replica.term.rawValue)
        let commit = group[1].replica.commit
        group.inject(.appendAccepted(match: last), from: 3, to: 1, term: term)
        group.inject(.heartbeatReply(round: 1_000, last: last), from: 3, to: 1, term: term)
        group.settle()
        #expect(group[1].replica.commit == commit)
        #expect(group.outcomes(token, at: 1) == [])
        // A candidate with the old member's vote.
        group.crash(1)
        for _ in 0..<200 where group[2].replica.roleName == .follower { group.tick(1, [2]) }
        let round = group[2].replica.term.rawValue
        for candidacy in round...round + 1 {
            group.inject(
                .preVoteReply(round: candidacy, granted: true), from: 3, to: 2, term: candidacy)
            group.inject(.voteReply(granted: true), from: 3, to: 2, term: candidacy)
            group.settle()
        }
        group.tick(40, [2])
        #expect(group[2].replica.roleName != .leader)
        // And what is meant for the old one is nothing to the new one.
        let envelope = Envelope(
            from: MemberID(2), to: MemberID(3), generation: Group.generation, term: Term(99),
            message: .timeoutNow())
        group.feed(MemberID(9), [.received(envelope)])
        #expect(group[9].replica.term < Term(99) && group[9].replica.roleName == .follower)
    }

    /// MB-03: learners count for nothing, and one that is behind does not vote.
    @Test func `a learner that is away holds nobody up, and does not vote before it has caught up`()
    {
        var limits = Limits()
        limits.promotionLagMax = 100
        var group = Group(voters: 3, limits: limits)
        group.elect(1)
        group.addBlank(4)
        group.change(.addLearner(MemberID(4)), at: 1)
        group.tick(10)
        group.crash(4)
        group.crash(3)
        // With a voter and the learner away, two of three are a majority.
        for number in 0..<200 {
            let token = group.propose("\(number)", at: 1)
            group.settle()
            #expect(group.outcomes(token, at: 1) == ["applied"])
        }
        group.start(MemberID(3))
        group.tick(10)
        let early = group.change(.promote(MemberID(4)), at: 1)
        group.settle()
        #expect(group.outcomes(early, at: 1).first?.contains("learnerBehind") == true)
        #expect(group[1].replica.configuration.isLearner(MemberID(4)))
        group.start(MemberID(4))
        group.tick(40)
        let late = group.change(.promote(MemberID(4)), at: 1)
        group.tick(10)
        #expect(group.outcomes(late, at: 1) == ["applied"])
        #expect(group.lines(4).count == 200)
    }
}

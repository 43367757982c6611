import Testing

@testable import Consensus

/// The whole group, when nothing goes wrong and when a little does.
@Suite struct GroupTests {
    /// EL-01.
    @Test(arguments: [1, 2, 3, 5, 7]) func `a fresh group elects one leader`(voters: Int) {
        var group = Group(voters: voters)
        group.tick(2 * group.limits.electionTicksMax)
        #expect(group.leaders.count == 1)
        let leader = group.leaders[0]
        for id in group.ids {
            #expect(group[id].replica.leader == leader)
            #expect(group[id].replica.term == group[leader].replica.term)
        }
    }

    @Test func `a proposal is applied everywhere and answered once`() {
        var group = Group(voters: 3)
        group.elect(1)
        let token = group.propose("a", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["applied"])
        for id in 1...3 as ClosedRange<UInt64> { #expect(group.lines(id) == ["a"]) }
    }

    @Test func `observers have the state before a proposal is answered`() {
        var group = Group(voters: 1)
        group.elect(1)
        for text in ["a", "b", "c"] { group.propose(text, at: 1) }
        group.settle()
        #expect(group.members[MemberID(1)]?.told == group[1].applied.index)
        #expect(group.members[MemberID(1)]?.answeredEarly == 0)
    }

    @Test func `word of a commit waits for the next message, or until it is due`() {
        var limits = Limits()
        limits.defersCommit = true
        var group = Group(voters: 3, limits: limits)
        group.elect(1)
        group.heard = []
        let token = group.propose("a", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["applied"])
        #expect(group.lines(2).isEmpty && group.lines(3).isEmpty)
        #expect(group.members[MemberID(1)]?.owesAnnouncement == true)
        // The next entry brings it, and its own commit is owed instead.
        group.propose("b", at: 1)
        group.settle()
        #expect(group.lines(2) == ["a"] && group.lines(3) == ["a"])
        let isQuiet = !group.heard.contains {
            if case .heartbeat = $0.message { true } else { false }
        }
        #expect(isQuiet)
        // What was owed when the announcement was planned has been said; what came since may wait as long again.
        group.announce(1)
        #expect(group.lines(2) == ["a"])
        group.announce(1)
        #expect(group.lines(2) == ["a", "b"] && group.lines(3) == ["a", "b"])
        #expect(group.members[MemberID(1)]?.owesAnnouncement == false)
    }

    @Test func `word of a commit goes out at once when somebody asks for it`() {
        var limits = Limits()
        limits.defersCommit = true
        var group = Group(voters: 3, limits: limits)
        group.elect(1)
        group.propose("a", at: 1)
        group.settle()
        group.feed(MemberID(1), [.announceCommit])
        group.settle()
        #expect(group.lines(2) == ["a"] && group.lines(3) == ["a"])
    }

    @Test func `a read at a follower sees what was acknowledged, announced or not`() {
        var limits = Limits()
        limits.defersCommit = true
        var group = Group(voters: 3, limits: limits)
        group.elect(1)
        group.propose("a", at: 1)
        group.settle()
        let read = group.read(at: 3)
        group.settle()
        #expect(group.members[MemberID(3)]?.reads[read]?.count == 1)
        #expect(group.lines(3) == ["a"])
    }

    @Test func `a restarted member has what it had`() {
        var group = Group(voters: 3)
        group.elect(1)
        for number in 0..<20 { group.propose("\(number)", at: 1) }
        group.settle()
        group.tick(10)
        group.restart(2)
        #expect(group.lines(2).count == 20)
        group.propose("more", at: 1)
        group.settle()
        group.tick(4)
        #expect(group.lines(2).last == "more")
    }

    /// PC-14 in small.
    @Test func `killing all members loses nothing acknowledged`() {
        var group = Group(voters: 3)
        var acknowledged: [String] = []
        for round in 0..<20 {
            group.tick(60)
            guard let leader = group.leaders.first?.rawValue else { continue }
            let token = group.propose("\(round)", at: leader)
            for _ in 0..<(round % 7) {
                group.deliver()
                group.flush(MemberID(leader))
            }
            if round % 3 != 0 { group.settle() }
            if group.outcomes(token, at: leader) == ["applied"] { acknowledged.append("\(round)") }
            group.wire = []
            for id in 1...3 as ClosedRange<UInt64> { group.restart(id) }
        }
        group.tick(60)
        #expect(acknowledged.count > 10)
        for id in 1...3 as ClosedRange<UInt64> {
            #expect(group.lines(id).filter(acknowledged.contains) == acknowledged)
            #expect(Set(group.lines(id)).count == group.lines(id).count)
        }
    }

    /// EL-23.
    @Test func `a leader rises after every restart of all`() {
        var group = Group(voters: 3)
        group.tick(60)
        let before = group[1].replica.term.rawValue
        for _ in 0..<50 {
            for id in 1...3 as ClosedRange<UInt64> { group.restart(id) }
            group.wire = []
            group.tick(80)
            #expect(group.leaders.count == 1)
        }
        #expect(group[1].replica.term.rawValue - before <= 100)
    }
}

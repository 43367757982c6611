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

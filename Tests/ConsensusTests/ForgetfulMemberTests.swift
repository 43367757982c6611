import Testing

@testable import Consensus

/// Members whose disks have forgotten what was flushed: they say nothing that rests on it.
@Suite struct ForgetfulMemberTests {
    /// Three members; 1 leads, and has committed lines with 2 that 3 has not heard of. `earlier` is what 2 had before.
    private func halfKnown() throws -> (group: Group, earlier: MemoryStorage<Ledger>) {
        var group = Group(voters: 3)
        group.elect(1)
        group.propose("all know", at: 1)
        group.settle()
        group.tick(4)
        let earlier = try #require(group.members[MemberID(2)]).storage
        group.loses = { $0.to == MemberID(3) || $0.from == MemberID(3) }
        let token = group.propose("two know", at: 1)
        group.settle()
        group.tick(4)
        #expect(group.outcomes(token, at: 1) == ["applied"])
        return (group, earlier)
    }

    /// PC-12, ST-02 (a), ST-03: below what it has promised, a member does not vote, and so nobody is elected who lacks it.
    @Test(arguments: [true, false])
    func `a member below its floor neither votes nor stands before it has caught up`(
        isGone: Bool
    ) throws {
        var (group, earlier) = try halfKnown()
        group.crash(1)
        group.crash(2)
        group.members[MemberID(2)]?.storage.fallBack(to: isGone ? nil : earlier)
        group.loses = { _ in false }
        group.start(MemberID(2))
        #expect(group[2].replica.isRecovering)
        #expect(group[2].status.floor == LogMark(index: Index(3), term: Term(1)))
        for _ in 0..<60 {
            group.tick(3)
            #expect(group.leaders == [])
        }
        group.restart(2)
        #expect(group[2].replica.isRecovering)
        group.restart(1)
        group.tick(60)
        #expect(group.leaders == [MemberID(1)])
        #expect(group[2].replica.floor == nil && !group[2].replica.isRecovering)
        #expect(group.members[MemberID(2)]?.floors == [nil])
        #expect(group.lines(2) == ["all know", "two know"])
        // It is itself again, also after a restart.
        group.crash(1)
        group.restart(2)
        group.tick(60)
        #expect(group.leaders.count == 1)
        #expect(group.lines(3) == ["all know", "two know"])
    }

    /// ST-02 (a): what it confirms on its way does not count.
    @Test func `what a member below its floor confirms does not count`() throws {
        var (group, earlier) = try halfKnown()
        group.crash(2)
        group.members[MemberID(2)]?.storage.fallBack(to: earlier)
        group.start(MemberID(2))
        // The leader's entries from the promised one on do not get through.
        group.loses = { envelope in
            if envelope.to == MemberID(3) || envelope.from == MemberID(3) { return true }
            guard case .append(_, let entries, _) = envelope.message else { return false }
            return entries.contains { $0.index > Index(2) }
        }
        let token = group.propose("new", at: 1)
        group.tick(8)
        #expect(group[1].status.uncounted == [MemberID(2)])
        #expect(group[1].replica.roleName == .leader)
        #expect(group.outcomes(token, at: 1) == [])
        group.loses = { $0.to == MemberID(3) || $0.from == MemberID(3) }
        group.tick(8)
        #expect(group[1].status.uncounted == [])
        #expect(group.outcomes(token, at: 1) == ["applied"])
    }

    /// ST-02 (b): the member knows nothing of it, the leader does.
    @Test(arguments: [true, false])
    func `a leader tells a follower what it has forgotten, and does not count it meanwhile`(
        isGone: Bool
    ) throws {
        var (group, earlier) = try halfKnown()
        group.crash(2)
        let hardState = try #require(group.members[MemberID(2)]).storage.hardState
        group.members[MemberID(2)]?.storage.fallBack(
            to: isGone ? nil : earlier, keepsPromises: false)
        if isGone {
            // Whoever lost everything is another member, unless only the entries are gone.
            group.members[MemberID(2)]?.storage.write(
                WriteBatch(sequence: .zero, hardState: hardState))
        }
        group.start(MemberID(2))
        #expect(!group[2].replica.isRecovering)
        // Word of it gets through, entries do not.
        group.loses = { $0.to == MemberID(3) || $0.from == MemberID(3) || $0.message.isBulk }
        group.tick(8)
        #expect(group.members[MemberID(1)]?.forgetful.contains(MemberID(2)) == true)
        #expect(group[1].status.uncounted == [MemberID(2)])
        #expect(group[2].replica.floor == LogMark(index: Index(3), term: Term(1)))
        // Without the leader, 3 must not be elected with the help of 2; nor after 2 has restarted.
        group.crash(1)
        group.restart(2)
        group.loses = { _ in false }
        group.tick(120)
        #expect(group.leaders == [])
        group.restart(1)
        group.tick(60)
        #expect(group.leaders == [MemberID(1)])
        #expect(group[2].replica.floor == nil)
        for id in 1...3 as ClosedRange<UInt64> {
            #expect(group.lines(id) == ["all know", "two know"])
        }
    }

    /// ST-02 (b): old messages are no evidence. A confirmation from before, an answer to an earlier round.
    @Test func `answers that were long under way accuse nobody`() {
        var group = Group(voters: 3)
        group.elect(1)
        var answers: [Envelope] = []
        for number in 0..<6 {
            group.heard = []
            group.propose("\(number)", at: 1)
            group.settle()
            group.tick(2)
            answers += group.heard.filter { $0.to == MemberID(1) }
            for answer in answers { group.feed(MemberID(1), [.received(answer)]) }
            group.settle()
        }
        #expect(group.members[MemberID(1)]?.forgetful == [])
        #expect(group[1].status.uncounted == [])
        #expect(group[1].replica.commit == group[1].replica.lastMark.index)
    }

    /// ST-14: with the last good copy out of reach, or outvoted by those that know they lack it, nobody leads.
    @Test func `most copies of an entry are lost, and nobody leads without it`() {
        var group = Group(voters: 5)
        group.elect(1)
        group.loses = { [4, 5].contains($0.to.rawValue) || [4, 5].contains($0.from.rawValue) }
        let token = group.propose("three know", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["applied"])
        for id in 1...5 as ClosedRange<UInt64> { group.crash(id) }
        for id in [2, 3] as [UInt64] { group.members[MemberID(id)]?.storage.fallBack() }
        group.loses = { _ in false }
        for id in 2...5 as ClosedRange<UInt64> { group.restart(id) }
        group.tick(200)
        #expect(group.leaders == [])
        group.restart(1)
        group.tick(60)
        #expect(group.leaders == [MemberID(1)])
        for id in 1...5 as ClosedRange<UInt64> { #expect(group.lines(id) == ["three know"]) }
    }

    /// ST-14: all three had it, one still has it, and it is no majority.
    @Test func `one good copy of three does not lead, and is not lost`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.propose("kept", at: 1)
        group.tick(4)
        for id in 1...3 as ClosedRange<UInt64> { group.crash(id) }
        for id in [2, 3] as [UInt64] { group.members[MemberID(id)]?.storage.fallBack() }
        for id in 1...3 as ClosedRange<UInt64> { group.restart(id) }
        group.tick(200)
        #expect(group.leaders == [])
        #expect(group[1].replica.lastMark.index == Index(2))
    }

    /// Found by simulation, seed 160: the disk went back to a tail that others had replaced, and a heartbeat that was long under
    /// way, of the same term, offered to commit what the member had confirmed before.
    @Test func `a heartbeat commits only the very entry that it names`() {
        var group = Group(voters: 3)
        group.elect(2)
        group.loses = { $0.from == MemberID(2) || $0.to == MemberID(2) }
        group.propose("of the old leader", at: 2)
        group.settle()
        let earlier = group.members[MemberID(2)]?.storage
        group.elect(1)
        group.loses = { _ in false }
        group.tick(10)
        group.propose("of the new leader", at: 1)
        group.tick(10)
        let leader = group[1].replica
        #expect(group[2].replica.lastMark == leader.lastMark)
        group.crash(2)
        group.members[MemberID(2)]?.storage.fallBack(to: earlier)
        group.start(MemberID(2))
        let wrong = group[2].replica.lastMark.index
        group.inject(
            .heartbeat(round: 99, commit: leader.lastMark), from: 1, to: 2,
            term: leader.term.rawValue)
        #expect(group[2].replica.commit < wrong)
        group.tick(20)
        #expect(group.lines(2) == ["of the new leader"])
    }

    /// Found by simulation, seed 340400717: the end of its log was as far as it had promised, and another one.
    @Test(arguments: [true, false])
    func `a disk that goes back to another end of the same length is brought up to the leader's`(
        keepsPromises: Bool
    ) {
        var group = Group(voters: 3)
        group.elect(2)
        group.loses = { $0.from == MemberID(2) || $0.to == MemberID(2) }
        group.propose("of the old leader", at: 2)
        group.settle()
        let earlier = group.members[MemberID(2)]?.storage
        group.elect(1)
        group.loses = { _ in false }
        group.tick(10)
        #expect(group[2].replica.lastMark == group[1].replica.lastMark)
        group.crash(2)
        group.members[MemberID(2)]?.storage.fallBack(to: earlier, keepsPromises: keepsPromises)
        group.start(MemberID(2))
        #expect(group[2].replica.lastMark.index == group[1].replica.lastMark.index)
        #expect(group[2].replica.lastMark != group[1].replica.lastMark)
        group.tick(60)
        group.propose("of the new leader", at: 1)
        group.tick(20)
        #expect(group.lines(2) == ["of the new leader"])
        #expect(group[2].replica.floor == nil && group[1].status.uncounted == [])
    }

    /// Found by simulation, seed 31 on disk: a voter was removed while another was below its floor and a third was dead.
    @Test func `a member below its floor is none to count on when members change`() throws {
        var group = Group(voters: 4)
        group.elect(1)
        group.propose("all know", at: 1)
        group.tick(4)
        let earlier = try #require(group.members[MemberID(2)]).storage
        group.propose("more", at: 1)
        group.tick(4)
        group.crash(4)
        group.crash(2)
        group.members[MemberID(2)]?.storage.fallBack(to: earlier)
        group.start(MemberID(2))
        group.loses = { $0.to == MemberID(2) && $0.message.isBulk }
        group.tick(40)
        #expect(group[1].status.uncounted == [MemberID(2)])
        let token = group.change(.remove(MemberID(3)), at: 1)
        #expect(group.outcomes(token, at: 1).first?.contains("wouldLoseQuorum") == true)
    }
}

import Testing

@testable import Consensus

/// Storage that goes bad while the member runs.
@Suite struct RepairTests {
    /// ST-08, RE-10: what cannot be read is never sent; the follower gets the state, and the leader goes on.
    @Test func `a part of the log that cannot be read is not replicated from`() {
        var limits = Limits()
        limits.cacheBytesMax = 100
        var group = Group(voters: 3, limits: limits)
        group.elect(1)
        group.crash(3)
        for number in 0..<40 { group.propose("\(number)", at: 1) }
        group.tick(4)
        group.start(MemberID(3))
        // The read of old entries for 3 fails.
        var failed = 0
        for _ in 0..<400 where group[3].replica.lastMark != group[1].replica.lastMark {
            group.time += 25
            for id in group.ids { group.feed(id, [.tick(time: group.time)]) }
            for _ in 0..<200 {
                if let job = group.members[MemberID(1)]?.job, !job.reads.isEmpty {
                    group.members[MemberID(1)]?.job = nil
                    var result = StorageResult<Ledger>()
                    result.reads = job.reads.map { ($0, []) }
                    result.damage = "log entry 7 has a checksum that differs"
                    if let batch = job.batch {
                        group.members[MemberID(1)]?.storage.write(batch)
                        result.written = batch
                    }
                    group.feed(MemberID(1), [.stored(result)])
                    failed += 1
                }
                if !group.deliver() { for id in group.ids { group.flush(id) } }
            }
        }
        #expect(failed > 0)
        #expect(group.members[MemberID(1)]?.damages.count == 1)
        group.tick(40)
        for id in 1...3 as ClosedRange<UInt64> {
            #expect(group.members[MemberID(id)]?.stopped == nil)
            #expect(group.lines(id) == (0..<40).map { "\($0)" })
        }
        #expect(group.members[MemberID(1)]?.repairs == 1)
    }

    /// ST-12: a follower has everything written anew from memory, and has lost nothing meanwhile.
    @Test func `a follower with a bad row writes its storage anew`() {
        var group = Group(voters: 3)
        group.elect(1)
        for number in 0..<5 { group.propose("\(number)", at: 1) }
        group.tick(4)
        // One entry that is not committed yet must stay as well.
        group.loses = { $0.to == MemberID(3) || $0.from == MemberID(2) }
        group.propose("tail", at: 1)
        group.tick(2)
        group.feed(MemberID(2), [.damageFound("state row"), .damageFound("again")])
        group.tick(2)
        #expect(group.members[MemberID(2)]?.damages == ["state row"])
        #expect(group.members[MemberID(2)]?.repairs == 1)
        #expect(group[2].status.damage == nil)
        let storage = group.members[MemberID(2)]?.storage
        #expect(storage?.base.mark == group[2].applied)
        #expect(storage?.last == group[2].replica.lastMark)
        #expect(storage?.last.index == Index(7))
        group.loses = { _ in false }
        group.restart(2)
        group.tick(60)
        #expect(group.lines(2) == ["0", "1", "2", "3", "4", "tail"])
    }

    /// ST-12: a leader steps down first.
    @Test func `a leader with a bad row hands over before it mends`() {
        var group = Group(voters: 3)
        group.elect(1)
        for number in 0..<5 { group.propose("\(number)", at: 1) }
        group.tick(4)
        group.feed(MemberID(1), [.damageFound("state row")])
        group.tick(1)
        #expect(group[1].replica.roleName == .follower)
        #expect(group.members[MemberID(1)]?.repairs == 0)
        group.tick(60)
        #expect(group.leaders.count == 1 && group.leaders != [MemberID(1)])
        #expect(group.members[MemberID(1)]?.repairs == 1)
        #expect(group[1].status.damage == nil)
    }

    /// ST-12: nobody is there to hand over to.
    @Test func `a leader alone mends in place`() {
        var group = Group(voters: 1)
        group.elect(1)
        let token = group.propose("a", at: 1)
        group.tick(2)
        group.feed(MemberID(1), [.damageFound("state row")])
        group.tick(30)
        #expect(group.outcomes(token, at: 1) == ["applied"])
        #expect(group.members[MemberID(1)]?.repairs == 1)
        #expect(group.leaders == [MemberID(1)])
        group.restart(1)
        group.tick(60)
        #expect(group.lines(1) == ["a"])
    }

    /// FS-04: its log is the branch that an operator will look at.
    @Test func `a member that was left behind keeps its files as they are`() {
        var group = Group(voters: 3)
        group.elect(1)
        for number in 0..<5 { group.propose("\(number)", at: 1) }
        group.tick(4)
        let higher = Generation(counter: 2, nonce: 9)
        group.feed(
            MemberID(2),
            [
                .received(
                    Envelope(
                        from: MemberID(1), to: MemberID(2), generation: higher, term: .zero,
                        message: .superseded))
            ])
        group.loses = { $0.to == MemberID(2) || $0.from == MemberID(2) }
        group.tick(2)
        #expect(group[2].replica.supersededBy == higher)
        let before = group.members[MemberID(2)]?.storage.base.mark
        group.feed(MemberID(2), [.damageFound("state row")])
        group.tick(60)
        #expect(group.members[MemberID(2)]?.repairs == 0)
        #expect(group.members[MemberID(2)]?.storage.base.mark == before)
    }
}

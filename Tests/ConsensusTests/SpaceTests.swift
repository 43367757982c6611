import Testing

@testable import Consensus

/// Members whose disks are full (ST-06, docs/decisions/0030).
@Suite struct SpaceTests {
    private static func space(_ isShort: Bool) -> StorageSpace {
        StorageSpace(isShort: isShort, freeBytes: isShort ? 0 : 1 << 30, reserveBytes: 0)
    }

    /// The disk of a member is full, or is not any more; it hears so with its next look.
    private static func fill(_ id: UInt64, _ isShort: Bool = true, in group: inout Group) {
        var result = StorageResult<Ledger>()
        result.space = space(isShort)
        group.feed(MemberID(id), [.stored(result)])
    }

    private static func elected(_ voters: Int = 3) -> Group {
        var group = Group(voters: voters)
        group.elect(1)
        group.propose("before", at: 1)
        group.settle()
        group.tick(4)
        return group
    }

    /// ST-06.
    @Test
    func `a follower without room takes and confirms nothing, and gets all of it when it has room`()
    {
        var group = Self.elected()
        let last = group[3].replica.lastMark
        Self.fill(3, in: &group)
        let first = group.propose("a", at: 1)
        group.settle()
        #expect(group.outcomes(first, at: 1) == ["applied"])
        #expect(group[3].replica.lastMark == last)
        #expect(group[1].replica.matches.first { $0.member == MemberID(3) }?.index == last.index)
        // It answers heartbeats and so disturbs nobody.
        group.tick(200)
        #expect(group.leaders == [MemberID(1)])
        #expect(group[1].status.shortOfSpace == [MemberID(3)])
        #expect(group[3].replica.term == group[1].replica.term)
        Self.fill(3, false, in: &group)
        group.tick(6)
        #expect(group.lines(3) == ["before", "a"])
        #expect(group[1].status.shortOfSpace.isEmpty)
        #expect(group.members[MemberID(3)]?.spaces == [true, false])
    }

    /// ST-06: the leader of a new term has not heard yet that a follower has no room. Its entries must not go to and fro as fast as the
    /// network lets them, until the next heartbeat tells.
    @Test func `a new leader and a follower without room do not keep each other busy`() {
        var limits = Limits()
        limits.appendEntriesMax = 2
        var group = Group(voters: 3, limits: limits)
        group.elect(1)
        group.propose("before", at: 1)
        group.tick(4)
        Self.fill(3, in: &group)
        group.tick(4)
        for number in 1...10 { group.propose("\(number)", at: 1) }
        group.tick(4)
        group.crash(1)
        // The word that it has no room is lost.
        group.loses = { envelope in
            guard case .heartbeatReply = envelope.message else { return false }
            return envelope.from == MemberID(3)
        }
        group.heard = []
        group.elect(2)
        group.loses = { _ in false }
        let count = group.heard.count { $0.from == MemberID(3) && $0.message.isReplyToAppend }
        #expect(count < 10, "\(count) answers")
        // What it holds is confirmed all the same, and with room it gets the rest.
        #expect(
            group[2].replica.matches.first { $0.member == MemberID(3) }?.index
                == group[3].replica.log.last)
        Self.fill(3, false, in: &group)
        group.tick(10)
        #expect(group.lines(3) == ["before"] + (1...10).map(String.init))
    }

    /// ST-06: what it was sent again and again would be lost again and again.
    @Test func `a follower without room is sent nothing`() {
        var group = Self.elected()
        Self.fill(3, in: &group)
        group.tick(4)
        group.heard = []
        for number in 1...20 { group.propose("\(number)", at: 1) }
        group.tick(100)
        #expect(!group.heard.contains { $0.to == MemberID(3) && $0.message.isBulk })
        #expect(group.lines(2).count == 21)
    }

    /// ST-06: the same of a snapshot.
    @Test func `a follower without room gets its snapshot when it has room`() {
        var group = Self.elected()
        group.driverLimits.retainedEntries = 1
        group.driverLimits.compactionStride = 1
        for id in 1...3 as ClosedRange<UInt64> { group.restart(id) }
        group.elect(1)
        Self.fill(3, in: &group)
        group.tick(4)
        for number in 1...20 {
            group.propose("\(number)", at: 1)
            group.tick(2)
        }
        group.tick(40)
        #expect(group[1].replica.baseIndex > group[3].replica.lastMark.index)
        group.heard = []
        group.tick(40)
        #expect(!group.heard.contains { $0.to == MemberID(3) && $0.message.isBulk })
        Self.fill(3, false, in: &group)
        group.tick(40)
        #expect(group.lines(3) == group.lines(1) && group.lines(3).count == 21)
    }

    /// ST-06.
    @Test func `a follower without room votes, and leaves it to others to stand`() {
        var group = Self.elected()
        Self.fill(3, in: &group)
        group.tick(4)
        group.propose("a", at: 1)
        group.settle()
        group.crash(1)
        group.tick(80)
        #expect(group.leaders == [MemberID(2)])
        #expect(group[3].replica.hardState.vote == MemberID(2))
        #expect(group.members[MemberID(3)]?.storage.hardState.vote == MemberID(2))
    }

    /// ST-06: with its word to take over the heir leads, without a timeout.
    @Test func `a leader without room hands over to one that has room`() {
        var group = Self.elected()
        Self.fill(2, in: &group)
        group.tick(4)
        Self.fill(1, in: &group)
        let early = group.propose("early", at: 1)
        group.settle()
        #expect(group.leaders == [MemberID(3)])
        #expect(group.outcomes(early, at: 1).first?.contains("refused") == true)
        group.tick(4)
        // Two of three have no room, so that nothing could be committed: it is said at once.
        let refused = group.propose("refused", at: 3)
        group.settle()
        #expect(group.outcomes(refused, at: 3).first?.contains("noSpace") == true)
        Self.fill(1, false, in: &group)
        group.tick(6)
        let late = group.propose("late", at: 3)
        group.settle()
        #expect(group.outcomes(late, at: 3) == ["applied"])
    }

    /// ST-06: two of three are left, and one of them has no room.
    @Test func `a leader refuses when those who answer have no room`() {
        var group = Self.elected()
        group.crash(2)
        Self.fill(3, in: &group)
        group.tick(group.limits.electionTicksMin + 2)
        let refused = group.propose("a", at: 1)
        group.settle()
        #expect(group.outcomes(refused, at: 1) == ["refused noSpace([3])"])
        #expect(group[1].status.majorityWithoutSpace == [MemberID(3)])
        Self.fill(3, false, in: &group)
        group.tick(4)
        let taken = group.propose("b", at: 1)
        group.settle()
        #expect(group.outcomes(taken, at: 1) == ["applied"])
    }

    /// ST-06: only the leader has what the other lacks, so it must not stop leading before the other has it.
    @Test func `a leader without room leads on until somebody else could`() {
        var group = Self.elected()
        group.crash(3)
        group.loses = { $0.from == MemberID(1) && $0.message.isBulk }
        group.propose("a", at: 1)
        group.settle()
        Self.fill(1, in: &group)
        group.tick(30)
        #expect(group.leaders == [MemberID(1)])
        group.loses = { _ in false }
        group.tick(30)
        #expect(group.leaders == [MemberID(2)])
        #expect(group.lines(1) == ["before", "a"])
    }

    /// ST-06: the longest log may be on the only disk that is full.
    @Test
    func `when nobody else can be elected, a member without room leads for as long as it takes`() {
        var group = Self.elected()
        group.crash(3)
        group.loses = { $0.from == MemberID(1) && $0.message.isBulk }
        group.propose("a", at: 1)
        group.settle()
        group.members[MemberID(1)]?.room = Self.space(true)
        Self.fill(1, in: &group)
        group.restart(1)
        Self.fill(1, in: &group)
        group.loses = { _ in false }
        group.tick(200)
        #expect(group.leaders == [MemberID(2)])
        #expect(group.lines(2) == ["before", "a"])
    }

    /// ST-06.
    @Test func `a single voter without room refuses, and goes on when there is room`() {
        var group = Group(voters: 1)
        group.elect(1)
        Self.fill(1, in: &group)
        let refused = group.propose("a", at: 1)
        group.settle()
        #expect(group.outcomes(refused, at: 1).first?.contains("noSpace") == true)
        group.tick(100)
        #expect(group.leaders == [MemberID(1)])
        let read = group.read(at: 1)
        group.settle()
        #expect(group.reads(read, at: 1).count == 1)
        Self.fill(1, false, in: &group)
        let taken = group.propose("b", at: 1)
        group.settle()
        #expect(group.outcomes(taken, at: 1) == ["applied"])
    }

    /// ST-06: without room everywhere there is a leader all the same, and reads are served.
    @Test func `a group without room has a leader and commits nothing`() {
        var group = Self.elected()
        for id in 1...3 as ClosedRange<UInt64> { Self.fill(id, in: &group) }
        // The first has told the second to take over, before it knew better.
        group.tick(200)
        #expect(group.leaders.count == 1)
        let first = group.leaders[0]
        let refused = group.propose("a", at: first.rawValue)
        group.settle()
        #expect(group.outcomes(refused, at: first.rawValue).first?.contains("noSpace") == true)
        group.crash(first.rawValue)
        group.tick(200)
        #expect(group.leaders.count == 1 && group.leaders != [first])
        for id in group.ids where id != first { Self.fill(id.rawValue, false, in: &group) }
        group.start(first)
        group.tick(60)
        let leader = group.leaders.first?.rawValue ?? 0
        let token = group.propose("b", at: leader)
        group.settle()
        #expect(group.outcomes(token, at: leader) == ["applied"])
    }

    /// ST-06: the operator is told, and no term is spent on it.
    @Test func `leadership is not handed to a member without room`() {
        var group = Self.elected()
        Self.fill(2, in: &group)
        group.tick(4)
        group.feed(MemberID(1), [.transfer(to: MemberID(2))])
        #expect(group.members[MemberID(1)]?.transfers == [.refused(.targetIsShortOfSpace)])
        #expect(group[1].replica.heir == MemberID(3))
    }

    /// ST-06: compaction frees room, so it goes on.
    @Test func `a member without room compacts its log`() {
        var group = Group(voters: 1)
        group.driverLimits.retainedEntries = 1
        group.driverLimits.compactionStride = 1
        group.restart(1)
        group.elect(1)
        for number in 1...9 { group.propose("\(number)", at: 1) }
        group.settle()
        Self.fill(1, in: &group)
        let base = group[1].replica.baseIndex
        group.tick(30)
        #expect(group[1].replica.baseIndex > base)
    }

    /// ST-06: storage is asked also while nothing is written, because room is made by others.
    @Test func `an idle member looks for room from time to time`() {
        var group = Group(voters: 1)
        group.driverLimits.spaceTicks = 4
        group.members[MemberID(1)]?.room = Self.space(true)
        group.restart(1)
        group.elect(1)
        group.tick(10)
        #expect(group[1].status.space?.isShort == true)
        group.members[MemberID(1)]?.room = Self.space(false)
        group.tick(10)
        #expect(group[1].status.space?.isShort == false)
        #expect(group.members[MemberID(1)]?.spaces == [true, false])
    }
}

extension Message {
    fileprivate var isReplyToAppend: Bool {
        switch self {
        case .appendAccepted, .appendRejected: true
        default: false
        }
    }
}

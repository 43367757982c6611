import Testing

@testable import Consensus

/// When what entries have changed is stored (docs/decisions/0035).
@Suite struct StateChangeTests {
    private static func elected(_ limits: DriverLimits = DriverLimits()) -> Group {
        var group = Group(voters: 1, driverLimits: limits)
        group.elect(1)
        group.tick(10)
        return group
    }

    private static func stored(_ group: Group) -> Index {
        group.members[MemberID(1)]?.storage.applied.index ?? .zero
    }

    private static func propose(_ count: Int, in group: inout Group) {
        for number in 0..<count { group.propose("\(number)", at: 1) }
        group.settle()
    }

    @Test func `an entry is applied and answered before its rows are stored`() {
        var group = Self.elected()
        let before = Self.stored(group)
        let token = group.propose("a", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["applied"])
        #expect(Self.stored(group) == before)
        group.tick(Int(group.driverLimits.changeTicks) - 1)
        #expect(Self.stored(group) == before)
        group.tick(1)
        #expect(Self.stored(group) == group[1].applied.index)
        #expect(group[1].appliedDurable == group[1].applied.index)
    }

    /// However busy the member is: else the history would lag for as long.
    @Test func `entries that come all the time do not put it off`() {
        var group = Self.elected()
        for tick in 0..<20 {
            group.propose("\(tick)", at: 1)
            group.tick(1)
            let lag = group[1].applied.index.rawValue - Self.stored(group).rawValue
            #expect(lag <= group.driverLimits.changeTicks)
        }
    }

    @Test func `many entries are enough, and so are long ones`() {
        var limits = DriverLimits()
        limits.changeEntries = 10
        limits.changeBytes = 4_000
        var group = Self.elected(limits)
        for _ in 1...50 {
            group.propose("a", at: 1)
            group.settle()
            // It goes with the next entry.
            #expect(group[1].applied.index.rawValue - Self.stored(group).rawValue <= 11)
        }
        #expect(Self.stored(group) > Index(40))
        group.tick(10)
        let second = Self.stored(group)
        group.propose(String(repeating: "x", count: 5_000), at: 1)
        group.settle()
        #expect(Self.stored(group) > second)
    }

    /// An entry that is committed by two of three then meets a long write at one of them only.
    @Test func `voters take turns`() {
        var limits = DriverLimits()
        limits.changeEntries = 12
        limits.changeTicks = 1_000
        var group = Group(voters: 3, driverLimits: limits)
        group.elect(1)
        group.tick(4)
        var stored: [[MemberID]] = []
        for number in 0..<60 {
            let before = group.ids.map { group.members[$0]?.storage.applied.index }
            group.propose("\(number)", at: 1)
            group.settle()
            stored.append(
                zip(group.ids, before).filter { group.members[$0]?.storage.applied.index != $1 }
                    .map(\.0))
        }
        #expect(stored.allSatisfy { $0.count <= 1 })
        for id in group.ids { #expect(stored.count { $0 == [id] } >= 4) }
    }

    @Test func `whoever wants to read it has it stored at once`() {
        var group = Self.elected()
        Self.propose(3, in: &group)
        #expect(Self.stored(group) < group[1].applied.index)
        group.feed(MemberID(1), [.storeChange])
        group.settle()
        #expect(Self.stored(group) == group[1].applied.index)
        // It was for what there was, and not for what comes.
        group.feed(MemberID(1), [.storeChange])
        Self.propose(1, in: &group)
        #expect(Self.stored(group) < group[1].applied.index)
    }

    @Test func `an entry says nothing of itself and of what comes behind it`() {
        var recovered = RecoveredState<Ledger>.blank
        recovered.tail = (1...5 as ClosedRange<UInt64>).map { index in
            let state = StatePoint(index: Index(index == 4 ? 90 : 0), digest: 1)
            return Entry(
                index: Index(index), term: Term(1), time: 1, kind: .command,
                payload: Ledger.line("a", from: state))
        }
        #expect(recovered.knownCommit == LogMark(index: Index(3), term: Term(1)))
    }

    /// Nobody tells it, and nobody has to: an entry says how far its proposer was, and that is committed.
    @Test func `a member that comes back alone shows what its log knows to be committed`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.tick(10)
        for number in 0..<20 {
            group.proposeFromState("\(number)", at: 1)
            group.settle()
        }
        let before = group.lines(1)
        #expect(before.count == 20 && Self.stored(group) < group[1].applied.index)
        for id in [2, 3] as [UInt64] { group.crash(id) }
        group.restart(1)
        group.tick(100)
        #expect(group.leaders.isEmpty)
        // Of the last one nothing says so.
        #expect(group.lines(1) == before.dropLast())
        #expect(Self.stored(group) == group[1].applied.index)
    }

    @Test func `what was applied and not stored is applied again from the log`() {
        var group = Self.elected()
        Self.propose(20, in: &group)
        let lines = group.lines(1)
        #expect(Self.stored(group) < group[1].applied.index)
        group.restart(1)
        group.tick(60)
        #expect(group.lines(1) == lines)
    }
}

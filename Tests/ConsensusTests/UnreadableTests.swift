import Testing

@testable import Consensus

/// Entries that some members, or all, cannot read (CL-09, docs/decisions/0031). `later` can be read by a later version, `poison` by none.
@Suite struct UnreadableTests {
    /// Members of the present version, but for those of a later one.
    private static func group(_ voters: Int = 3, later: Set<UInt64> = []) -> Group {
        var group = Group(voters: voters)
        group.later = later
        for id in later { group.restart(id) }
        group.elect(1)
        group.propose("before", at: 1)
        group.settle()
        group.tick(4)
        return group
    }

    /// CL-09, PC-08: what cannot be understood is not skipped, and nothing behind it is applied.
    @Test func `an entry that cannot be read is where its member stands still`() {
        var group = Self.group(1)
        let token = group.propose("poison", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["unknown"])
        for isRestarted in [false, true] {
            if isRestarted {
                group.restart(1)
                group.elect(1)
            }
            let status = group[1].status
            #expect(status.unreadable?.mark.index == Index(3), "\(status)")
            #expect(status.unreadable?.isNewer == false && status.stopped == nil)
            #expect(group.lines(1) == ["before"] && status.applied.index == Index(2))
            let after = group.propose("after", at: 1)
            let read = group.read(at: 1)
            let change = group.change(.addLearner(MemberID(9)), at: 1)
            group.settle()
            group.tick(200)
            for token in [after, change] {
                #expect(
                    group.outcomes(token, at: 1).first?.hasPrefix("refused unreadable") == true)
            }
            guard case .refused(.unreadable) = group.reads(read, at: 1).first else {
                Issue.record("\(group.reads(read, at: 1))")
                return
            }
        }
        #expect(group.members[MemberID(1)]?.unreadable == [Index(3), Index(3)])
    }

    /// CL-09, NW-10: half of a group is of a later version, as during an upgrade.
    @Test func `members that cannot read an entry confirm it for the one that can`() {
        var group = Self.group(later: [1])
        let token = group.propose("later", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["applied"])
        group.tick(4)
        for id in [2, 3] as [UInt64] {
            #expect(group[id].status.unreadable?.isNewer == true)
            #expect(group.lines(id) == ["before"])
        }
        let read = group.read(at: 2)
        group.crash(3)
        // With the word of one that cannot read it.
        let more = group.propose("more", at: 1)
        group.settle()
        group.tick(40)
        #expect(group.outcomes(more, at: 1) == ["applied"])
        guard case .refused(.unreadable) = group.reads(read, at: 2).first else {
            Issue.record("\(group.reads(read, at: 2))")
            return
        }
        // Brought to the later version, they have all of it.
        group.later = [1, 2, 3]
        for id in [2, 3] as [UInt64] { group.restart(id) }
        group.tick(40)
        for id in [2, 3] as [UInt64] {
            #expect(group.lines(id) == ["before", "later", "more"])
            #expect(group[id].status.unreadable == nil)
        }
    }

    /// CL-09: a leader that cannot read what it has committed.
    @Test func `a leader hands over to the member that has read the entry`() {
        var group = Self.group(later: [3])
        let token = group.propose("later", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["unknown"])
        group.tick(120)
        #expect(group.leaders == [MemberID(3)])
        #expect(group.lines(3) == ["before", "later"])
        let after = group.propose("after", at: 3)
        group.settle()
        #expect(group.outcomes(after, at: 3) == ["applied"])
    }

    /// CL-09: those who cannot read leave it to others to stand, and stand when there is nobody.
    @Test func `who cannot read leads only while nobody else could`() {
        var group = Self.group(later: [1, 3])
        group.propose("later", at: 1)
        group.settle()
        group.tick(4)
        group.crash(1)
        // The clock of the one that cannot read runs ahead.
        group.age(2, ticks: group.limits.electionTicksMax)
        group.tick(60)
        #expect(group.leaders == [MemberID(3)])
        group.crash(3)
        group.restart(1)
        group.crash(1)
        group.tick(200)
        #expect(group.leaders.isEmpty)

        // What only it has, another one gets from it: it leads for that, and hands over.
        group.restart(1)
        group.loses = { $0.to == MemberID(1) && $0.message.isBulk }
        group.tick(200)
        let last = group[2].replica.lastMark
        #expect(last.index > group[1].replica.lastMark.index)
        #expect(group.leaders == [MemberID(2)])
        let refused = group.propose("refused", at: 2)
        group.settle()
        #expect(group.outcomes(refused, at: 2).first?.hasPrefix("refused unreadable") == true)
        group.loses = { _ in false }
        group.tick(200)
        #expect(group.leaders == [MemberID(1)])
        #expect(group.lines(1) == ["before", "later"])
    }

    /// CL-09: none can read it; the group is there, says so, and nothing is made.
    @Test func `a group in which none can read an entry has a leader and refuses`() throws {
        var group = Self.group()
        group.propose("poison", at: 1)
        group.settle()
        for _ in 1...3 {
            group.tick(100)
            let leader = try #require(group.leaders.first)
            #expect(group.leaders.count == 1)
            for id in 1...3 as ClosedRange<UInt64> where group.members[MemberID(id)] != nil {
                #expect(group.lines(id) == ["before"])
            }
            let token = group.propose("after", at: leader.rawValue)
            group.settle()
            let outcome = group.outcomes(token, at: leader.rawValue).first
            #expect(outcome?.hasPrefix("refused unreadable") == true, "\(outcome ?? "")")
            // It would only begin with the same entry.
            let end = group[leader].replica.lastMark
            let recovery = ForcedRecovery(
                expected: Position(
                    generation: Group.generation, term: end.term, index: end.index),
                successor: Generation(counter: 2, nonce: 1),
                configuration: Configuration(voters: [leader], learners: []),
                givenUp: group.ids.filter { $0 != leader }, record: [], overridesLeader: true)
            group.nextToken += 1
            let forced = ProposalToken(group.nextToken)
            group.feed(leader, [.recover(forced, recovery)])
            guard
                case .refused(.unreadable) = group.members[leader]?.recoveries[forced]?.first
            else {
                Issue.record("it goes on")
                return
            }
            group.restart(leader.rawValue)
        }
    }

    /// CL-09, IN-13: what is not applied is held in memory.
    @Test func `a member that cannot read takes no more than it may hold`() {
        var group = Self.group(later: [1])
        group.limits.unreadEntriesMax = 8
        for id in [2, 3] as [UInt64] { group.restart(id) }
        group.tick(4)
        group.propose("later", at: 1)
        group.crash(2)
        group.later = [1, 2]
        group.restart(2)
        group.tick(4)
        for number in 1...20 {
            group.propose("\(number)", at: 1)
            group.tick(2)
        }
        #expect(group.lines(1).count == 22 && group.lines(2).count == 22)
        #expect(group[3].replica.lastMark.index == group[3].applied.index.advanced(by: 8))
        #expect(group[1].status.shortOfSpace == [MemberID(3)])
        group.later = [1, 2, 3]
        group.restart(3)
        group.tick(40)
        #expect(group.lines(3).count == 22 && group[1].status.shortOfSpace.isEmpty)
    }

    /// CL-09, SN-02: a state that comes whole, and that this version cannot read.
    @Test func `a state that cannot be read is refused, and it is said why`() {
        var group = Self.group()
        group.driverLimits.retainedEntries = 1
        group.driverLimits.compactionStride = 1
        for id in 1...3 as ClosedRange<UInt64> { group.restart(id) }
        group.elect(1)
        group.crash(3)
        group.propose("a state of its own", at: 1)
        for number in 1...20 {
            group.propose("\(number)", at: 1)
            group.tick(2)
        }
        group.restart(3)
        group.tick(40)
        #expect(group[1].replica.baseIndex > group[3].replica.lastMark.index)
        let found = group[3].status.unreadable
        #expect(found?.part == .state && found?.isNewer == true, "\(String(describing: found))")
        #expect(group.lines(3) == ["before"] && group.leaders == [MemberID(1)])
        let token = group.propose("after", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["applied"])
    }

    /// CL-09, NW-10, MB-12: who votes is not known from there on. The entry is not taken, what lies before it is, and it is said.
    @Test(arguments: [(2, true), (1, false)] as [(UInt8, Bool)])
    func `a list of voters that cannot be read is not taken, and it is said`(
        format: UInt8, isNewer: Bool
    ) throws {
        var group = Self.group()
        group.crash(3)
        let last = group[2].replica.lastMark
        let time = group[2].replica.lastTime
        func entry(_ place: Int, _ kind: Entry.Kind, _ payload: [UInt8]) -> Entry {
            Entry(
                index: last.index.advanced(by: place), term: last.term, time: time, kind: kind,
                payload: payload)
        }
        let voters = entry(2, .configuration, [format, 9, 9])
        let entries = [entry(1, .command, Array("taken".utf8)), voters, entry(3, .command, [1])]
        for _ in 1...3 {
            group.inject(
                .append(previous: last, entries: entries, commit: last.index), from: 1, to: 2,
                term: last.term.rawValue)
            group.flushAll(2)
        }
        let found = try #require(group[2].status.unreadable)
        #expect(found.part == .voters && found.mark == voters.mark && found.isNewer == isNewer)
        #expect(group.members[MemberID(2)]?.unreadable == [voters.index], "it is told once")
        #expect(group[2].replica.lastMark.index == last.index.next)
        #expect(group[2].status.stopped == nil)
        let read = group.read(at: 2)
        guard case .refused(.unreadable) = group.reads(read, at: 2).first else {
            Issue.record("\(group.reads(read, at: 2))")
            return
        }
        // Nobody has committed it; with what another leader has in its place, it is over.
        group.wire = []
        group.restart(3)
        group.crash(1)
        group.age(2, ticks: group.limits.electionTicksMax)
        group.age(3, ticks: group.limits.electionTicksMax)
        for number in 1...4 {
            group.tick(60)
            if let leader = group.leaders.first { group.propose("\(number)", at: leader.rawValue) }
        }
        group.tick(60)
        #expect(group[2].status.unreadable == nil)
        #expect(group.members[MemberID(2)]?.unreadable == [voters.index, nil])
        #expect(group.lines(2) == group.lines(3) && group.lines(2).contains("4"))
    }
}

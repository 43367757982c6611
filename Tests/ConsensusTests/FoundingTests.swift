import Testing

@testable import Consensus

/// A group founded on a state that others have kept, when every member of the old one is lost.
@Suite struct FoundingTests {
    private static let base = Position(
        generation: Group.generation, term: Term(4), index: Index(40))
    private static let late = LogMark(index: Index(90), term: Term(99))

    /// Members 1 to 3, which are down, with "a" and "b"; and 9, whose storage holds the founding write.
    private static func founded() -> Group {
        var group = Group(voters: 3)
        group.elect(1)
        group.propose("a", at: 1)
        group.propose("b", at: 1)
        group.settle()
        for id in [1, 2, 3] as [UInt64] { group.crash(id) }
        group.wire = []
        var storage = Ledger.storage()
        storage.write(
            Founding.batch(
                by: MemberID(9), from: ["a", "b"].map { Array($0.utf8) }, at: base,
                as: Group.forced, time: 5_000, record: Array("record".utf8)))
        group.members[MemberID(9)] = Group.Member(storage: storage)
        group.start(MemberID(9))
        return group
    }

    /// FS-01, FS-17
    @Test func `the founder leads alone, with the state, its record and a later term`() {
        var group = Self.founded()
        let before = group[9].replica
        #expect(before.generation == Group.forced && before.hardState.origin == Self.base)
        #expect(before.lastMark == LogMark(index: Index(43), term: Term(5)))
        group.tick(60)
        #expect(group.leads(9) && group[9].replica.term > Term(5))
        #expect(group.lines(9) == ["a", "b", "record"])
        let token = group.propose("c", at: 9)
        group.settle()
        #expect(group.outcomes(token, at: 9) == ["applied"])
        group.restart(9)
        group.tick(60)
        #expect(group.leads(9) && group.lines(9) == ["a", "b", "record", "c"])
        #expect(group[9].replica.configuration == Configuration(voters: [MemberID(9)]))
    }

    /// FS-03, FS-04, FS-05: those of the lost group who come back are left behind at the first contact.
    @Test func `members of the old group neither change the new one nor go on`() {
        var group = Self.founded()
        group.tick(60)
        for id in [1, 2] as [UInt64] { group.start(MemberID(id)) }
        // With a majority they lead again, as nobody has told them.
        group.elect(1)
        #expect(group.leads(1))
        let state = group[9].replica.hardState
        group.wire = []
        group.inject(.heartbeat(round: 1, commit: Self.late), from: 1, to: 9, term: 99)
        #expect(group[9].replica.hardState == state)
        #expect(group.wire.map(\.message) == [.superseded])
        group.settle()
        #expect(group[1].replica.supersededBy == Group.forced)
        #expect(!group.leads(1))
        group.tick(60)
        #expect(group[2].replica.supersededBy == Group.forced, "the word was not passed on")
        let token = group.propose("late", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1).first?.hasPrefix("refused") == true)
        for id in [1, 2] as [UInt64] {
            group.restart(id)
            group.tick(60, [id])
            #expect(group[id].replica.supersededBy == Group.forced, "forgotten by a restart")
        }
    }

    /// FS-13
    @Test func `members that join get a snapshot, and make a majority with the founder`() {
        var group = Self.founded()
        group.tick(60)
        for id in [10, 11] as [UInt64] {
            group.addBlank(id)
            group.heard = []
            group.change(.addLearner(MemberID(id)), at: 9)
            group.settle()
            group.tick(20)
            #expect(
                group.heard.contains {
                    if case .snapshotChunk = $0.message { $0.to == MemberID(id) } else { false }
                })
            group.change(.promote(MemberID(id)), at: 9)
            group.settle()
            group.tick(20)
        }
        let token = group.propose("c", at: 9)
        group.settle()
        #expect(group.outcomes(token, at: 9) == ["applied"])
        group.crash(9)
        group.elect(10)
        group.settle()
        group.tick(5)
        for id in [10, 11] as [UInt64] {
            #expect(group.lines(id) == ["a", "b", "record", "c"], "\(id)")
            #expect(group[id].replica.configuration.voters.count == 3)
        }
    }

    /// FS-06: two founders at once are told apart, and the higher one wins wherever they meet.
    @Test func `of two foundings at once the one with the higher nonce goes on`() {
        var group = Self.founded()
        var storage = Ledger.storage()
        let higher = Generation(counter: Group.forced.counter, nonce: Group.forced.nonce + 1)
        storage.write(
            Founding.batch(
                by: MemberID(8), from: [Array("a".utf8)], at: Self.base, as: higher, time: 5_000,
                record: Array("other".utf8)))
        group.members[MemberID(8)] = Group.Member(storage: storage)
        group.start(MemberID(8))
        group.tick(60)
        #expect(group.leads(8) && group.leads(9))
        group.inject(
            .heartbeat(round: 1, commit: .zero), from: 9, to: 8, term: 7, generation: Group.forced)
        group.settle()
        #expect(group[9].replica.supersededBy == higher && !group.leads(9))
        #expect(group.leads(8))
    }
}

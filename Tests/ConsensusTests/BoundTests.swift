import Testing

@testable import Consensus

/// Requests that are good for one term only (docs/decisions/0027).
@Suite struct BoundTests {
    private static func bound(_ term: UInt64, _ generation: Generation = Group.generation)
        -> TermMark
    {
        TermMark(generation: generation, term: Term(term))
    }

    private static func propose(
        _ text: String, bound: TermMark, at id: UInt64, _ group: inout Group
    ) -> ProposalToken {
        group.nextToken += 1
        let token = ProposalToken(group.nextToken)
        group.feed(
            MemberID(id),
            [.propose(Proposal(token: token, payload: Array(text.utf8), bound: bound))])
        return token
    }

    @Test func `a command that is bound to a term is appended in it, and in no other`() {
        var group = Group(voters: 3)
        group.elect(1)
        let term = group[1].replica.term.rawValue
        let earlier = Self.propose("earlier", bound: Self.bound(term - 1), at: 1, &group)
        let later = Self.propose("later", bound: Self.bound(term + 1), at: 1, &group)
        let elsewhere = Self.propose(
            "elsewhere", bound: Self.bound(term, Generation(counter: 2, nonce: 1)), at: 1, &group)
        let now = Self.propose("now", bound: Self.bound(term), at: 1, &group)
        group.settle()
        for token in [earlier, later, elsewhere] {
            #expect(group.outcomes(token, at: 1).first?.contains("otherTerm") == true)
        }
        #expect(group.outcomes(now, at: 1) == ["applied"])
        #expect(group.lines(1) == ["now"])
    }

    /// A leader that was frozen with a request, was replaced, and leads again.
    @Test func `who leads again does not take what was meant for its first term`() {
        var group = Group(voters: 3)
        group.elect(1)
        let term = group[1].replica.term.rawValue
        group.feed(MemberID(1), [.transfer(to: MemberID(2))])
        group.settle()
        group.feed(MemberID(2), [.transfer(to: MemberID(1))])
        group.settle()
        #expect(group.leaders == [MemberID(1)])
        let token = Self.propose("old", bound: Self.bound(term), at: 1, &group)
        group.settle()
        #expect(group.outcomes(token, at: 1).first?.contains("otherTerm") == true)
        #expect(group.lines(1).isEmpty)
        let transfers = group.members[MemberID(1)]?.transfers.count ?? 0
        group.feed(MemberID(1), [.transfer(to: MemberID(2), bound: Self.bound(term))])
        group.settle()
        #expect(group.leaders == [MemberID(1)])
        let answers = group.members[MemberID(1)]?.transfers.dropFirst(transfers) ?? []
        #expect(answers == [.refused(.otherTerm(Self.bound(term)))])
    }

    // MARK: Transfers

    private static func notes(_ id: UInt64, _ group: Group) -> [[UInt8]] {
        let replica = group[id].replica
        return (replica.committedEntries(from: Index(1), bytesMax: 1 << 20) ?? []).filter {
            $0.kind == .leader
        }
        .map { $0.note }
    }

    @Test func `the first entry of a new leader says which transfer has made it one`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.feed(MemberID(1), [.transfer(to: MemberID(2), note: [7, 8])])
        group.settle()
        group.tick(4)
        #expect(group.leaders == [MemberID(2)])
        #expect(Self.notes(3, group) == [[], [7, 8]])
        group.elect(3)
        group.tick(4)
        #expect(Self.notes(1, group) == [[], [7, 8], []])
    }

    /// The target is frozen, the word to take over lies in its socket, and is read long after somebody was told that nothing
    /// came of it.
    @Test func `a word to take over that is late starts nothing and leaves no note`() throws {
        var group = Group(voters: 3)
        group.elect(1)
        let term = group[1].replica.term
        group.loses = { $0.to == MemberID(2) || $0.from == MemberID(2) }
        group.feed(MemberID(1), [.transfer(to: MemberID(2), note: [9])])
        let word = try #require(
            group.heard.last {
                if case .timeoutNow = $0.message { true } else { false }
            })
        group.tick(group.limits.electionTicksMin + 2, [1])
        group.settle()
        // The others do without it, in a term of their own.
        #expect(group.members[MemberID(1)]?.transfers == [.timedOut(target: MemberID(2))])
        #expect(group.leaders == [MemberID(1)] && group[1].replica.term > term)
        group.loses = { _ in false }
        group.feed(MemberID(2), [.received(word)])
        group.settle()
        group.tick(8)
        #expect(group.leaders.count == 1)
        #expect(Self.notes(3, group).flatMap { $0 }.isEmpty)
    }
}

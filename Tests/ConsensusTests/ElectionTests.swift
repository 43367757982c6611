import Testing

@testable import Consensus

/// Elections (Raft §5.2, §5.4.1).
@Suite struct ElectionTests {
    /// EL-02.
    @Test func `a single voter leads only after its own vote is durable`() {
        var group = Group(voters: 1)
        group.members[MemberID(1)]?.isDiskStuck = true
        group.tick(40)
        #expect(group[1].replica.roleName == .candidate)
        group.members[MemberID(1)]?.isDiskStuck = false
        group.settle()
        #expect(group.leaders == [MemberID(1)])
    }

    struct VoteCase: Sendable {
        var last: LogMark
        var isGranted: Bool
    }

    /// EL-03: the voter's log ends with index 3 of term 1 (its leader's entry and two commands).
    @Test(arguments: [
        VoteCase(last: LogMark(index: Index(2), term: Term(1)), isGranted: false),
        VoteCase(last: LogMark(index: Index(3), term: Term(1)), isGranted: true),
        VoteCase(last: LogMark(index: Index(9), term: Term(0)), isGranted: false),
        VoteCase(last: LogMark(index: Index(1), term: Term(2)), isGranted: true),
    ])
    func `only an up-to-date candidate gets the vote`(row: VoteCase) {
        var group = Group(voters: 3)
        group.elect(1)
        group.propose("a", at: 1)
        group.propose("b", at: 1)
        group.settle()
        group.age(2, ticks: 20)
        group.wire = []
        group.inject(.voteRequest(last: row.last, isTransfer: false), from: 3, to: 2, term: 99)
        group.flushAll(2)
        #expect(group.wire.last?.message == .voteReply(granted: row.isGranted))
    }

    /// What a new term has not is no word of how long there was no leader.
    @Test func `a new term does not make it long ago that there was a leader`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.tick(30)
        #expect(group[1].replica.ticksWithoutLeader == 0)
        let last = LogMark(index: Index(9), term: Term(9))
        for voter in [1, 2] as [UInt64] {
            group.inject(.voteRequest(last: last, isTransfer: true), from: 3, to: voter, term: 99)
            group.flushAll(voter)
            let replica = group[voter].replica
            #expect(replica.term == Term(99) && replica.ticksSinceLeader == nil)
            #expect(replica.ticksWithoutLeader <= 4, "\(replica.ticksWithoutLeader)")
        }
        // As long as it hears of none, the time grows.
        group.age(2, ticks: 3)
        #expect(group[2].replica.ticksWithoutLeader >= 3)
    }

    /// EL-04, PC-02.
    @Test func `a vote is given once per term, also across a restart`() {
        var group = Group(voters: 3)
        let last = LogMark(index: Index(9), term: Term(4))
        group.inject(.voteRequest(last: last, isTransfer: false), from: 2, to: 1, term: 5)
        group.flushAll(1)
        #expect(group.wire.last?.message == .voteReply(granted: true))
        group.restart(1)
        group.inject(.voteRequest(last: last, isTransfer: false), from: 3, to: 1, term: 5)
        group.flushAll(1)
        #expect(group.wire.last?.message == .voteReply(granted: false))
        group.inject(.voteRequest(last: last, isTransfer: false), from: 2, to: 1, term: 5)
        #expect(group.wire.last?.message == .voteReply(granted: true))
    }

    /// EL-06, PC-01 for votes.
    @Test func `nothing of a new term is sent before the term is durable`() {
        var group = Group(voters: 3)
        let last = LogMark(index: Index(9), term: Term(4))
        group.inject(.voteRequest(last: last, isTransfer: false), from: 2, to: 1, term: 5)
        #expect(group.wire.isEmpty)
        group.flushAll(1)
        #expect(group.wire.map(\.message) == [.voteReply(granted: true)])
    }

    /// EL-07.
    @Test func `a member cut off for long comes back without a higher term`() {
        var group = Group(voters: 3)
        group.elect(1)
        let term = group[1].replica.term
        group.loses = { $0.from == MemberID(3) || $0.to == MemberID(3) }
        group.tick(1_000)
        #expect(group[3].replica.term == term)
        group.loses = { _ in false }
        group.tick(60)
        #expect(group.leaders == [MemberID(1)])
        #expect(group[1].replica.term == term)
    }

    /// EL-08.
    @Test func `a granted pre-vote changes nothing at the granter`() {
        var group = Group(voters: 3)
        let before = group[1].replica
        let last = LogMark(index: Index(9), term: Term(4))
        group.inject(.preVoteRequest(round: 77, last: last), from: 2, to: 1, term: 4)
        #expect(group.wire.last?.message == .preVoteReply(round: 77, granted: true))
        #expect(group[1].replica.hardState == before.hardState)
        #expect(group[1].replica.electionDeadline == before.electionDeadline)
        #expect(group[1].replica.leaderContact == before.leaderContact)
        #expect(group.members[MemberID(1)]?.job == nil)
    }

    /// EL-09.
    @Test func `members at different terms still elect somebody`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.loses = { $0.to == MemberID(2) || $0.from == MemberID(2) }
        group.elect(3)
        group.crash(3)
        group.loses = { _ in false }
        group.tick(120)
        #expect(group.leaders.count == 1)
    }

    /// EL-10.
    @Test func `a leader that stepped down is not refused because of itself`() {
        var group = Group(voters: 3)
        group.elect(1)
        let mark = group[1].replica.lastMark
        group.wire = []
        group.inject(
            .preVoteRequest(round: 5, last: mark), from: 1, to: 2,
            term: group[1].replica.term.rawValue)
        #expect(group.wire.last?.message == .preVoteReply(round: 5, granted: true))
        group.inject(
            .preVoteRequest(round: 6, last: mark), from: 3, to: 2,
            term: group[1].replica.term.rawValue)
        #expect(group.wire.last?.message == .preVoteReply(round: 6, granted: false))
    }

    /// EL-11.
    @Test func `a leader that hears nobody steps down and another rises`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.loses = { $0.to == MemberID(1) }
        group.tick(group.limits.electionTicksMin + 2)
        #expect(group[1].replica.roleName != .leader)
        group.tick(60)
        #expect(group.leaders.count == 1 && group.leaders != [MemberID(1)])
    }

    /// EL-12.
    @Test func `a leader that nobody hears is replaced and follows`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.loses = { $0.from == MemberID(1) }
        group.tick(80)
        let leader = group.leaders.first { $0 != MemberID(1) }
        #expect(leader != nil)
        group.loses = { _ in false }
        group.tick(10)
        #expect(group[1].replica.leader == leader)
    }

    /// EL-13, TR-07: the transfer flag passes the lease.
    @Test func `who hears a leader ignores candidates unless leadership is handed over`() {
        var group = Group(voters: 3)
        group.elect(1)
        let term = group[2].replica.term
        let last = LogMark(index: Index(50), term: term)
        group.wire = []
        group.inject(
            .voteRequest(last: last, isTransfer: false), from: 3, to: 2, term: term.rawValue + 1)
        #expect(group[2].replica.term == term)
        group.inject(
            .voteRequest(last: last, isTransfer: true), from: 3, to: 2, term: term.rawValue + 1)
        group.flushAll(2)
        #expect(group.wire.last?.message == .voteReply(granted: true))
    }

    /// EL-14: A leads, B sees only C.
    @Test func `a partial partition changes the leader at most once`() {
        var group = Group(voters: 3)
        group.elect(1)
        let pair: Set<MemberID> = [MemberID(1), MemberID(2)]
        group.loses = { pair.contains($0.from) && pair.contains($0.to) }
        let term = group[1].replica.term.rawValue
        group.tick(500)
        #expect(group.leaders.count == 1)
        #expect(group[3].replica.term.rawValue <= term + 1)
    }

    /// In how many of 100 draws of timeouts the next leader takes longer than one timeout and one repeated question.
    /// `prepare` makes the two members that are left differ.
    private func lateElections(
        _ limits: Limits, _ prepare: (inout Group) -> Void
    ) -> Int {
        (0..<100).count { draw in
            var group = Group(voters: 3, limits: limits)
            group.elect(1)
            group.tick(2 * draw)
            prepare(&group)
            group.crash(1)
            group.loses = { _ in false }
            group.tick(limits.electionTicksMax + 5)
            return group.leaders.isEmpty
        }
    }

    /// EL-01: one of the two has heard the leader a little later, and refuses. That costs no other timeout; what is left are
    /// split votes.
    @Test func `who is refused by a moment asks again in a moment`() {
        func late(_ limits: Limits) -> Int {
            lateElections(limits) { group in
                group.loses = { $0.to == MemberID(2) }
                group.tick(4)
            }
        }
        var silent = Limits()
        silent.preVoteRepeatsMax = 0
        let (without, with) = (late(silent), late(Limits()))
        #expect(
            with <= 10 && with < without, "\(without) late without repeated questions, \(with) with"
        )
    }

    /// EL-03: the other one has the longer log, and leads as soon as somebody asks.
    @Test func `who cannot be elected wakes who can`() {
        let late = lateElections(Limits()) { group in
            group.loses = { $0.to == MemberID(2) && $0.message.isBulk }
            group.propose("only 3 has it", at: 1)
            group.tick(2)
        }
        #expect(late <= 10)
    }

    // MARK: a leader whose process has ended

    /// EL-01, NW-01: who is told that the leader's process has ended waits for no timeout.
    @Test func `a leader that is gone is replaced at once`() {
        for voters in [3, 5, 7] {
            var group = Group(voters: voters)
            group.elect(1)
            let term = group[1].replica.term
            group.crash(1)
            for id in group.ids where id != MemberID(1) { group.feed(id, [.gone(MemberID(1))]) }
            group.tick(3)
            #expect(group.leaders == [MemberID(2)], "the first of those that are left")
            #expect(group[2].replica.term == term.next, "without a second election")
        }
    }

    /// The first of them lacks an entry: the next one has it, and leads.
    @Test func `a leader that is gone is replaced by who can be elected`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.loses = { $0.to == MemberID(2) && $0.message.isBulk }
        let token = group.propose("only 3 has it", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["applied"])
        group.crash(1)
        group.loses = { _ in false }
        for id in [2, 3] as [UInt64] { group.feed(MemberID(id), [.gone(MemberID(1))]) }
        group.tick(5)
        #expect(group.leaders == [MemberID(3)])
    }

    /// One is told so, and the others hear the leader: they refuse, and it goes on.
    @Test func `a false alarm changes no leader`() {
        var group = Group(voters: 3)
        group.elect(1)
        let term = group[1].replica.term
        for _ in 0..<20 {
            group.feed(MemberID(2), [.gone(MemberID(1))])
            // Neither the leader itself nor who is no leader is concerned.
            group.feed(MemberID(3), [.gone(MemberID(2))])
            group.feed(MemberID(1), [.gone(MemberID(1)), .gone(MemberID(2))])
            group.tick(7)
        }
        #expect(group.leaders == [MemberID(1)] && group[1].replica.term == term)
        let token = group.propose("as before", at: 1)
        group.settle()
        #expect(group.outcomes(token, at: 1) == ["applied"])
    }

    /// EL-21: an answer that is slower than the next question is one to the same round.
    @Test func `a late answer to an earlier question counts, to an earlier round it does not`() {
        var group = Group(voters: 3)
        group.loses = { _ in true }
        while group[1].replica.roleName != .preCandidate { group.tick(1, [1]) }
        guard case .preCandidate(let first, _, _) = group[1].replica.role else { return }
        group.tick(group.limits.preVoteRepeatTicksMax, [1])
        guard case .preCandidate(let second, _, let repeats) = group[1].replica.role else { return }
        #expect(first == second && repeats > 0)
        // Nobody answers: from now on a question at every timeout, each a round of its own.
        group.tick(200, [1])
        guard case .preCandidate(let third, _, _) = group[1].replica.role else { return }
        #expect(third != first)
        group.inject(.preVoteReply(round: first, granted: true), from: 2, to: 1, term: 0)
        #expect(group[1].replica.roleName == .preCandidate)
        group.inject(.preVoteReply(round: third, granted: true), from: 2, to: 1, term: 0)
        #expect(group[1].replica.roleName == .candidate)
    }

    /// EL-07: being cut off for long makes no noise.
    @Test func `questions without an answer become rare`() {
        var group = Group(voters: 3)
        group.elect(1)
        var asked = 0
        group.loses = { envelope in
            if case .preVoteRequest = envelope.message, envelope.to == MemberID(1) { asked += 1 }
            return envelope.from == MemberID(3) || envelope.to == MemberID(3)
        }
        group.tick(1_000)
        let limits = group.limits
        #expect(asked <= limits.preVoteRepeatsMax + 1_000 / limits.electionTicksMin + 1)
        #expect(asked >= limits.preVoteRepeatsMax)
    }

    /// EL-16.
    @Test func `a learner never campaigns`() {
        var group = Group(voters: 1, learners: 1)
        group.loses = { _ in true }
        group.tick(200, [2])
        #expect(group[2].replica.roleName == .follower)
    }

    /// EL-17, EL-18: the configuration of the one who asks decides.
    @Test func `a learner answers a candidate that counts on it`() {
        var group = Group(voters: 1, learners: 1)
        let last = LogMark(index: Index(9), term: Term(4))
        group.inject(.voteRequest(last: last, isTransfer: false), from: 9, to: 2, term: 5)
        group.flushAll(2)
        #expect(group.wire.last?.message == .voteReply(granted: true))
    }

    /// EL-19, EL-20, EL-21.
    @Test func `late and repeated votes do not count`() {
        var group = Group(voters: 5)
        group.loses = { _ in true }
        while group[1].replica.roleName != .preCandidate { group.tick(1, [1]) }
        guard case .preCandidate(let round, _, _) = group[1].replica.role else { return }
        for _ in 0..<3 {
            group.inject(.preVoteReply(round: round, granted: true), from: 2, to: 1, term: 0)
        }
        group.inject(.preVoteReply(round: round &+ 1, granted: true), from: 3, to: 1, term: 0)
        #expect(group[1].replica.roleName == .preCandidate)
        group.inject(.preVoteReply(round: round, granted: true), from: 3, to: 1, term: 0)
        #expect(group[1].replica.roleName == .candidate)
        let term = group[1].replica.term.rawValue
        // A higher term in a reply: the vote of that term is still free, and the own vote is void.
        group.inject(.voteReply(granted: false), from: 4, to: 1, term: term + 3)
        #expect(group[1].replica.hardState.vote == nil)
        group.settle()
        for voter in 2...5 as ClosedRange<UInt64> {
            group.inject(.voteReply(granted: true), from: voter, to: 1, term: term)
        }
        #expect(group[1].replica.roleName == .follower)
    }

    /// EL-22, ST-07.
    @Test func `a leader whose disk hangs lets another lead, and stays out until it works`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.members[MemberID(1)]?.isDiskStuck = true
        group.propose("stuck", at: 1)
        group.tick(group.limits.electionTicksMax + 2)
        #expect(group[1].replica.roleName != .leader)
        group.tick(80)
        #expect(group.leaders.count == 1)
        group.crash(group.leaders[0].rawValue)
        group.tick(200)
        #expect(group[1].replica.roleName == .follower)
        group.members[MemberID(1)]?.isDiskStuck = false
        group.tick(200)
        #expect(group.leaders.count == 1)
    }

    /// TM-05.
    @Test func `equal inputs give equal outputs`() {
        func history() -> [Envelope] {
            var group = Group(voters: 3)
            var heard: [Envelope] = []
            for round in 0..<120 {
                group.time += 25
                for id in group.ids { group.feed(id, [.tick(time: group.time)]) }
                if round == 70 { group.propose("x", at: group.leaders.first?.rawValue ?? 1) }
                heard += group.wire
                group.settle()
            }
            return heard
        }
        #expect(history() == history())
    }
}

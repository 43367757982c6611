import Testing

@testable import Consensus

/// Forced recovery: one survivor begins a generation, others adopt it, the rest is left behind.
@Suite struct RecoveryTests {
    /// Three members with "a" everywhere, and "b" on 1 and 2, of which only the leader, 1, knows whether it is committed.
    private static func torn(acknowledged: Bool) -> (group: Group, token: ProposalToken) {
        var limits = Limits()
        limits.defersCommit = true
        var group = Group(voters: 3, limits: limits)
        group.elect(1)
        group.propose("a", at: 1)
        group.settle()
        group.tick(4)
        group.loses = { $0.to == MemberID(3) || (!acknowledged && $0.to == MemberID(1)) }
        let token = group.propose("b", at: 1)
        group.settle()
        return (group, token)
    }

    /// FS-01, FS-02: nothing tells what was acknowledged from what was not, so all of it is kept.
    @Test(arguments: [true, false])
    func `one survivor goes on alone with everything it holds`(acknowledged: Bool) {
        var (group, token) = Self.torn(acknowledged: acknowledged)
        #expect((group.outcomes(token, at: 1) == ["applied"]) == acknowledged)
        #expect(group[2].replica.commit < group[2].replica.lastMark.index)
        group.crash(1)
        group.crash(3)
        group.loses = { _ in false }
        group.tick(30)
        let base = group[2].replica.lastMark
        let forced = group.recover(2, voters: [2], givenUp: [1, 3])
        #expect(group.recovered(forced, at: 2) == nil, "answered before it was durable")
        group.settle()
        guard case .done(let place) = group.recovered(forced, at: 2) else {
            Issue.record("not recovered")
            return
        }
        #expect(place.generation == Group.forced && place.index == base.index.next)
        #expect(group[2].replica.roleName == .leader)
        #expect(group.lines(2) == ["a", "b", "record"])
        let next = group.propose("c", at: 2)
        group.settle()
        #expect(group.outcomes(next, at: 2) == ["applied"])
        let read = group.read(at: 2)
        group.settle()
        guard case .ready(let position) = group.reads(read, at: 2).first else {
            Issue.record("no read")
            return
        }
        #expect(position.generation == Group.forced)
        group.restart(2)
        group.tick(60)
        #expect(group.lines(2) == ["a", "b", "record", "c"])
        #expect(group[2].replica.configuration == Configuration(voters: [MemberID(2)]))
    }

    /// FS-15: no voter is left. A learner's log is the beginning of some leader's as well; going on with it takes a request that
    /// says so.
    @Test func `a learner goes on when that is asked for in so many words`() {
        var group = Group(voters: 3, learners: 2)
        group.elect(1)
        for text in ["a", "b"] { group.propose(text, at: 1) }
        group.settle()
        for id in [1, 2, 3] as [UInt64] { group.crash(id) }
        group.tick(30)
        func recover(_ group: inout Group, accepts: Bool) -> ProposalToken {
            group.recover(4, voters: [4], learners: [5], givenUp: [1, 2, 3]) {
                $0.acceptsLearner = accepts
            }
        }
        let unasked = recover(&group, accepts: false)
        #expect(group.recovered(unasked, at: 4) == .refused(.recovery(.notVoter)))
        let asked = recover(&group, accepts: true)
        group.settle()
        guard case .done = group.recovered(asked, at: 4) else {
            Issue.record("not recovered")
            return
        }
        let adopted = group.adopt(5, from: 4)
        group.settle()
        guard case .done = group.recovered(adopted, at: 5) else {
            Issue.record("not adopted")
            return
        }
        let next = group.propose("c", at: 4)
        group.tick(10)
        #expect(group.outcomes(next, at: 4) == ["applied"])
        for id in [4, 5] as [UInt64] { #expect(group.lines(id) == ["a", "b", "record", "c"]) }
        // The old voters come back, and count for nothing.
        for id in [1, 2, 3] as [UInt64] { group.restart(id) }
        group.tick(200)
        #expect(group.leaders.contains(MemberID(4)))
        #expect(group[4].replica.configuration.voters == [MemberID(4)])
        // Who is no member at all is no learner either.
        group.addBlank(9)
        let stranger = group.recover(9, voters: [9], givenUp: []) { $0.acceptsLearner = true }
        guard case .refused(.recovery) = group.recovered(stranger, at: 9) else {
            Issue.record("a stranger goes on")
            return
        }
    }

    /// FS-03: the generation is looked at before the term, whatever the message.
    @Test func `no message of the old generation changes anything`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.recover(2, voters: [2], givenUp: [1, 3], overridesLeader: true)
        group.loses = { $0.to == MemberID(2) }
        group.settle()
        let before = group[2].replica.hardState
        let last = group[2].replica.lastMark
        let entry = Entry(
            index: last.index.next, term: Term(90), time: 0, kind: .command, payload: [])
        let messages: [Message] = [
            .preVoteRequest(round: 1, last: entry.mark),
            .voteRequest(last: entry.mark, isTransfer: true), .voteReply(granted: true),
            .append(previous: last, entries: [entry], commit: entry.index),
            .appendAccepted(match: last.index), .heartbeat(round: 1, commit: last),
            .heartbeatReply(round: 1, last: Index(9)), .timeoutNow(), .readIndexRequest(token: 1),
        ]
        for message in messages {
            group.wire = []
            group.inject(message, from: 1, to: 2, term: 90)
            #expect(group.wire.map(\.message) == [.superseded], "\(message.text)")
            #expect(group.wire.first?.generation == Group.forced)
            #expect(group[2].replica.hardState == before)
            #expect(group[2].replica.lastMark == last)
        }
        for message in [Message.superseded, .removed, .staleTerm] {
            group.wire = []
            group.inject(message, from: 1, to: 2, term: 90)
            #expect(group.wire.isEmpty)
        }
        #expect(group[2].replica.roleName == .leader)
    }

    /// FS-04: they take part in nothing, know it after a restart as well, and keep what they had.
    @Test func `members of the old generation come back and count for nothing`() {
        var (group, _) = Self.torn(acknowledged: true)
        group.crash(1)
        group.crash(3)
        group.tick(30)
        group.loses = { _ in false }
        group.recover(2, voters: [2], givenUp: [1, 3])
        group.settle()
        let term = group[2].replica.term
        group.start(MemberID(1))
        group.start(MemberID(3))
        group.tick(60)
        for id in [1, 3] as [UInt64] {
            #expect(group[id].replica.supersededBy == Group.forced)
            #expect(group[id].replica.roleName == .follower)
            #expect(group[id].replica.generation == Group.generation)
            group.restart(id)
            #expect(group[id].replica.supersededBy == Group.forced)
        }
        #expect(group[2].replica.term == term)
        group.loses = { $0.to == MemberID(2) || $0.from == MemberID(2) }
        let log = group[1].replica.lastMark
        group.tick(120)
        #expect(!group.leaders.contains(MemberID(1)) && !group.leaders.contains(MemberID(3)))
        #expect(group[1].replica.lastMark == log)
        #expect(group.lines(2) == ["a", "b", "record"])
    }

    /// FS-05: the operator was wrong. Both sides acknowledge until they meet; then the lower one ends, and nothing is merged.
    @Test func `an old majority goes on until it meets the new generation`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.loses = { $0.from == MemberID(2) || $0.to == MemberID(2) }
        group.tick(30)
        group.recover(2, voters: [2], givenUp: [1, 3])
        group.settle()
        let left = group.propose("left", at: 1)
        let right = group.propose("right", at: 2)
        group.settle()
        #expect(group.outcomes(left, at: 1) == ["applied"])
        #expect(group.outcomes(right, at: 2) == ["applied"])
        // The leader of the old side never meets the other; a follower tells it.
        group.loses = { [$0.from, $0.to].sorted() == [MemberID(1), MemberID(2)] }
        group.inject(
            .heartbeat(round: 1, commit: .zero), from: 2, to: 3, term: 9, generation: Group.forced)
        group.tick(3)
        #expect(group[3].replica.supersededBy == Group.forced)
        #expect(group[1].replica.supersededBy == Group.forced)
        let late = group.propose("late", at: 1)
        group.tick(120)
        #expect(group.outcomes(late, at: 1) == ["refused notLeader(hint: nil)"])
        #expect(group.lines(1) == ["left"] && group.lines(3) == ["left"])
        #expect(group.lines(2) == ["record", "right"])
    }

    /// FS-06: the same counter, other nonces: the higher nonce goes on, wherever the two meet.
    @Test(arguments: [(3, 9), (9, 3)] as [(UInt64, UInt64)])
    func `two recoveries at once are ordered`(first: UInt64, second: UInt64) {
        var group = Group(voters: 4)
        group.elect(1)
        group.settle()
        let left: Set = [MemberID(1), MemberID(2)]
        group.loses = { left.contains($0.from) != left.contains($0.to) }
        group.tick(30)
        let (one, two) = (
            Generation(counter: 2, nonce: first), Generation(counter: 2, nonce: second)
        )
        group.recover(1, voters: [1, 2], givenUp: [3, 4], successor: one)
        group.recover(3, voters: [3, 4], givenUp: [1, 2], successor: two)
        group.settle()
        group.adopt(2, from: 1)
        group.adopt(4, from: 3)
        group.tick(60)
        group.propose("left", at: group.leads(1) ? 1 : 2)
        group.propose("right", at: group.leads(3) ? 3 : 4)
        group.settle()
        group.tick(4)
        #expect(group.lines(1) == ["record", "left"] && group.lines(4) == ["record", "right"])
        group.loses = { _ in false }
        // Whoever still thinks of the others as members asks them for a vote; here it is said plainly.
        group.inject(
            .heartbeat(round: 1, commit: .zero), from: 1, to: 4, term: 50, generation: one)
        group.inject(
            .heartbeat(round: 1, commit: .zero), from: 3, to: 2, term: 50, generation: two)
        group.tick(80)
        let winner = max(one, two)
        for id in 1...4 as ClosedRange<UInt64> {
            let replica = group[id].replica
            #expect((replica.supersededBy == winner) == (replica.generation != winner))
        }
        #expect(group.lines(1) == ["record", "left"] && group.lines(3) == ["record", "right"])
        #expect(group.leaders.count == 1)
    }

    /// FS-06: a higher generation is heard of before the own one is durable. Seed 62150076 had two leaders of one log.
    @Test func `a recovery that is overtaken while it is written leads nothing`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.settle()
        group.crash(1)
        group.crash(3)
        group.tick(30)
        let (lower, higher) = (
            Generation(counter: 2, nonce: 3), Generation(counter: 2, nonce: 9)
        )
        let asked = group.end(2)
        func recover() -> ProposalToken {
            group.recover(2, voters: [2], givenUp: [1, 3], successor: lower) {
                $0.expected = asked
            }
        }
        let token = recover()
        group.inject(.superseded, from: 3, to: 2, term: 0, generation: higher)
        group.settle()
        let overtaken = RecoveryOutcome.refused(.recovery(.superseded(by: higher)))
        #expect(group.recovered(token, at: 2) == overtaken)
        let again = recover()
        #expect(group.recovered(again, at: 2) == overtaken)
        #expect(group[2].replica.generation == lower && group.leaders.isEmpty)
        group.restart(2)
        group.tick(60)
        #expect(group.leaders.isEmpty && group.lines(2).isEmpty)
        #expect(group.end(2).index == asked.index.advanced(by: 3), "the branch is kept")
    }

    /// FS-07, FS-10, FS-15 as far as the core can tell; nothing has changed after any of them.
    @Test func `a recovery that does not fit is refused`() {
        var group = Group(voters: 3, learners: 1)
        group.elect(1)
        group.crash(1)
        group.crash(3)
        group.tick(30)
        let before = group[2].replica.hardState
        let last = group[2].replica.lastMark
        func refusal(
            at id: UInt64 = 2, voters: [UInt64] = [2], givenUp: [UInt64] = [1, 3],
            _ change: (inout ForcedRecovery) -> Void = { _ in }
        ) -> RecoveryRefusal? {
            let token = group.recover(id, voters: voters, givenUp: givenUp, change: change)
            guard case .refused(.recovery(let refusal)) = group.recovered(token, at: id) else {
                return nil
            }
            return refusal
        }
        #expect(
            refusal { $0.expected.generation.nonce += 1 } == .otherGeneration(Group.generation))
        #expect(
            refusal { $0.expected.index = $0.expected.index.next } == .otherLast(last))
        #expect(refusal { $0.expected.term = Term(7) } == .otherLast(last))
        #expect(refusal { $0.successor.counter += 1 } == .notSuccessor(of: Group.generation))
        #expect(refusal { $0.successor.counter -= 1 } == .notSuccessor(of: Group.generation))
        #expect(refusal(givenUp: [1]) == .dropsVoters([MemberID(3)]))
        #expect(refusal(voters: [3], givenUp: [1, 2]) == .notNamed)
        #expect(refusal(voters: [2, 4]) == .bringsStrangers([MemberID(4)]))
        #expect(refusal(voters: [2, 9]) == .bringsStrangers([MemberID(9)]))
        #expect(refusal(at: 4, voters: [4], givenUp: [1, 2, 3]) == .notVoter)
        #expect(refusal(at: 4) == .notVoter)
        let most = group.limits.payloadBytesMax
        let big = group.recover(2, voters: [2], givenUp: [1, 3]) {
            $0.record = [UInt8](repeating: 0, count: most + 1)
        }
        guard case .refused(.tooLarge) = group.recovered(big, at: 2) else {
            Issue.record("a record of any size is taken")
            return
        }
        #expect(group[2].replica.hardState == before && group[2].replica.lastMark == last)
    }

    /// FS-08.
    @Test func `with a leader in reach it takes an override`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.tick(4)
        for id in [1, 2] as [UInt64] {
            let given = [1, 2, 3].filter { $0 != id }
            let token = group.recover(id, voters: [id], givenUp: given)
            #expect(
                group.recovered(token, at: id)
                    == .refused(.recovery(.leaderIsHeard(MemberID(1)))))
        }
        let token = group.recover(2, voters: [2], givenUp: [1, 3], overridesLeader: true)
        group.settle()
        guard case .done = group.recovered(token, at: 2) else {
            Issue.record("not recovered")
            return
        }
    }

    /// FS-15: half a snapshot says nothing about what is committed.
    @Test func `a member that receives a snapshot is refused`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.crash(1)
        group.crash(3)
        group.age(2, ticks: 12)
        let base = LogBase(
            mark: LogMark(index: Index(50), term: group[2].replica.term), time: 0,
            configuration: group[2].replica.configuration)
        let chunk = SnapshotChunk(
            base: base, byteCount: 10, checksum: 1, offset: 0, bytes: [1, 2])
        group.inject(
            .snapshotChunk(chunk), from: 1, to: 2, term: group[2].replica.term.rawValue)
        let token = group.recover(2, voters: [2], givenUp: [1, 3], overridesLeader: true)
        #expect(group.recovered(token, at: 2) == .refused(.recovery(.receivingSnapshot)))
    }

    /// FS-18: the leader was frozen while the others went on without it.
    @Test func `an old leader that was frozen acknowledges nothing more`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.tick(4)
        // Frozen: what is sent to it waits, what it was asked for as well.
        let frozen = MemberID(1)
        group.loses = { $0.to == frozen }
        group.tick(30, [2, 3])
        group.recover(2, voters: [2, 3], givenUp: [1], overridesLeader: true)
        group.settle()
        group.adopt(3, from: 2)
        group.tick(40, [2, 3])
        let leader: UInt64 = group.leads(2) ? 2 : 3
        let fresh = group.propose("new", at: leader)
        group.tick(4, [2, 3])
        #expect(group.outcomes(fresh, at: leader) == ["applied"])
        group.loses = { _ in false }
        let write = group.propose("old", at: 1)
        let read = group.read(at: 1)
        group.settle()
        group.tick(2)
        #expect(group[1].replica.supersededBy == Group.forced)
        #expect(!group.outcomes(write, at: 1).contains("applied"))
        let isServed = group.reads(read, at: 1).contains {
            if case .ready = $0 { true } else { false }
        }
        #expect(!isServed)
        group.tick(500, [1])
        #expect(group.outcomes(write, at: 1) == ["unknown"])
        #expect(!group.lines(leader).contains("old"))
    }

    /// Who waits hears that it is not known: the entry is kept, by another generation.
    @Test func `what was under way ends as unknown`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.loses = { $0.from == MemberID(1) || $0.to == MemberID(1) }
        let write = group.propose("open", at: 1)
        let read = group.read(at: 1)
        group.feed(MemberID(1), [.transfer(to: MemberID(2))])
        group.settle()
        group.recover(1, voters: [1], givenUp: [2, 3], overridesLeader: true)
        #expect(group.outcomes(write, at: 1) == ["unknown"])
        #expect(group.reads(read, at: 1).count == 1)
        #expect(group.members[MemberID(1)]?.transfers == [.leadershipLost])
        group.settle()
        #expect(group.lines(1) == ["open", "record"])
        #expect(group.outcomes(write, at: 1) == ["unknown"])
    }
}

extension Group {
    static let forced = Generation(counter: 2, nonce: 11)

    /// Where a member's log ends.
    func end(_ id: UInt64) -> Position {
        let replica = self[id].replica
        return Position(
            generation: replica.generation, term: replica.lastMark.term,
            index: replica.lastMark.index)
    }

    func leads(_ id: UInt64) -> Bool { leaders.contains(MemberID(id)) }

    /// Asks for a recovery by the facts as they are; `change` makes it wrong.
    @discardableResult
    mutating func recover(
        _ id: UInt64, voters: [UInt64], learners: [UInt64] = [], givenUp: [UInt64],
        successor: Generation = Group.forced, overridesLeader: Bool = false,
        change: (inout ForcedRecovery) -> Void = { _ in }
    ) -> ProposalToken {
        nextToken += 1
        let token = ProposalToken(nextToken)
        var recovery = ForcedRecovery(
            expected: end(id), successor: successor,
            configuration: Configuration(
                voters: voters.map(MemberID.init), learners: learners.map(MemberID.init)),
            givenUp: givenUp.map(MemberID.init), record: Array("record".utf8),
            overridesLeader: overridesLeader)
        change(&recovery)
        feed(MemberID(id), [.recover(token, recovery)])
        return token
    }

    /// Has a member adopt the generation of another, by the evidence of the other's log.
    @discardableResult
    mutating func adopt(
        _ id: UInt64, from leader: UInt64, change: (inout Adoption) -> Void = { _ in }
    ) -> ProposalToken {
        nextToken += 1
        let token = ProposalToken(nextToken)
        let (there, here) = (self[leader].replica, self[id].replica)
        guard let origin = there.hardState.origin else { fatalError("\(leader) began nothing") }
        let match = LogMark(
            index: here.lastMark.index, term: there.term(at: here.lastMark.index) ?? .zero)
        let opening = origin.index.advanced(by: 2)
        var adoption = Adoption(
            successor: there.generation, base: origin, match: match, leader: MemberID(leader),
            term: there.term(at: opening) ?? there.term,
            configuration: there.configuration(at: opening))
        change(&adoption)
        feed(MemberID(id), [.adopt(token, adoption)])
        settle()
        return token
    }

    /// The answer to a recovery or an adoption; `nil` while there is none.
    func recovered(_ token: ProposalToken, at id: UInt64) -> RecoveryOutcome? {
        let outcomes = members[MemberID(id)]?.recoveries[token] ?? []
        precondition(outcomes.count <= 1, "\(token) was answered \(outcomes.count) times")
        return outcomes.first
    }
}

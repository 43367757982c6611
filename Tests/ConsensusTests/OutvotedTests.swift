import Testing

@testable import Consensus

/// What becomes of a member that knows its state to be wrong when another one is lost (ST-13, docs/decisions/0039).
@Suite struct OutvotedTests {
    private static func isChunk(_ envelope: Envelope) -> Bool {
        if case .snapshotChunk = envelope.message { true } else { false }
    }

    /// Whoever is sent a snapshot is sent no entries.
    private static func isWish(_ envelope: Envelope) -> Bool {
        if case .snapshotWanted = envelope.message { true } else { false }
    }

    /// The state of 3 is wrong, it knows that and has got no other; it has two entries that 2 lacks, and 1, which has committed
    /// them with its help, is lost.
    private static func torn(
        driverLimits: DriverLimits = DriverLimits(), with texts: [String] = ["a", "b"]
    ) -> Group {
        var group = Group(voters: 3, driverLimits: driverLimits)
        group.elect(1)
        group.propose("before", at: 1)
        group.tick(60)
        group.disturb(3)
        group.loses = isWish
        group.propose("next", at: 1)
        group.tick(60)
        precondition(group[3].quarantine != nil)
        group.loses = { isWish($0) || $0.to == MemberID(2) && $0.message.isBulk }
        for text in texts {
            let token = group.propose(text, at: 1)
            group.tick(8)
            precondition(group.outcomes(token, at: 1) == ["applied"])
        }
        group.crash(1)
        group.loses = { _ in false }
        group.heard = []
        return group
    }

    private static let right = ["before", "next", "a", "b"]

    /// Asks the leader for what it must not do.
    private static func expectNothing(of id: UInt64, in group: inout Group) {
        let change = group.propose("change", at: id)
        let member = group.change(.addLearner(MemberID(9)), at: id)
        let read = group.read(at: id)
        group.settle()
        for token in [change, member] {
            let outcome = group.outcomes(token, at: id).first ?? "none"
            #expect(outcome.hasPrefix("refused wrongState"), "\(outcome)")
        }
        guard case .refused(.wrongState) = group.reads(read, at: id).first else {
            Issue.record("\(group.reads(read, at: id))")
            return
        }
    }

    /// ST-13: the healthy one cannot win with its shorter log, so the other one stands, late, gives it what it lacks, hands over, and
    /// gets a state.
    @Test(arguments: [false, true])
    func `whoever is outvoted leads only while nobody else could, and gives its log`(
        isRestarted: Bool
    ) {
        var group = Self.torn()
        if isRestarted {
            group.restart(3)
            #expect(group[3].quarantine != nil, "what it has found out outlives the process")
        }
        group.tick(group.limits.electionTicksMax)
        #expect(group.leaders.isEmpty, "it leaves it to the other one for a while")
        for _ in 0..<200 where group.leaders.isEmpty { group.tick() }
        #expect(group.leaders == [MemberID(3)])
        Self.expectNothing(of: 3, in: &group)
        group.tick(10)
        #expect(group.leaders == [MemberID(2)])
        group.tick(60)
        #expect(group.leaders == [MemberID(2)])
        #expect(group.lines(2) == Self.right && group.lines(3) == Self.right)
        #expect(group[3].quarantine == nil && !group[3].replica.isQuarantined)
        #expect(!group.heard.contains { $0.from == MemberID(3) && Self.isChunk($0) })
        // What was found out is over, for good as well.
        group.restart(3)
        #expect(group[3].quarantine == nil)
        let after = group.propose("after", at: 2)
        group.tick(8)
        #expect(group.outcomes(after, at: 2) == ["applied"])
        #expect(group.lines(3) == Self.right + ["after"])
    }

    /// ST-13: with a log that is long enough the healthy one is elected at once.
    @Test func `whoever is outvoted leaves it to those who can win`() {
        var group = Self.torn()
        group.restart(1)
        group.crash(2)
        group.age(3, ticks: group.limits.electionTicksMax)
        var terms: Set<MemberID> = []
        for _ in 0..<100 {
            group.tick()
            terms.formUnion(group.leaders)
        }
        #expect(terms == [MemberID(1)])
        #expect(group.lines(3) == Self.right && group[3].quarantine == nil)
    }

    /// ST-13: the healthy one needs a snapshot, and there is none that is right. Then nobody gets one, until somebody else is there.
    @Test func `a state that is known to be wrong is given to nobody`() {
        var limits = DriverLimits()
        (limits.retainedEntries, limits.compactionStride) = (1, 1)
        let texts = (1...12).map(String.init)
        var group = Self.torn(driverLimits: limits, with: texts)
        // What had been confirmed is forgotten with the process.
        group.restart(3)
        group.tick(400)
        #expect(group[3].replica.baseIndex > group[2].replica.lastMark.index)
        #expect(group.leaders == [MemberID(3)])
        #expect(!group.heard.contains { $0.from == MemberID(3) && Self.isChunk($0) })
        Self.expectNothing(of: 3, in: &group)
        group.restart(1)
        group.tick(200)
        #expect(group.leaders == [MemberID(1)])
        for id in [1, 2, 3] as [UInt64] { #expect(group.lines(id) == ["before", "next"] + texts) }
        #expect(group[3].quarantine == nil)
    }

    /// ST-13, CL-05: what it was asked for before it knew may be committed, and it cannot say what came of it.
    @Test func `a leader that is outvoted does not tell what became of changes`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.propose("before", at: 1)
        group.settle()
        let index = group[1].applied.index
        group.loses = { $0.to == MemberID(1) }
        let change = group.propose("change", at: 1)
        let read = group.read(at: 1)
        group.settle()
        #expect(group.outcomes(change, at: 1) == [] && group.reads(read, at: 1) == [])
        for member in [2, 3] as [UInt64] {
            group.inject(
                .stateDigests([StatePoint(index: index, digest: 1)]), from: member, to: 1,
                term: group[1].replica.term.rawValue)
        }
        #expect(group[1].quarantine != nil)
        #expect(group.outcomes(change, at: 1) == ["unknown"])
        guard case .refused(.wrongState) = group.reads(read, at: 1).first else {
            Issue.record("\(group.reads(read, at: 1))")
            return
        }
        group.loses = { _ in false }
        group.tick(100)
        #expect(group.outcomes(change, at: 1) == ["unknown"], "one answer")
        #expect(group.lines(1) == ["before", "change"])
    }

    /// ST-12, ST-13: bad rows are not replaced by a state that is no better.
    @Test func `a state that is known to be wrong is not written anew`() {
        var group = Self.torn()
        group.feed(MemberID(3), [.damageFound("a row is bad")])
        group.tick(30, [3])
        #expect(group.members[MemberID(3)]?.storage.stateWrongFrom != nil)
        #expect(group.members[MemberID(3)]?.repairs == 0)
        group.tick(200)
        #expect(group.members[MemberID(3)]?.repairs == 1)
        #expect(group.lines(3) == Self.right && group.lines(2) == Self.right)
        group.restart(3)
        group.tick(60)
        #expect(group.lines(3) == Self.right && group[3].quarantine == nil)
    }
}

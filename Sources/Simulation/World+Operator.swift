import Consensus

// The operator who has lost a majority: a plan, its application, adoptions; losers that begin anew.
extension World {
    /// How an operator goes about it, drawn by the plan: mistakes included.
    struct Disaster: OptionSet {
        let rawValue: Int

        /// The lost members' disks are gone as well. Otherwise they are only out of reach, and go on if they can.
        static var isReal: Disaster { Disaster(rawValue: 1) }
        /// A leader that is heard does not keep the operator from it.
        static var overrides: Disaster { Disaster(rawValue: 2) }
        /// Whoever is in reach is forced, although others may have gone on in a higher generation (FS-06).
        static var isBlind: Disaster { Disaster(rawValue: 4) }
        /// Not the longest log is chosen (FS-09).
        static var choosesAnyone: Disaster { Disaster(rawValue: 8) }
        /// Survivors stay voters whatever their logs are (FS-10).
        static var keepsAll: Disaster { Disaster(rawValue: 16) }
        /// The request is made twice (FS-11).
        static var repeats: Disaster { Disaster(rawValue: 32) }
        /// No voter is left, and a learner goes on (FS-15).
        static var takesLearner: Disaster { Disaster(rawValue: 64) }
    }

    /// A recovery on its way.
    struct Forcing {
        var candidate: MemberID
        /// Other survivors that are to adopt the generation; in an adoption, the one that is asked.
        var others: [MemberID]
        var recovery: ForcedRecovery
        var triesLeft: Int
        var isAdoption = false

        var asked: MemberID { isAdoption ? others[0] : candidate }
    }

    enum OperatorStep {
        /// Read the facts of the survivors.
        case plan(candidate: MemberID, others: [MemberID], Disaster)
        indirect case apply(Forcing)
        indirect case adopt(Forcing)
        /// A member that was left behind is set aside, and a fresh one takes its place.
        case rejoin(MemberID)
        /// Who was left alone is asked to take in one that has nothing.
        case enlist(by: MemberID)
        /// After all faults: see to it that the newest generation has a majority.
        case restore(isLast: Bool)
    }

    mutating func operate(_ step: OperatorStep) {
        switch step {
        case .plan(let candidate, let others, let disaster):
            guard let forcing = forcing(candidate, others, disaster) else { return }
            later(.apply(forcing), within: 200)
            if disaster.contains(.repeats) { later(.apply(forcing), within: 2_000) }
        case .apply(let forcing): apply(forcing)
        case .adopt(let forcing): adopt(forcing)
        case .rejoin(let id): rejoin(id)
        case .enlist(let id): enlist(by: id)
        case .restore(let isLast): restore(isLast: isLast)
        }
    }

    private mutating func later(_ step: OperatorStep, within milliseconds: UInt64) {
        agenda.plan(.operate(step), at: now + 1 + spread(milliseconds * Plan.millisecond))
    }

    // MARK: the disaster

    mutating func force(_ event: FaultEvent) {
        var disaster = Disaster(rawValue: event.b)
        // What a session's answer means after its generation was left, no client can know; such runs keep theirs.
        guard isPrepared, ids.count < 12, conditions.sessions == 0 else { return }
        guard !group.contains(where: \.isLost) else { return }
        // It may come to that before the recovery is asked for; then the others have to go on.
        if group.contains(where: \.isDisturbed) { disaster.remove(.isReal) }
        var event = event
        let learners = ids.filter { mayBeForced($0, asLearner: true) }
        let takesLearner = disaster.contains(.takesLearner) && !learners.isEmpty
        if takesLearner {
            for id in ids where !learners.contains(id) { event.a |= 1 << (Int(id.rawValue) - 1) }
        }
        let apart = ids.filter { isApart($0, event) }
        let pool = ids.filter {
            !apart.contains($0) && mayBeForced($0, asLearner: takesLearner)
        }
        let reached = pool.map { member($0).generation }.max() ?? .none
        let newest = newestGeneration
        let wanted = disaster.contains(.isBlind) ? reached : newest
        let survivors = pool.filter { member($0).generation == wanted }
        guard let best = best(of: survivors), hasFuture(survivors, asLearners: takesLearner)
        else { return }
        let candidate =
            disaster.contains(.choosesAnyone)
            ? survivors[random.next(in: 0...survivors.count - 1)] : best
        coverage.note(event.kind, role(of: candidate))
        if disaster.contains(.isReal), wanted == newest {
            for id in apart { lose(id) }
        } else {
            partition(event)
        }
        lastWipe = now
        hasDisaster = true
        let others = survivors.filter { $0 != candidate }
        later(.plan(candidate: candidate, others: others, disaster), within: 2_000)
    }

    /// The budget: among the survivors is one whose disk has the newest generation, and who votes in the configuration of the
    /// longest log; else nothing is left that could go on.
    private func hasFuture(_ survivors: [MemberID], asLearners: Bool) -> Bool {
        let newest = newestGeneration
        let holders = ids.filter { member($0).model.hardState.generation == newest }
        guard let longest = best(of: holders),
            let configuration = member(longest).pipeline?.replica.configuration
        else { return false }
        return survivors.contains { survivor in
            let model = member(survivor).model
            let stored = model.hardState
            guard stored.generation == newest, stored.supersededBy == nil else { return false }
            guard asLearners else { return configuration.isVoter(survivor) }
            // A learner may have shown a state and not have flushed it: what is on its disk makes it one.
            let kept = model.entries.compactMap(\.configuration).last ?? model.base.configuration
            return kept.isLearner(survivor)
        }
    }

    /// A survivor as an operator may choose it: what it does not know of itself, the core refuses.
    private func mayBeForced(_ id: MemberID, asLearner: Bool = false) -> Bool {
        let member = member(id)
        guard member.isUp, !member.isPaused, !member.isSuperseded, member.generation != .none,
            let pipeline = member.pipeline
        else { return false }
        let configuration = pipeline.replica.configuration
        return pipeline.applied.index >= preparedAt
            && (asLearner ? configuration.isLearner(id) : configuration.isVoter(id))
    }

    private func best(of survivors: [MemberID]) -> MemberID? {
        survivors.max { left, right in
            let (one, two) = (end(of: left), end(of: right))
            return (one.term, one.index, right) < (two.term, two.index, left)
        }
    }

    private func end(of id: MemberID) -> LogMark {
        member(id).pipeline?.replica.lastMark ?? .zero
    }

    /// The member and its disk are gone, and nothing takes their place.
    private mutating func lose(_ id: MemberID) {
        crash(id, for: 0)
        member(id).isWiped = true
        ids.removeAll { $0 == id }
        note("\(id) is lost")
    }

    // MARK: plan, apply, adopt

    /// The token's facts, and who goes on.
    private mutating func forcing(
        _ candidate: MemberID, _ others: [MemberID], _ disaster: Disaster
    ) -> Forcing? {
        guard let replica = member(candidate).pipeline?.replica else { return nil }
        let isLearner =
            disaster.contains(.takesLearner) && replica.configuration.isLearner(candidate)
        guard mayBeForced(candidate, asLearner: isLearner) else { return nil }
        let expected = Position(
            generation: replica.generation, term: replica.lastMark.term,
            index: replica.lastMark.index)
        let kept = others.filter { other in
            replica.configuration.isVoter(other)
                && (disaster.contains(.keepsAll)
                    || evidence(of: other, at: replica) == end(of: other))
        }
        let voters = [candidate] + kept
        let learners = ids.filter { other in
            replica.configuration.isLearner(other) && isThere(other) && other != candidate
                && member(other).generation == replica.generation
                && evidence(of: other, at: replica) == end(of: other)
        }
        let successor = Generation(
            counter: replica.generation.counter + 1, nonce: random.next())
        let recovery = ForcedRecovery(
            expected: expected, successor: successor,
            configuration: Configuration(voters: voters, learners: learners),
            givenUp: replica.configuration.voters.filter { !voters.contains($0) },
            record: Case.record(successor, after: expected),
            overridesLeader: disaster.contains(.overrides), acceptsLearner: isLearner)
        return Forcing(
            candidate: candidate, others: kept + learners, recovery: recovery, triesLeft: 12)
    }

    /// What a log has where another ends.
    private func evidence(of other: MemberID, at replica: Replica) -> LogMark {
        let index = end(of: other).index
        return LogMark(index: index, term: replica.term(at: index) ?? .zero)
    }

    private func isThere(_ id: MemberID) -> Bool {
        let member = member(id)
        return member.isUp && !member.isPaused
    }

    private mutating func apply(_ forcing: Forcing) {
        guard isThere(forcing.candidate), !member(forcing.candidate).isLost else { return }
        let token = takeToken(for: nil)
        operations[token] = forcing
        feed(forcing.candidate, .recover(ProposalToken(token), forcing.recovery))
    }

    private mutating func adopt(_ forcing: Forcing) {
        guard forcing.triesLeft > 0 else { return }
        var again = forcing
        again.triesLeft -= 1
        guard isThere(forcing.candidate), isThere(forcing.others[0]),
            let replica = member(forcing.candidate).pipeline?.replica,
            replica.generation == forcing.recovery.successor,
            let term = replica.term(at: forcing.recovery.expected.index.next)
        else { return later(.adopt(again), within: 1_000) }
        let token = takeToken(for: nil)
        operations[token] = again
        let adoption = Adoption(
            successor: forcing.recovery.successor, base: forcing.recovery.expected,
            match: evidence(of: forcing.others[0], at: replica), leader: forcing.candidate,
            term: term, configuration: forcing.recovery.configuration)
        // Now and then the founder is out of sight before it has sent anything of the new generation.
        if !isHealing, random.next(in: 0...2) == 0 {
            isolate(forcing.candidate, for: Plan.second + spread(2 * Plan.second))
        }
        feed(forcing.others[0], .adopt(ProposalToken(token), adoption))
        // A crash may keep the answer from coming.
        later(.adopt(again), within: 2_000)
    }

    mutating func answered(_ token: UInt64, _ outcome: RecoveryOutcome, by id: MemberID) {
        note("\(id) recovery \(outcome)")
        guard let forcing = operations.removeValue(forKey: token) else {
            return oracle.fail("IN-14: \(id) answers recovery \(token) twice")
        }
        guard case .done(let position) = outcome, !forcing.isAdoption else { return }
        let isDurable =
            member(id).model.hardState.generation == forcing.recovery.successor
            && oracle.era(of: forcing.recovery.successor) != nil
        oracle.demand(
            isDurable,
            "FS-11: \(id) says \(position) before it is durable")
        if member(id).isStranded {
            for second in 1...6 as ClosedRange<UInt64> {
                agenda.plan(.operate(.enlist(by: id)), at: now + 2 * second * Plan.second)
            }
        }
        for other in forcing.others {
            var adoption = forcing
            adoption.others = [other]
            adoption.isAdoption = true
            later(.adopt(adoption), within: 1_500)
        }
    }

    // MARK: losers

    mutating func leftBehind(_ id: MemberID, by generation: Generation) {
        note("\(id) was left behind by \(generation)")
        member(id).isSuperseded = true
        let own = member(id).generation
        oracle.demand(generation > own, "FS-06: \(id) of \(own) gives way to \(generation)")
        agenda.plan(.operate(.rejoin(id)), at: now + 4 * Plan.second + spread(4 * Plan.second))
    }

    /// Wipe-and-join; the disk as it is becomes the branch.
    private mutating func rejoin(_ id: MemberID) {
        let member = member(id)
        guard member.isSuperseded, !member.isWiped, ids.count < 12, !isHealing else { return }
        note("\(id) begins anew")
        crash(id, for: 0)
        member.isWiped = true
        ids.removeAll { $0 == id }
        do {
            try add(MemberID(UInt64(group.count) + 1), founding: [])
        } catch {
            oracle.fail("no storage for a new member: \(error)")
        }
    }

    /// It votes alone, so whose state is right is not at stake: a learner decides nothing.
    private mutating func enlist(by id: MemberID) {
        let blank = ids.first {
            member($0).pipeline?.replica.configuration.members.isEmpty ?? false
        }
        guard let blank, member(id).pipeline?.replica.configuration.voters == [id] else { return }
        ask(id, for: .addLearner(blank))
    }

    // MARK: after the faults

    mutating func planRestoration() {
        for second in [1, 3, 5, 7, 9] as [UInt64] {
            agenda.plan(
                .operate(.restore(isLast: second == 9)), at: now + second * Plan.second)
        }
    }

    /// A generation whose voters have not all adopted it, or were lost, may have no majority; then it is forced once more,
    /// with those that it has.
    private mutating func restore(isLast: Bool) {
        let newest = newestGeneration
        if isLast {
            for id in ids where member(id).generation < newest && member(id).generation != .none {
                lose(id)
            }
        }
        let members = ids.filter { member($0).isUp && member($0).generation == newest }
        // Who has the longest log knows who votes, and may be a learner; that goes on itself only where no voter can.
        guard
            let best = best(of: members.filter { mayBeForced($0) })
                ?? best(of: members.filter { mayBeForced($0, asLearner: true) }),
            let longest = self.best(of: members),
            let configuration = member(longest).pipeline?.replica.configuration
        else { return }
        let present = configuration.voters.count { members.contains($0) }
        guard present < configuration.quorum,
            let forcing = forcing(
                best, members.filter { $0 != best }, [.overrides, .takesLearner])
        else { return }
        apply(forcing)
    }
}

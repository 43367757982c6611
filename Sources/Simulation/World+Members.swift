import Consensus

// Members: starting, feeding, storing, crashing; and what the oracle looks at after each step.
extension World {
    /// A disk with what a founder writes, or a blank one.
    mutating func add(_ id: MemberID, founding voters: [MemberID]) throws {
        var storage = try Case.storage(seed: plan.seed ^ id.rawValue)
        var model = Case.model()
        if !voters.isEmpty {
            let batch = WriteBatch<Machine>(
                sequence: .zero,
                hardState: HardState(generation: generation, term: .zero, vote: nil),
                base: LogBase(mark: .zero, time: 0, configuration: Configuration(voters: voters)))
            _ = try storage?.load()
            try storage?.write(batch)
            model.write(batch)
        }
        if case .planted(let plant) = defect, var planted = storage {
            Case.plant(plant, in: &planted)
            storage = planted
        }
        ids.append(id)
        let drift = Int(spread(UInt64(2 * conditions.drift + 1))) - conditions.drift
        group.append(
            Member(
                storage: storage, model: model, skew: spread(86_400 * Plan.second),
                tick: UInt64(24_000_000 / 100 * (100 + drift))))
        start(id)
    }

    mutating func start(_ id: MemberID) {
        let member = member(id)
        guard !member.isWiped else { return }
        member.life += 1
        member.job = nil
        member.isPaused = false
        member.missed = []
        member.ledTerm = .zero
        do {
            var recovered = try recover(member, id)
            if defect == .planted(.dropsForcedConfiguration),
                let origin = recovered.hardState.origin
            {
                recovered.configurations.removeAll { $0.index == origin.index.advanced(by: 2) }
            }
            if defect == .planted(.forgetsApplied),
                recovered.applied.index > recovered.base.mark.index
            {
                recovered = replayed(recovered, member)
            }
            member.commit = recovered.applied.index
            member.applied = recovered.applied.index
            checkHardState(member, id)
            checkOpening(recovered, of: id)
            if let image = recovered.image {
                checkState(
                    image, at: recovered.applied.index, of: id,
                    in: oracle.era(of: recovered.hardState.generation) ?? 0)
            }
            member.pipeline = try Pipeline(
                id: id, recovered: recovered, machine: Case.machine(of: id, defect), limits: limits,
                driverLimits: driverLimits, seed: random.next(), waiving: defect?.rule)
        } catch {
            oracle.fail("\(id) does not start: \(error)")
        }
        noteGeneration(of: id)
        member.isSuperseded = member.pipeline?.replica.supersededBy != nil
        agenda.plan(.tick(id, life: member.life), at: now + spread(25_000_000))
        note("\(id) starts")
    }

    /// What storage returns must be what the model holds, with or without the batch that a crash
    /// interrupted.
    private mutating func recover(
        _ member: Member, _ id: MemberID
    ) throws -> RecoveredState<Machine> {
        let interrupted = member.interrupted
        member.interrupted = nil
        guard let stored = try member.storage?.load() else {
            member.hasForgotten = false
            member.backup = member.model
            return member.model.load()
        }
        if let interrupted, let hardState = interrupted.hardState,
            hardState.generation == member.model.hardState.generation,
            stored.hardState == hardState
        {
            // Term and vote are in the floor before the transaction ends, if it does.
            member.model.write(WriteBatch(sequence: .zero, hardState: hardState))
        }
        if member.hasForgotten { checkMemory(of: id, stored) }
        if let storage = member.storage { Case.takeBackup(storage) }
        if let interrupted, !isEqual(stored, member.model.load()) {
            member.model.write(interrupted)
        }
        oracle.demand(
            isEqual(stored, member.model.load()), "ST-01: storage of \(id) differs from the model")
        return stored
    }

    private func isEqual(
        _ stored: RecoveredState<Machine>, _ model: RecoveredState<Machine>
    ) -> Bool {
        stored.hardState == model.hardState && stored.base == model.base
            && stored.applied == model.applied && stored.termRuns == model.termRuns
            && stored.lastIndex == model.lastIndex && stored.tail == model.tail
            && stored.configurations == model.configurations
    }

    /// The planted defect: state is newer than its index.
    private func replayed(
        _ recovered: RecoveredState<Machine>, _ member: Member
    ) -> RecoveredState<Machine> {
        var recovered = recovered
        guard let entry = member.model.entries.first(where: { $0.mark == recovered.applied })
        else { return recovered }
        let previous = member.model.entries.last { $0.index < entry.index }?.mark
        recovered.applied = previous ?? recovered.base.mark
        recovered.tail = [entry] + recovered.tail
        return recovered
    }

    mutating func feed(_ id: MemberID, _ event: PipelineEvent<Machine>) {
        let member = member(id)
        if member.isPaused {
            member.missed.append(event)
        } else {
            feed(id, [event])
        }
    }

    private mutating func feed(_ id: MemberID, _ events: [PipelineEvent<Machine>]) {
        let actions = member(id).pipeline?.handle(events, time: clock(of: id)) ?? []
        noteGeneration(of: id)
        for action in actions {
            // A dead process answers nobody.
            guard member(id).isUp else { return }
            carryOut(action, of: id)
        }
        inspect(id)
    }

    private mutating func carryOut(_ action: PipelineAction<Machine>, of id: MemberID) {
        switch action {
        case .send(let envelope): send(envelope)
        case .store(let job): begin(job, of: id)
        case .convert(let job):
            let due = now + Plan.millisecond + spread(20 * Plan.millisecond)
            agenda.plan(.converted(id, life: member(id).life, job), at: due)
        case .announceLater:
            let delay = member(id).pipeline?.limits.announcementNanoseconds ?? 0
            agenda.plan(.announce(id, life: member(id).life), at: now + delay)
        case .answer(let token, let outcome): answered(token.rawValue, outcome, by: id)
        case .answerRead(let token, let outcome): answered(token.rawValue, outcome, by: id)
        case .answerRecovery(let token, let outcome): answered(token.rawValue, outcome, by: id)
        case .transferEnded(_, let result): note("\(id) transfer \(result)")
        case .applied(let entries, let state, let position):
            oracle.applied(entries, by: id, in: member(id).era)
            checkState(state, at: position.index, of: id, in: member(id).era)
        case .restored(let state, let position):
            counts.snapshots += 1
            note("\(id) restored at \(position)")
            checkState(state, at: position.index, of: id, in: member(id).era)
        case .recovering(let floor):
            note("\(id) \(floor.map { "recovers until \($0)" } ?? "has recovered")")
        case .diverged(let other, let difference):
            note("\(id) sees \(other) differ at \(difference.differsAt)")
        case .doubted(let index):
            note("\(id) \(index.map { "doubts its state at \($0)" } ?? "doubts no more")")
        case .quarantined(let difference):
            note("\(id) \(difference == nil ? "is itself again" : "is quarantined")")
        case .damaged(let damage): note("\(id) found damage: \(damage)")
        case .repaired: note("\(id) has mended it")
        case .forgotten(let follower, let promised, let last):
            note("\(id) sees that \(follower) has \(last) of \(promised)")
        case .superseded(let generation): leftBehind(id, by: generation)
        case .removed: note("\(id) was removed")
        case .stopped(.storageFailed(Self.flushFailed)): crash(id, for: spread(2 * Plan.second))
        case .stopped(let reason): oracle.fail("\(id) stopped: \(reason)")
        }
    }

    private mutating func begin(_ job: StorageJob<Machine>, of id: MemberID) {
        let member = member(id)
        oracle.demand(member.job == nil, "\(id) has two storage jobs")
        member.job = job
        let due =
            max(now, member.stalledUntil) + UInt64(conditions.flush) * 1_000
            + spread(UInt64(conditions.flushSpread) * 1_000)
        agenda.plan(.durable(id, life: member.life), at: due)
        if defect == .planted(.flushesLater), let batch = job.batch, isPlain(job) {
            var result = StorageResult<Machine>()
            result.written = batch
            agenda.plan(.stored(id, life: member.life, result), at: now + 1)
        }
    }

    private func isPlain(_ job: StorageJob<Machine>) -> Bool {
        job.batch != nil && job.reads.isEmpty
    }

    static var flushFailed: String { "flush failed" }

    /// The storage job reaches the disk; a little later the member hears of it.
    mutating func makeDurable(_ id: MemberID) {
        let member = member(id)
        guard var job = member.job else { return }
        if member.failsNextFlush {
            member.failsNextFlush = false
            var result = StorageResult<Machine>()
            result.failure = Self.flushFailed
            return feed(id, .stored(result))
        }
        member.job = nil
        spoil(&job, member)
        checkUntouched(job, member, id)
        let era = oracle.era(of: member.model.hardState.generation) ?? 0
        let previous = termBefore(job, member)
        let result = carryOut(job, member)
        if let failure = result.failure { oracle.fail("storage of \(id) failed: \(failure)") }
        checkHardState(member, id)
        noteEntries(of: job, member, id, after: previous, era)
        if defect == .planted(.flushesLater), isPlain(job) { return }
        agenda.plan(.stored(id, life: member.life, result), at: now + spread(100_000))
    }

    private func carryOut(_ job: StorageJob<Machine>, _ member: Member) -> StorageResult<Machine> {
        guard var storage = member.storage else { return job.run(on: &member.model) }
        let result = job.run(on: &storage)
        member.storage = storage
        if let batch = job.batch { member.model.write(batch) }
        return result
    }

    /// The term of the entry before the first of a job, as far as it is known.
    private func termBefore(_ job: StorageJob<Machine>, _ member: Member) -> Term? {
        guard let first = job.batch?.entries.first else { return nil }
        let base = job.batch?.installation?.base.mark ?? member.model.base.mark
        var previous: Term?
        if first.index.previous == base.index {
            previous = base.term
        } else if first.index.previous > member.model.base.mark.index,
            first.index.previous <= member.model.last.index
        {
            previous = member.model.entries[place(of: first.index.previous, in: member)].term
        }
        return previous
    }

    /// `era` is that of before the job, which may begin another.
    private mutating func noteEntries(
        of job: StorageJob<Machine>, _ member: Member, _ id: MemberID, after previous: Term?,
        _ era: Int
    ) {
        guard let entries = job.batch?.entries, !entries.isEmpty else { return }
        let stored = member.model.hardState
        guard let origin = stored.origin, let now = oracle.era(of: stored.generation), now != era
        else { return oracle.stored(entries, after: previous, by: id, in: era) }
        let earlier = entries.filter { $0.index <= origin.index }
        oracle.stored(earlier, after: previous, by: id, in: era)
        oracle.stored(
            Array(entries.dropFirst(earlier.count)), after: earlier.last?.term ?? previous, by: id,
            in: now)
    }

    private func place(of index: Index, in member: Member) -> Int {
        index.distance(from: member.model.base.mark.index) - 1
    }

    private mutating func checkHardState(_ member: Member, _ id: MemberID) {
        let stored = member.model.hardState
        oracle.demand(
            stored.term >= member.hardState.term
                && stored.generation >= member.hardState.generation,
            "IN-08: \(id) went from \(member.hardState) to \(stored)")
        if stored.generation != member.hardState.generation { entered(member, id) }
        if stored.term == member.hardState.term, stored.generation == member.hardState.generation,
            let vote = member.hardState.vote
        {
            oracle.demand(stored.vote == vote, "IN-08: \(id) changed its vote from \(vote)")
        }
        member.hardState = stored
    }

    /// Planted defects of storing.
    private func spoil(_ job: inout StorageJob<Machine>, _ member: Member) {
        guard case .planted(let plant) = defect else { return }
        switch plant {
        case .forgetsVote: job.batch?.hardState?.vote = nil
        case .forgetsTerm: job.batch?.hardState = nil
        case .keepsReplaced:
            let last = member.model.last.index
            if job.batch?.installation == nil {
                job.batch?.entries.removeAll { $0.index <= last }
            }
        case .storesOldConfiguration:
            let held = member.model.base.configuration
            job.batch?.installation?.base.configuration = held
        default: break
        }
    }

    // MARK: after each step

    /// IN-08. Every member checks IN-09 and IN-13 itself (`Replica.checkInvariants`); a failed
    /// precondition ends the simulation.
    private mutating func inspect(_ id: MemberID) {
        let member = member(id)
        guard let glance = member.pipeline?.glance else { return }
        oracle.demand(
            glance.commit >= member.commit && glance.applied >= member.applied,
            "IN-08: \(id) commit \(member.commit) -> \(glance.commit), "
                + "applied \(member.applied) -> \(glance.applied)")
        if glance.isLeader { inspectLeader(member, id, glance) }
        member.commit = glance.commit
        member.applied = glance.applied
        let era = member.era
        if glance.applied > oracle.eras[era].heldUpTo,
            let last = oracle.eras[era].committed.last, last.mark.index == glance.applied,
            glance.generation == oracle.eras[era].generation, let pipeline = member.pipeline
        {
            checkHeld(last.mark, pipeline.replica, in: era)
        }
    }

    private mutating func inspectLeader(
        _ member: Member, _ id: MemberID, _ glance: Pipeline<Machine>.Glance
    ) {
        if member.ledTerm == glance.term {
            oracle.demand(
                glance.last >= member.ledLast,
                "IN-02: leader \(id) went from \(member.ledLast) to \(glance.last)")
            oracle.demand(
                glance.commit == member.commit || glance.commitTerm == glance.term,
                "CS-01: leader \(id) of term \(glance.term) commits \(glance.commit) of another")
        } else {
            counts.elections += 1
            note("\(id) leads term \(glance.term)")
            if let pipeline = member.pipeline {
                oracle.leads(id, pipeline.replica, in: member.era)
            }
        }
        member.ledTerm = glance.term
        member.ledLast = glance.last
    }

    /// IN-07: what is committed is on the disks of a majority, those of crashed members included.
    private mutating func checkHeld(_ mark: LogMark, _ replica: Replica, in era: Int) {
        // The leader counts by the configuration in force, which may be a later one.
        let configurations = [replica.configuration(at: mark.index), replica.configuration]
        let isHeld = configurations.contains { configuration in
            configuration.voters.count { holds(mark, $0, in: era) } >= configuration.quorum
        }
        if !isHeld {
            let holders = ids.filter { holds(mark, $0, in: era) }
            oracle.fail("IN-07: \(mark) is committed, only \(holders) of \(configurations) hold it")
        }
        oracle.held(upTo: mark.index, in: era)
    }

    func holds(_ mark: LogMark, _ id: MemberID, in era: Int) -> Bool {
        let member = member(id)
        // Who has forgotten it does not vote before having it again.
        if member.model.isBelowPromise, member.model.promised.isUpToDate(with: mark) { return true }
        guard oracle.writes(member.model.hardState.generation, at: mark.index, in: era) else {
            return false
        }
        if member.model.base.mark.index >= mark.index { return true }
        guard member.model.last.index >= mark.index else { return false }
        return member.model.entries[place(of: mark.index, in: member)].term == mark.term
    }

    // MARK: the end of a process, and its pauses

    mutating func crash(_ id: MemberID, for time: UInt64) {
        let member = member(id)
        guard member.isUp else { return }
        note("\(id) crashes")
        counts.crashes += 1
        member.pipeline = nil
        let job = member.job
        member.job = nil
        member.missed = []
        let chance = random.next()
        if var storage = member.storage {
            Case.crash(&storage, during: job, chance: chance)
            member.storage = storage
            member.interrupted = job?.batch
        } else if let batch = job?.batch, chance % 2 == 0, defect != .planted(.keepsReplaced) {
            // The power went after the flush and before anybody heard of it.
            var batch = batch
            if defect == .planted(.splitsRecovery), let next = batch.hardState,
                next.generation > member.model.hardState.generation
            {
                batch.entries = []
            }
            member.model.write(batch)
        }
        disconnect(id)
        // Some learn at once that its process has ended, some later, some never: that is what hosts and networks are like.
        for other in ids where other != id && self.member(other).isUp && random.next(in: 0...2) > 0
        {
            agenda.plan(
                .gone(other, life: self.member(other).life, id), at: now + spread(40_000_000))
        }
        agenda.plan(.restart(id, life: member.life), at: now + time)
    }

    mutating func resume(_ id: MemberID) {
        let member = member(id)
        guard member.isPaused else { return }
        note("\(id) resumes")
        member.isPaused = false
        var missed = member.missed
        member.missed = []
        if random.next(in: 0...1) == 0 {
            // Requests of clients came in on sockets of their own, which are looked at first.
            let requests = missed.filter { !$0.isFromMember }
            missed = requests + missed.filter(\.isFromMember)
        }
        feed(id, missed)
    }
}

extension PipelineEvent {
    fileprivate var isFromMember: Bool {
        if case .received = self { true } else { false }
    }
}

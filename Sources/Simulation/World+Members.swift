import Consensus

// Members: starting, feeding, storing, crashing; and what the oracle looks at after each step.
extension World {
    mutating func found(_ id: MemberID) throws {
        var storage = try Case.storage(seed: seed ^ id.rawValue)
        var model = Case.model()
        let batch = WriteBatch<Machine>(
            sequence: .zero,
            hardState: HardState(
                generation: Generation(counter: 1, nonce: seed), term: .zero, vote: nil),
            base: LogBase(mark: .zero, time: 0, configuration: Configuration(voters: ids)))
        try storage?.write(batch)
        model.write(batch)
        group.append(
            Member(storage: storage, model: model, skew: spread(86_400 * Faults.second)))
    }

    mutating func start(_ id: MemberID) {
        let member = member(id)
        member.life += 1
        member.job = nil
        member.isPaused = false
        member.missed = []
        member.ledTerm = .zero
        do {
            var recovered = member.model.load()
            if let stored = try member.storage?.load() {
                compare(stored, with: recovered, of: id)
                recovered = stored
            }
            if defect == .forgetsApplied, recovered.applied.index > recovered.base.mark.index {
                recovered = replayed(recovered, member)
            }
            member.commit = recovered.applied.index
            member.applied = recovered.applied.index
            member.pipeline = try Pipeline(
                id: id, recovered: recovered, machine: Case.machine(), limits: faults.limits,
                driverLimits: faults.driverLimits, seed: random.next())
        } catch {
            oracle.fail("\(id) does not start: \(error)")
        }
        agenda.plan(.tick(id, life: member.life), at: now + spread(25_000_000))
        note("\(id) starts")
    }

    /// Storage must return what the model holds.
    private mutating func compare(
        _ recovered: RecoveredState<Machine>, with model: RecoveredState<Machine>,
        of id: MemberID
    ) {
        oracle.demand(
            recovered.hardState == model.hardState && recovered.base == model.base
                && recovered.applied == model.applied && recovered.termRuns == model.termRuns
                && recovered.lastIndex == model.lastIndex && recovered.tail == model.tail
                && recovered.configurations == model.configurations
                && recovered.image.map(Case.digest) == model.image.map(Case.digest),
            "storage of \(id) differs from the model")
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

    mutating func feed(_ id: MemberID, _ events: [PipelineEvent<Machine>]) {
        let member = member(id)
        if member.isPaused {
            member.missed += events
            return
        }
        let actions = member.pipeline?.handle(events, time: clock(of: id)) ?? []
        for action in actions { carryOut(action, of: id) }
        inspect(id)
    }

    private mutating func carryOut(_ action: PipelineAction<Machine>, of id: MemberID) {
        switch action {
        case .send(let envelope): send(envelope)
        case .store(let job):
            let member = member(id)
            oracle.demand(member.job == nil, "\(id) has two storage jobs")
            member.job = job
            let due =
                max(now, member.stalledUntil) + faults.flush.least
                + spread(faults.flush.spread)
            agenda.plan(.durable(id, life: member.life), at: due)
            if defect == .flushesLater, let batch = job.batch, job.decode == nil,
                job.encode == nil, job.reads.isEmpty
            {
                var result = StorageResult<Machine>()
                result.written = batch
                agenda.plan(.stored(id, life: member.life, result), at: now + 1)
            }
        case .answer(let token, let outcome): answered(token.rawValue, outcome, by: id)
        case .answerRead(let token, let outcome): answered(token.rawValue, outcome, by: id)
        case .transferEnded(let result): note("\(id) transfer \(result)")
        case .applied(let entries, let state, let position):
            oracle.applied(entries, by: id)
            oracle.state(Case.digest(state), at: position.index, of: id)
        case .restored(let state, let position):
            counts.snapshots += 1
            note("\(id) restored at \(position)")
            oracle.state(Case.digest(state), at: position.index, of: id)
        case .superseded(let generation): oracle.fail("\(id) superseded by \(generation)")
        case .removed: note("\(id) was removed")
        case .stopped(let reason): oracle.fail("\(id) stopped: \(reason)")
        }
    }

    /// The storage job reaches the disk; a little later the member hears of it.
    mutating func makeDurable(_ id: MemberID) {
        let member = member(id)
        guard var job = member.job else { return }
        member.job = nil
        spoil(&job, member)
        let result: StorageResult<Machine>
        if var storage = member.storage {
            result = job.run(on: &storage)
            member.storage = storage
            if let batch = job.batch { member.model.write(batch) }
        } else {
            result = job.run(on: &member.model)
        }
        if let failure = result.failure { oracle.fail("storage of \(id) failed: \(failure)") }
        oracle.demand(
            member.model.hardState.term >= member.hardState.term
                && member.model.hardState.generation >= member.hardState.generation,
            "IN-08: \(id) went from \(member.hardState) to \(member.model.hardState)")
        if member.model.hardState.term == member.hardState.term, let vote = member.hardState.vote {
            oracle.demand(
                member.model.hardState.vote == vote, "IN-08: \(id) changed its vote from \(vote)")
        }
        member.hardState = member.model.hardState
        if defect == .flushesLater, job.batch != nil, job.decode == nil, job.encode == nil,
            job.reads.isEmpty
        {
            return
        }
        agenda.plan(.stored(id, life: member.life, result), at: now + spread(100_000))
    }

    /// Planted defects of storing.
    private func spoil(_ job: inout StorageJob<Machine>, _ member: Member) {
        switch defect {
        case .forgetsVote: job.batch?.hardState?.vote = nil
        case .keepsConfiguration:
            let held = member.model.base.configuration
            job.batch?.installation?.base.configuration = held
        default: break
        }
    }

    // MARK: after each step

    private mutating func inspect(_ id: MemberID) {
        let member = member(id)
        guard let glance = member.pipeline?.glance else { return }
        oracle.demand(
            glance.commit >= member.commit && glance.applied >= member.applied,
            "IN-08: \(id) commit \(member.commit) -> \(glance.commit), "
                + "applied \(member.applied) -> \(glance.applied)")
        member.commit = glance.commit
        member.applied = glance.applied
        if glance.isLeader {
            if member.ledTerm == glance.term {
                oracle.demand(
                    glance.last >= member.ledLast,
                    "IN-02: leader \(id) went from \(member.ledLast) to \(glance.last)")
            } else {
                counts.elections += 1
                note("\(id) leads term \(glance.term)")
                if let pipeline = member.pipeline { oracle.leads(id, pipeline.replica) }
            }
            member.ledTerm = glance.term
            member.ledLast = glance.last
        }
        if glance.applied > heldUpTo, let last = oracle.committed.last,
            last.mark.index == glance.applied, let pipeline = member.pipeline
        {
            checkHeld(last.mark, pipeline.replica)
        }
    }

    /// IN-07: what is committed is on the disks of a majority, those of crashed members included.
    private mutating func checkHeld(_ mark: LogMark, _ replica: Replica) {
        guard mark.index > heldUpTo else { return }
        // The leader counts by the configuration in force, which may be a later one.
        let configurations = [replica.configuration(at: mark.index), replica.configuration]
        let isHeld = configurations.contains { configuration in
            configuration.voters.count { holds(mark, $0) } >= configuration.quorum
        }
        if !isHeld {
            let holders = ids.filter { holds(mark, $0) }
            oracle.fail("IN-07: \(mark) is committed, only \(holders) of \(configurations) hold it")
        }
        heldUpTo = mark.index
    }

    private func holds(_ mark: LogMark, _ id: MemberID) -> Bool {
        let member = member(id)
        let base = member.model.base.mark.index
        if base >= mark.index { return true }
        guard member.model.last.index >= mark.index else { return false }
        return member.model.entries[mark.index.distance(from: base) - 1].term == mark.term
    }

    mutating func crash(_ id: MemberID, for time: UInt64) {
        let member = member(id)
        guard member.isUp else { return }
        note("\(id) crashes")
        counts.crashes += 1
        member.pipeline = nil
        member.job = nil
        member.missed = []
        if var storage = member.storage {
            Case.crashed(&storage)
            member.storage = storage
        }
        agenda.plan(.restart(id, life: member.life), at: now + time)
    }

    mutating func resume(_ id: MemberID) {
        let member = member(id)
        guard member.isPaused else { return }
        note("\(id) resumes")
        member.isPaused = false
        let missed = member.missed
        member.missed = []
        feed(id, missed)
    }
}

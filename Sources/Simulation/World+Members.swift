import Consensus

// Members: how they begin, and what they are fed and ask for.
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
        if hasFullDisks, let storage { Case.watchSpace(storage) }
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
        member.stoodBack = nil
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
            if let space = space(of: member) { recovered.space = space }
            if defect == .planted(.forgetsWrongState) { recovered.stateWrongFrom = nil }
            member.commit = recovered.applied.index
            member.applied = recovered.applied.index
            checkHardState(member, id)
            checkOpening(recovered, of: id)
            if let image = recovered.image {
                checkState(
                    image, at: recovered.applied.index, of: id,
                    in: oracle.era(of: recovered.hardState.generation) ?? 0)
            }
            member.lacksRoom = false
            member.pipeline = try Pipeline(
                id: id, recovered: recovered, machine: Case.machine(of: id, defect), limits: limits,
                driverLimits: driverLimits, seed: random.next(), waiving: defect?.rule)
        } catch {
            if isForWantOfRoom("\(error)", member) {
                note("\(id) does not start: \(error)")
                agenda.plan(.restart(id, life: member.life), at: now + Plan.second)
                return
            }
            oracle.fail("\(id) does not start: \(error)")
        }
        noteGeneration(of: id)
        member.isSuperseded = member.pipeline?.replica.supersededBy != nil
        agenda.plan(.tick(id, life: member.life), at: now + spread(25_000_000))
        note("\(id) starts")
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
        case .unreadable(let found):
            oracle.fail("\(id) cannot read \(found.map { "\($0)" } ?? "something")")
        case .space(let space):
            note("\(id) \(space.isShort ? "stands back" : "takes part again")")
        case .damaged(let damage): note("\(id) found damage: \(damage)")
        case .repaired: note("\(id) has mended it")
        case .forgotten(let follower, let promised, let last):
            note("\(id) sees that \(follower) has \(last) of \(promised)")
        case .superseded(let generation): leftBehind(id, by: generation)
        case .removed: note("\(id) was removed")
        case .stopped(.storageFailed(Self.flushFailed)): crash(id, for: spread(2 * Plan.second))
        case .stopped(.storageFailed(let failure)) where isForWantOfRoom(failure, member(id)):
            crash(id, for: spread(2 * Plan.second))
        case .stopped(let reason): oracle.fail("\(id) stopped: \(reason)")
        }
    }

    // MARK: the end of a process, and its pauses

    mutating func crash(_ id: MemberID, for time: UInt64) {
        let member = member(id)
        guard member.isUp else { return }
        note("\(id) crashes")
        counts.crashes += 1
        member.pipeline = nil
        // Its disk may have the state that was wrong, although memory had another by now.
        if member.wasDisturbed { member.isDisturbed = true }
        member.canFindOut = false
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

import Consensus

// Disks: what is stored, what a start finds there, and what a planted defect makes of both.
extension World {
    /// What storage returns must be what the model holds, with or without the batch that a crash
    /// interrupted.
    mutating func recover(
        _ member: Member, _ id: MemberID
    ) throws -> RecoveredState<Machine> {
        let interrupted = member.interrupted
        // Where it cannot be opened, it is as open as before what it holds.
        let found = try member.storage?.load()
        member.interrupted = nil
        guard let stored = found else {
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
        if let interrupted, !differences(stored, member.model.load()).isEmpty {
            member.model.write(interrupted)
        }
        // A frame that was damaged may be written again as it was; then the write-ahead file is whole, and so is the memory.
        if var forgotten = member.forgotten, !differences(stored, member.model.load()).isEmpty,
            differences(stored, forgotten.load()).isEmpty
        {
            member.model = forgotten
        }
        let differences = differences(stored, member.model.load())
        let list = differences.joined(separator: ", ")
        oracle.demand(
            differences.isEmpty, "ST-01: storage of \(id) differs from the model: \(list)")
        return stored
    }

    private func differences(
        _ stored: RecoveredState<Machine>, _ model: RecoveredState<Machine>
    ) -> [String] {
        let same = [
            "hard state": stored.hardState == model.hardState, "base": stored.base == model.base,
            "applied": stored.applied == model.applied,
            "terms": stored.termRuns == model.termRuns,
            "end": stored.lastIndex == model.lastIndex, "tail": stored.tail == model.tail,
            "configurations": stored.configurations == model.configurations,
        ]
        return same.filter { !$0.value }.keys.sorted()
    }

    /// The planted defect: state is newer than its index.
    func replayed(
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

    mutating func begin(_ job: StorageJob<Machine>, of id: MemberID) {
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
        guard fits(job, member) else {
            member.lacksRoom = true
            var result = StorageResult<Machine>()
            result.failure = Self.noRoom
            return feed(id, .stored(result))
        }
        member.job = nil
        spoil(&job, member)
        checkUntouched(job, member, id)
        let era = oracle.era(of: member.model.hardState.generation) ?? 0
        let previous = termBefore(job, member)
        if let first = job.batch?.entries.first, first.index <= member.model.last.index {
            member.wasCut = true
            if member.storage == nil { member.replaced = member.model }
        }
        var result = carryOut(job, member)
        if let failure = result.failure {
            guard isForWantOfRoom(failure, member) else {
                return oracle.fail("storage of \(id) failed: \(failure)")
            }
            member.lacksRoom = true
            member.job = job
            return feed(id, .stored(result))
        }
        if let space = space(of: member) { result.space = space }
        loseAnother(beside: id)
        checkHardState(member, id)
        noteEntries(of: job, member, id, after: previous, era)
        if defect == .planted(.flushesLater), isPlain(job) { return }
        agenda.plan(.stored(id, life: member.life, result), at: now + spread(100_000))
    }

    private func carryOut(_ job: StorageJob<Machine>, _ member: Member) -> StorageResult<Machine> {
        guard var storage = member.storage else { return job.run(on: &member.model) }
        let result = job.run(on: &storage)
        storage.tidy()
        member.storage = storage
        if let batch = job.batch, result.failure == nil { member.model.write(batch) }
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

    func place(of index: Index, in member: Member) -> Int {
        index.distance(from: member.model.base.mark.index) - 1
    }

    mutating func checkHardState(_ member: Member, _ id: MemberID) {
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
        if let origin = stored.origin, stored.vote == id {
            oracle.demand(
                member.model.last.index > origin.index.next,
                "FS-11: \(id) stands in \(stored.generation), and lacks its configuration")
        }
        if let vote = stored.vote {
            member.votes[Ballot(generation: stored.generation, term: stored.term)] = vote
        }
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
        case .losesWhatDoesNotFit:
            if member.fullUntil > 0 { job.batch?.entries = [] }
        case .storesOldConfiguration:
            let held = member.model.base.configuration
            job.batch?.installation?.base.configuration = held
        default: break
        }
    }
}

/// Jobs for storage: one at a time, what gathers meanwhile goes together.
extension Pipeline {
    mutating func startStoring() {
        guard !isStoring, stopReason == nil else { return }
        // The last batch takes the change of the state along: it has every applied entry, in it or
        // before it.
        let change = batches.count == 1 && isChangeDue ? takeChange() : nil
        job.batch = batches.next()
        if change != nil { job.batch?.change = change }
        if job.batch == nil, isChangeDue, let change = takeChange() {
            job.batch = WriteBatch(sequence: flushed, change: change)
        }
        guard !job.isEmpty else { return }
        isStoring = true
        actions.insert(.store(job), at: 0)
        job = StorageJob()
    }

    /// Rows of the state are only there to be replayed faster, so there is no hurry: they are written for many entries at once.
    private var isChangeDue: Bool {
        guard let unstored else { return false }
        let isOverdue =
            ticks - unstored.tick >= limits.changeTicks || unstored.bytes >= limits.changeBytes
        if isChangeWanted || isOverdue { return true }
        // Voters take turns, so that an entry does not meet it at two of three.
        let voters = replica.configuration.voters
        let place = voters.firstIndex(of: replica.id) ?? 0
        let shift = limits.changeEntries * UInt64(place) / UInt64(max(1, voters.count))
        func turn(_ index: Index) -> UInt64 { (index.rawValue + shift) / limits.changeEntries }
        return turn(applied.index) > turn(appliedDurable)
    }

    mutating func takeChange() -> StateChange<Machine>? {
        guard applied.index > appliedDurable else { return nil }
        unstored = nil
        isChangeWanted = false
        return StateChange(applied: applied, delta: machine.takeDelta() ?? Machine.emptyDelta)
    }

    mutating func stored(_ result: StorageResult<Machine>) {
        isStoring = false
        guard stopReason == nil else { return }
        if let damage = result.damage { found(damage) }
        if let failure = result.failure { return stop(.storageFailed(failure)) }
        for (request, entries) in result.reads {
            carryOut(replica.handle(.entriesRead(request, entries)))
        }
        if let batch = result.written { written(batch) }
        if let space = result.space { note(space) }
    }

    mutating func converted(_ result: ConversionResult<Machine>) {
        guard stopReason == nil else { return }
        switch result {
        case .encoded(let snapshot): carryOut(replica.handle(.snapshotTaken(snapshot)))
        case .decoded(let base, .success(let image)):
            decoded = (base, image)
            carryOut(replica.handle(.snapshotDecoded(base, isValid: true)))
            decoded = nil
        case .decoded(let base, .failure(let failure)):
            // Its bytes are those that were sent: the core has seen to that.
            if base.mark.index > applied.index, unreadable == nil { cannotRead(failure.found) }
            carryOut(replica.handle(.snapshotDecoded(base, isValid: false)))
        }
    }

    private mutating func written(_ batch: WriteBatch<Machine>) {
        if let installation = batch.installation {
            appliedDurable = max(appliedDurable, installation.base.mark.index)
        }
        if let change = batch.change {
            appliedDurable = max(appliedDurable, change.applied.index)
        }
        flushed = max(flushed, batch.sequence)
        if let damage = repair.written(flushed) { actions.append(.repaired(damage)) }
        let due = outbox.filter { $0.after <= flushed }
        outbox.removeAll { $0.after <= flushed }
        actions += due.map { .send($0.envelope) }
        carryOut(replica.handle(.flushed(batch.sequence)))
    }
}

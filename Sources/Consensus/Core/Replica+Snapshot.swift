// Snapshots: Raft §7; pieces that can be lost, repeated and resumed.
extension Replica {
    // MARK: leader

    /// Moves the transfer to a follower one step on: take a snapshot, or send the piece it waits
    /// for.
    mutating func advanceSnapshot(_ ordinal: Int, _ effects: inout [Effect]) {
        guard let leadership,
            case .snapshot(let transfer) = leadership.followers[ordinal].progress
                .state, !leadership.followers[ordinal].progress.isShortOfSpace
        else { return }
        guard let snapshot = leadership.snapshot, snapshot.base.mark.index >= log.base.mark.index
        else {
            self.leadership?.followers[ordinal].progress.state = .snapshot(nil)
            if !leadership.isTakingSnapshot {
                self.leadership?.isTakingSnapshot = true
                // One from before the generation began is for nobody who joined later (FS-13).
                let first = max(log.base.mark.index, opening ?? .zero)
                effects.append(.takeSnapshot(from: max(first, leadership.snapshotWanted)))
            }
            return
        }
        if let transfer, transfer.base == snapshot.base {
            if transfer.silence > limits.stalledRepliesMax, obeys(.lostPieceIsSentAgain) {
                sendChunk(ordinal, at: transfer.offset, isRepeat: true, &effects)
            }
        } else {
            sendChunk(ordinal, at: 0, &effects)
        }
    }

    mutating func snapshotTaken(_ snapshot: Snapshot, _ effects: inout [Effect]) {
        guard leadership?.isTakingSnapshot == true else { return }
        leadership?.isTakingSnapshot = false
        leadership?.snapshot = snapshot
        dropIdleSnapshot()
        for ordinal in 0..<(leadership?.followers.count ?? 0) {
            advanceSnapshot(ordinal, &effects)
        }
    }

    private mutating func sendChunk(
        _ ordinal: Int, at offset: UInt64, isRepeat: Bool = false, _ effects: inout [Effect]
    ) {
        guard let leadership, let snapshot = leadership.snapshot else { return }
        let start = Int(min(offset, UInt64(snapshot.bytes.count)))
        let end = min(start + limits.snapshotChunkBytes, snapshot.bytes.count)
        let chunk = SnapshotChunk(
            base: snapshot.base, byteCount: UInt64(snapshot.bytes.count),
            checksum: snapshot.checksum, offset: UInt64(start),
            bytes: Array(snapshot.bytes[start..<end]))
        self.leadership?.followers[ordinal].progress.state = .snapshot(
            Progress.Transfer(
                base: snapshot.base, offset: UInt64(start), isRepeat: isRepeat))
        send(.snapshotChunk(chunk), to: leadership.followers[ordinal].member, &effects)
    }

    /// Answers that come late or twice move nothing: each would bring another piece, and that another answer, without end. Only
    /// behind a piece that was sent again may the follower be taken at its word that it has less than before.
    mutating func snapshotProgressed(
        at member: MemberID, _ last: LogMark, _ nextOffset: UInt64, _ effects: inout [Effect]
    ) {
        guard let ordinal = leadership?.ordinal(of: member),
            case .snapshot(let transfer?) = leadership?.followers[ordinal].progress.state,
            transfer.base.mark == last,
            nextOffset > transfer.offset || (transfer.isRepeat && nextOffset < transfer.offset),
            let size = leadership?.snapshot?.bytes.count,
            leadership?.followers[ordinal].progress.isShortOfSpace == false
        else { return }
        if nextOffset < size {
            sendChunk(ordinal, at: nextOffset, &effects)
        } else {
            // Complete: the follower installs it and confirms by `appendAccepted`.
            leadership?.followers[ordinal].progress.state = .snapshot(
                Progress.Transfer(base: transfer.base, offset: nextOffset))
        }
    }

    mutating func snapshotRefused(
        by member: MemberID, _ last: LogMark, _ effects: inout [Effect]
    ) {
        guard let ordinal = leadership?.ordinal(of: member),
            case .snapshot(let transfer?) = leadership?.followers[ordinal].progress.state,
            transfer.base.mark == last
        else { return }
        // From the beginning, but not before a few heartbeats have passed.
        leadership?.followers[ordinal].progress.state = .snapshot(
            Progress.Transfer(base: transfer.base, offset: 0))
    }

    /// Frees the snapshot when no follower needs it any more.
    mutating func dropIdleSnapshot() {
        guard let leadership, leadership.snapshot != nil else { return }
        let isNeeded = leadership.followers.contains {
            if case .snapshot = $0.progress.state, !$0.progress.isShortOfSpace {
                now - $0.progress.contact <= 4 * UInt64(limits.electionTicksMax)
            } else {
                false
            }
        }
        if !isNeeded { self.leadership?.snapshot = nil }
    }

    // MARK: follower

    mutating func chunkReceived(
        from leader: MemberID, _ chunk: SnapshotChunk, _ effects: inout [Effect]
    ) {
        if takesNothing { return }
        guard isNews(chunk.base) || !obeys(.oldSnapshotIgnored) else {
            return accept(min(commit, log.flushed), from: leader, &effects)
        }
        guard chunk.byteCount <= UInt64(limits.snapshotBytesMax), chunk.base.mark.term <= term
        else {
            return send(.snapshotRefused(last: chunk.base.mark), to: leader, &effects)
        }
        if receipt?.isDecoding == true { return }
        var current = receipt ?? SnapshotReceipt(chunk, now: now)
        if !current.isFor(chunk) { current = SnapshotReceipt(chunk, now: now) }
        current.take(chunk)
        current.contact = now
        receipt = current
        if current.isComplete, !current.isSound {
            receipt = nil
            return send(.snapshotRefused(last: chunk.base.mark), to: leader, &effects)
        }
        if current.isComplete {
            receipt?.isDecoding = true
            effects.append(.decodeSnapshot(base: current.base, bytes: current.bytes))
        }
        send(
            .snapshotProgress(last: current.base.mark, nextOffset: current.nextOffset), to: leader,
            &effects)
    }

    /// Whether a snapshot brings what is not here. One of the last committed entry does when the state here is wrong.
    private func isNews(_ base: LogBase) -> Bool {
        base.mark.index > commit || isQuarantined && base.mark.index == commit
    }

    mutating func snapshotDecoded(
        _ base: LogBase, _ isValid: Bool, _ effects: inout [Effect]
    ) {
        guard let receipt, receipt.isDecoding, receipt.base == base else { return }
        self.receipt = nil
        guard isValid else {
            if let leader, leader != id {
                send(.snapshotRefused(last: base.mark), to: leader, &effects)
            }
            return
        }
        guard isNews(base) || !obeys(.oldSnapshotIgnored) else { return }
        isQuarantined = false
        snapshotAskedAt = 0
        var base = base
        if !obeys(.snapshotBringsConfiguration) { base.configuration = log.configuration }
        var keepsTail = log.term(at: base.mark.index) == base.mark.term
        if !obeys(.otherTailGoes), log.term(at: base.mark.index) != nil { keepsTail = true }
        installationWrite = beginWrite()
        log.install(base, keepsTail: keepsTail, in: installationWrite)
        commit = base.mark.index
        applied = base.mark.index
        settleUnreadable()
        var request = WriteRequest(sequence: installationWrite)
        request.installation = base
        request.installationKeepsTail = keepsTail
        effects.append(.write(request))
        configurationMayHaveChanged(&effects)
        if let leader, leader != id { accept(base.mark.index, from: leader, &effects) }
    }

    /// A sender that fell silent must not keep this member out of elections for ever.
    mutating func dropIdleReceipt() {
        guard let receipt, !receipt.isDecoding,
            now - receipt.contact > 2 * UInt64(limits.electionTicksMax)
        else { return }
        self.receipt = nil
    }
}

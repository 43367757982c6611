// Committing: Raft §5.3, §5.4.2.
extension Replica {
    /// Commits what a majority holds durably, if it is of this leader's own term.
    ///
    /// An older entry is committed only by one of the own term above it: a copy on a majority can
    /// still be overwritten while a leader with a later last term may be elected (figure 8).
    mutating func advanceCommit(_ effects: inout [Effect]) {
        guard let leadership else { return }
        var counted = log.configuration
        if !obeys(.votersCount) { counted = Configuration(voters: counted.members) }
        let reached = Quorum.index(of: counted) { member in
            if member == id { return obeys(.ownFlushCounts) ? log.flushed : log.last }
            let progress = leadership.followers.first { $0.member == member }?.progress
            guard let progress, progress.counts else { return .zero }
            return progress.match
        }
        guard reached > commit, log.term(at: reached) == term || !obeys(.ownTermCommits)
        else { return }
        commit = reached
        let bytes = uncommittedBytes()
        self.leadership?.uncommittedBytes = bytes
        // Who leaves leadership with this commit has no later message for it.
        if !limits.defersCommit || !log.configuration.isVoter(id) { sendCommit(&effects) }
        beginWaitingReads(&effects)
        resignIfRemoved(&effects)
    }

    mutating func compact(to base: LogBase, _ effects: inout [Effect]) {
        guard base.mark.index > log.base.mark.index, base.mark.index <= applied,
            log.term(at: base.mark.index) == base.mark.term, base.mark.index <= log.flushed
        else { return }
        // What follows a snapshot that is on its way, or being taken, must still be there when it has
        // arrived; otherwise constant writes would make every snapshot too old.
        if leadership?.isTakingSnapshot == true { return }
        if let snapshot = leadership?.snapshot, base.mark.index > snapshot.base.mark.index {
            return
        }
        var base = base
        base.configuration = log.configuration(at: base.mark.index)
        log.compact(to: base)
        var request = WriteRequest(sequence: beginWrite())
        request.base = base
        effects.append(.write(request))
    }
}

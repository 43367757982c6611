// A member that has forgotten: its log ends before what it has promised to others (catalogue PC-12, ST-02, ST-03).
//
// What was promised is kept beside the log (`RecoveredState.floor`), and the leader of a term remembers what it was
// promised in it. Whoever is below that takes entries and keeps quiet: it neither votes nor stands nor counts, because
// a majority that rests on it may be none. It is itself again as soon as its durable log is at least as up to date
// as the promise (Raft §5.4.1): from then on its votes protect whatever it ever helped to commit.
extension Replica {
    /// Whether the member has to catch up with its own promises first.
    public var isRecovering: Bool { floor != nil }

    /// What is durable may be enough now.
    mutating func raiseFromFloor(_ effects: inout [Effect]) {
        guard let promised = floor, let term = log.term(at: log.flushed),
            LogMark(index: log.flushed, term: term).isUpToDate(with: promised)
        else { return }
        floor = nil
        effects.append(.recovering(until: nil))
        // The leader counts this member again from here on.
        if let leader, leader != id { accept(log.flushed, from: leader, &effects) }
    }

    /// On the leader: the members whose confirmations do not count.
    public var uncounted: [MemberID] {
        leadership?.followers.filter { !$0.progress.counts }.map(\.member) ?? []
    }

    // MARK: what a leader remembers

    /// A heartbeat was answered by a follower whose log ends at `last`.
    ///
    /// In one term a follower never loses what it has confirmed: it equals the leader's, and a leader takes nothing
    /// back. The round began after the confirmation had arrived, so this answer was given later than that.
    mutating func compareWithPromise(
        _ ordinal: Int, _ round: UInt64, _ last: Index, _ effects: inout [Effect]
    ) {
        guard let leadership else { return }
        let follower = leadership.followers[ordinal]
        let promised = follower.progress.match
        guard round > follower.progress.matchRound, last < promised else { return }
        self.leadership?.followers[ordinal].progress.forget(
            from: promised, to: last)
        effects.append(.forgotten(follower.member, promised: promised, last: last))
        // Below the base the exact term is not known any more; that of the base is not lower.
        let term = log.term(at: promised) ?? log.base.mark.term
        send(
            .promised(LogMark(index: promised, term: term)), to: follower.member, &effects)
        if case .snapshot = self.leadership?.followers[ordinal].progress.state {
            advanceSnapshot(ordinal, &effects)
        }
    }

    /// The leader says what this member has confirmed to it in this term.
    mutating func promiseRecalled(_ promised: LogMark, _ effects: inout [Effect]) {
        guard promised.term <= term, !log.lastMark.isUpToDate(with: promised),
            floor.map({ !$0.isUpToDate(with: promised) }) ?? true
        else { return }
        floor = promised
        var request = WriteRequest(sequence: beginWrite())
        request.floor = promised
        effects.append(.write(request))
        effects.append(.recovering(until: promised))
    }
}

extension Progress {
    /// Whether its confirmations count for a majority.
    var counts: Bool { !isRecovering && forgotten == nil }

    /// The follower has lost entries that it had confirmed. What it has is to be found out anew.
    mutating func forget(from promised: Index, to last: Index) {
        forgotten = max(promised, forgotten ?? .zero)
        match = .zero
        if last == .zero { becomeSnapshot() } else { becomeProbe(next: last.next) }
    }
}

// Log replication: Raft §5.3; pipelining and flow control: dissertation §10.2.
extension Replica {
    // MARK: leader: new entries

    mutating func propose(
        _ proposals: [Proposal], _ time: UInt64, _ effects: inout [Effect]
    ) {
        wallTime = max(wallTime, time)
        var taken: [(kind: Entry.Kind, payload: [UInt8])] = []
        var bytes = 0
        for proposal in proposals {
            if let refusal = refusal(ofBound: proposal.bound)
                ?? refusal(of: proposal.payload.count, after: taken.count, bytes)
            {
                effects.append(.refused(proposal.token, refusal))
                continue
            }
            taken.append((.command, proposal.payload))
            bytes += proposal.payload.count
            let mark = LogMark(index: log.last.advanced(by: taken.count), term: term)
            effects.append(.accepted(proposal.token, mark))
        }
        append(taken, &effects)
    }

    /// Why a command that is bound to a term cannot be appended in this one. Who does not lead has a better reason.
    private func refusal(ofBound bound: TermMark?) -> Refusal? {
        let present = TermMark(generation: generation, term: term)
        guard isLeader, let bound, bound != present, obeys(.boundToTerm) else { return nil }
        return .otherTerm(present)
    }

    /// Why a payload cannot be appended now, after `count` others of `bytes` bytes.
    func refusal(of byteCount: Int, after count: Int, _ bytes: Int) -> Refusal? {
        guard let leadership else { return .notLeader(hint: leader) }
        if let transfer = leadership.transfer { return .transferring(to: transfer.target) }
        if let members = membersWithoutSpace { return .noSpace(members) }
        if byteCount > limits.payloadBytesMax {
            return .tooLarge(bytes: byteCount, max: limits.payloadBytesMax)
        }
        if leadership.uncommittedBytes + bytes + byteCount > limits.uncommittedBytesMax
            || log.last.distance(from: commit) + count >= limits.uncommittedEntriesMax
        {
            return .busy
        }
        return nil
    }

    /// Appends to the leader's own log and sends; its own flush is only its own vote.
    mutating func append(
        _ contents: [(kind: Entry.Kind, payload: [UInt8])], _ effects: inout [Effect]
    ) {
        guard !contents.isEmpty else { return }
        let time = obeys(.timeAscends) ? max(wallTime, log.lastTime) : wallTime
        let entries = contents.enumerated().map { offset, content in
            Entry(
                index: log.last.advanced(by: offset + 1), term: term, time: time,
                kind: content.kind, payload: content.payload)
        }
        leadership?.uncommittedBytes += entries.reduce(0) { $0 + $1.byteCount }
        write(entries, &effects)
        replicateToAll(&effects)
    }

    /// The bytes of the entries in memory that are not committed.
    func uncommittedBytes() -> Int {
        var bytes = 0
        var index = commit.next
        while index <= log.last {
            bytes += log.cachedEntry(at: index)?.byteCount ?? 0
            index = index.next
        }
        return bytes
    }

    // MARK: leader: sending

    mutating func replicateToAll(_ effects: inout [Effect]) {
        for ordinal in 0..<(leadership?.followers.count ?? 0) { replicate(ordinal, &effects) }
    }

    /// Sends what the follower lacks, as far as its window has room.
    mutating func replicate(_ ordinal: Int, _ effects: inout [Effect]) {
        guard let follower = leadership?.followers[ordinal], !follower.progress.isShortOfSpace
        else {
            return
        }
        var progress = follower.progress
        sending: while progress.next <= log.last, !progress.isReading {
            switch progress.state {
            case .probe(isWaiting: true), .snapshot: break sending
            case .probe(isWaiting: false), .replicate: break
            }
            guard progress.hasRoom(limits) else { break }
            if progress.next <= log.base.mark.index
                || !mayGetEntries(from: progress.next, follower.member)
            {
                progress.becomeSnapshot()
                break
            }
            let entries = log.cached(
                from: progress.next, entriesMax: limits.appendEntriesMax,
                bytesMax: limits.appendBytesMax)
            guard let entries else {
                progress.isReading = true
                let request = ReadRequest(
                    member: follower.member, first: progress.next,
                    last: min(log.firstCached.previous, log.flushed),
                    bytesMax: limits.appendBytesMax)
                effects.append(.readEntries(request))
                break
            }
            send(entries, to: follower.member, &progress, &effects)
        }
        leadership?.followers[ordinal].progress = progress
        if case .snapshot = progress.state { advanceSnapshot(ordinal, &effects) }
    }

    /// Sends entries that begin at `progress.next`.
    private func send(
        _ entries: [Entry], to member: MemberID, _ progress: inout Progress,
        _ effects: inout [Effect]
    ) {
        guard let last = entries.last, let previousTerm = log.term(at: progress.next.previous)
        else { return }
        let previous = LogMark(index: progress.next.previous, term: previousTerm)
        send(.append(previous: previous, entries: entries, commit: commit), to: member, &effects)
        progress.sent(through: last.index, bytes: entries.reduce(0) { $0 + $1.byteCount })
        progress.commitSent = max(progress.commitSent, min(commit, progress.match))
        if case .probe = progress.state { progress.state = .probe(isWaiting: true) }
    }

    mutating func entriesRead(
        _ request: ReadRequest, _ entries: [Entry], _ effects: inout [Effect]
    ) {
        guard let ordinal = leadership?.ordinal(of: request.member),
            var progress = leadership?.followers[ordinal].progress, progress.isReading
        else { return }
        progress.isReading = false
        if entries.isEmpty {
            // A part of the log that cannot be read is not replicated from: a snapshot of the state goes around it.
            progress.becomeSnapshot()
            leadership?.followers[ordinal].progress = progress
            return advanceSnapshot(ordinal, &effects)
        }
        // Only what is certainly the log's own: the term of every entry must be the one known here.
        let isGenuine =
            entries.enumerated().allSatisfy { offset, entry in
                entry.index == request.first.advanced(by: offset)
                    && entry.term == log.term(at: entry.index)
            }
        var maySend =
            isGenuine && progress.next == request.first && progress.hasRoom(limits)
            && !progress.isShortOfSpace
        switch progress.state {
        case .probe(isWaiting: true), .snapshot: maySend = false
        case .probe(isWaiting: false), .replicate: break
        }
        if maySend { send(entries, to: request.member, &progress, &effects) }
        leadership?.followers[ordinal].progress = progress
        // A read that has gone out of date is simply repeated from where the follower is now.
        if maySend || progress.next != request.first { replicate(ordinal, &effects) }
    }

    /// Tells every follower that it may apply what it holds, not only with the next heartbeat.
    mutating func sendCommit(_ effects: inout [Effect]) {
        for ordinal in 0..<(leadership?.followers.count ?? 0) { sendCommit(ordinal, &effects) }
    }

    private mutating func sendCommit(_ ordinal: Int, _ effects: inout [Effect]) {
        guard let leadership else { return }
        let follower = leadership.followers[ordinal]
        let known = min(commit, follower.progress.match)
        guard known > follower.progress.commitSent else { return }
        self.leadership?.followers[ordinal].progress.commitSent = known
        send(
            .heartbeat(round: leadership.round, commit: mark(of: known)), to: follower.member,
            &effects)
    }

    // MARK: leader: replies

    mutating func appendAccepted(
        by member: MemberID, _ match: Index, isRecovering: Bool = false,
        _ effects: inout [Effect]
    ) {
        guard let ordinal = leadership?.ordinal(of: member), match <= log.last,
            var progress = leadership?.followers[ordinal].progress
        else { return }
        let counted = progress.counts
        let isHigher = progress.acknowledged(match, in: leadership?.round ?? 0)
        progress.isRecovering = isRecovering
        let isNews = isHigher || progress.counts && !counted
        switch progress.state {
        case .probe where isHigher || match == progress.match: progress.becomeReplicate()
        case .snapshot where match >= log.base.mark.index && isHigher: progress.becomeReplicate()
        // It has all of it already, as one that has asked for it in vain.
        case .snapshot(let transfer?) where match >= transfer.base.mark.index:
            progress.becomeReplicate()
        case .probe, .replicate, .snapshot: break
        }
        leadership?.followers[ordinal].progress = progress
        dropIdleSnapshot()
        if isNews {
            advanceCommit(&effects)
            advanceTransfer(&effects)
        }
        // Leadership may be gone, and the list may be another one.
        guard let ordinal = leadership?.ordinal(of: member) else { return }
        replicate(ordinal, &effects)
        if !limits.defersCommit, leadership?.ordinal(of: member) == ordinal {
            sendCommit(ordinal, &effects)
        }
    }

    mutating func appendRejected(
        by member: MemberID, _ rejected: LogMark, _ hint: LogMark, _ effects: inout [Effect]
    ) {
        guard let ordinal = leadership?.ordinal(of: member),
            var progress = leadership?.followers[ordinal].progress,
            rejected.index >= progress.match, rejected.index < progress.next,
            log.term(at: rejected.index) == rejected.term || rejected.index < log.base.mark.index
        else { return }  // an old reply: progress never goes back for it
        // What it had confirmed it does not have any more: its disk has gone back to what was there before, which may be as long.
        let isForgotten = rejected.index == progress.match
        switch progress.state {
        case .snapshot: return
        case .replicate where isForgotten: return
        case .probe where rejected.index.next != progress.inFlight.first?.first: return
        case .probe, .replicate: break
        }
        if isForgotten {
            send(.promised(rejected), to: member, &effects)
            progress.forget(from: rejected.index, to: rejected.index)
        }
        let limit = min(hint.index, rejected.index.previous)
        let common = log.lastMark(atOrBefore: limit, termAtMost: hint.term)
        // Where the logs agree may lie before the base; then the base itself is no answer, because
        // the follower has just refused it. Probing below the base leads to a snapshot.
        let isBeforeBase =
            (common.index > limit || common.term > hint.term) && obeys(.snapshotBeforeBase)
        progress.becomeProbe(next: isBeforeBase ? common.index : common.index.next)
        leadership?.followers[ordinal].progress = progress
        replicate(ordinal, &effects)
    }

    // MARK: follower

    mutating func appendRequested(
        by leader: MemberID, _ previous: LogMark, _ entries: [Entry], _ leaderCommit: Index,
        _ effects: inout [Effect]
    ) {
        guard isWellFormed(previous, entries) else { return }
        var entries = entries
        if let place = entries.firstIndex(where: \.hasUnreadableVoters) {
            noteUnreadableVoters(entries[place], &effects)
            if place == 0 { return }
            entries.removeSubrange(place...)
        }
        if previous.index > log.base.mark.index || entries.isEmpty,
            previous.index >= log.base.mark.index
        {
            let isKnown =
                log.term(at: previous.index) == previous.term
                || previous.index <= log.last && !obeys(.previousMustMatch)
            guard isKnown else { return reject(previous, from: leader, &effects) }
        } else if let last = entries.last, last.index <= log.base.mark.index {
            return accept(min(commit, log.flushed), from: leader, &effects)
        } else if entries.isEmpty {
            return accept(min(commit, log.flushed), from: leader, &effects)
        }
        // Everything up to the base is committed here, so it equals what the leader has.
        var missing = entries[...]
        while let entry = missing.first {
            if entry.index <= log.base.mark.index || agrees(entry) {
                missing.removeFirst()
            } else if entry.index <= commit {
                return halt(
                    "leader \(leader) of term \(term) sent \(entry.mark) where "
                        + "\(log.term(at: entry.index).map(String.init(describing:)) ?? "nothing")"
                        + " was committed", &effects)
            } else {
                break
            }
        }
        var match = previous.index.advanced(by: entries.count)
        if takesNothing, let first = missing.first {
            // What is held already is confirmed, the rest is not there.
            match = first.index.previous
            endToldInTerm = term
        } else {
            write(Array(missing), &effects)
        }
        commit = max(commit, min(leaderCommit, match))
        accept(match, from: leader, &effects)
    }

    /// Whether the log holds the entry, so that it stays and what follows it stays.
    private func agrees(_ entry: Entry) -> Bool {
        if !obeys(.conflictGivesWay), entry.index <= log.last { return true }
        if !obeys(.onlyConflictGivesWay), entry.index > commit { return false }
        return log.term(at: entry.index) == entry.term
    }

    /// Whether the entries follow `previous` and each other as a log must.
    private func isWellFormed(_ previous: LogMark, _ entries: [Entry]) -> Bool {
        var last = previous
        for entry in entries {
            guard entry.index == last.index.next, entry.term >= last.term, entry.term <= term
            else { return false }
            last = entry.mark
        }
        return previous.term <= term
    }

    private mutating func reject(
        _ previous: LogMark, from leader: MemberID, _ effects: inout [Effect]
    ) {
        if previous.index <= commit {
            return halt(
                "leader \(leader) of term \(term) has \(previous) where "
                    + "\(log.term(at: previous.index).map(String.init(describing:)) ?? "nothing")"
                    + " was committed", &effects)
        }
        // The leader knows the end of this log, and not yet that nothing is taken. Told once more that something is missing it would
        // send all of it again, and be told so for each message of that.
        if takesNothing, endToldInTerm == term { return }
        let hint = log.lastMark(atOrBefore: previous.index, termAtMost: previous.term)
        send(.appendRejected(rejected: previous, hint: hint), to: leader, &effects)
    }

    /// Confirms the log up to `match`, as soon as it is durable.
    func accept(_ match: Index, from leader: MemberID, _ effects: inout [Effect]) {
        let write = obeys(.entriesDurableFirst) ? log.write(covering: match) : .zero
        let message =
            floor == nil ? Message.appendAccepted(match: match) : .appendHeld(match: match)
        send(message, to: leader, after: write, &effects)
    }

    // MARK: heartbeats

    /// The entry at this place; below the base, where no follower needs to be told of a commit, nothing.
    private func mark(of index: Index) -> LogMark {
        log.term(at: index).map { LogMark(index: index, term: $0) } ?? .zero
    }

    mutating func beginRound(_ effects: inout [Effect]) {
        guard var leadership else { return }
        leadership.beginRound(at: now, oldest: now &- min(now, UInt64(limits.electionTicksMax)))
        leadership.heartbeatDue = now + UInt64(limits.heartbeatTicks)
        self.leadership = leadership
        attachReads()
        for ordinal in leadership.followers.indices {
            let progress = leadership.followers[ordinal].progress
            let known = min(commit, progress.match)
            self.leadership?.followers[ordinal].progress.commitSent = max(
                known, progress.commitSent)
            send(
                .heartbeat(round: leadership.round, commit: mark(of: known)),
                to: leadership.followers[ordinal].member, &effects)
        }
        confirmReads(&effects)
    }

    mutating func heartbeatReceived(
        from leader: MemberID, _ round: UInt64, _ leaderCommit: LogMark, _ effects: inout [Effect]
    ) {
        // The leader clips the commit index to what it has seen confirmed in its term. But a disk may have gone back since to
        // what was there before, so it is the very entry that must be here; then all before it agrees (Raft §5.3).
        if log.term(at: leaderCommit.index) == leaderCommit.term {
            commit = max(commit, leaderCommit.index)
        } else if !obeys(.commitIsSame) {
            commit = max(commit, min(leaderCommit.index, log.last))
        }
        send(
            .heartbeatReply(round: round, last: log.last, isShort: takesNothing), to: leader,
            &effects)
    }

    mutating func heartbeatReplied(
        by member: MemberID, _ round: UInt64, _ last: Index, isShort: Bool,
        _ effects: inout [Effect]
    ) {
        guard let ordinal = leadership?.ordinal(of: member),
            var progress = leadership?.followers[ordinal].progress,
            round <= leadership?.round ?? 0
        else { return }
        if let start = leadership?.start(of: round) {
            progress.contact = max(progress.contact, start)
        }
        let isNewRound = round > progress.round
        progress.round = max(progress.round, round)
        // Of two answers that have overtaken each other, the later one counts.
        if isNewRound { progress.noteSpace(isShort: isShort) }
        if isNewRound, !progress.isShortOfSpace, obeys(.lostIsSentAgain) {
            progress.noteSilence(limits)
        }
        leadership?.followers[ordinal].progress = progress
        compareWithPromise(ordinal, round, last, &effects)
        replicate(ordinal, &effects)
        confirmReads(&effects)
        proceedWithChange(&effects)
    }
}

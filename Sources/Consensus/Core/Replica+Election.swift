// Elections: Raft §5.2, §5.4.1; pre-vote and quorum check: dissertation §9.6 and §6.2.
extension Replica {
    mutating func tick(_ time: UInt64, _ effects: inout [Effect]) {
        now += 1
        wallTime = max(wallTime, time)
        dropIdleReceipt()
        if isQuarantined { askForSnapshot(&effects) }
        if isLeader {
            tickLeader(&effects)
        } else if now >= electionDeadline {
            resetElectionTimer()
            if mayCampaign { askForPreVotes(&effects) }
        }
    }

    private mutating func tickLeader(_ effects: inout [Effect]) {
        guard let leadership else { return }
        let patience = UInt64(limits.electionTicksMin)
        let hearsMajority = Quorum.holds(in: log.configuration) { member in
            member == id
                || leadership.followers.contains {
                    $0.member == member && now - $0.progress.contact <= patience
                }
        }
        // A leader without a majority could only collect writes that fail; a leader whose disk
        // hangs would keep everyone else from taking over.
        let leadsAlone = log.configuration.voters == [id]
        guard hearsMajority, leadsAlone || oldestWriteAge <= UInt64(limits.electionTicksMax)
        else { return stepDown(to: term, leader: nil, &effects) }
        if let transfer = leadership.transfer, now >= transfer.deadline {
            endTransfer(transfer, &effects)
            guard isLeader else { return }
        }
        if isShortOfSpace || isQuarantined { seekHeir(&effects) }
        proceedWithChange(&effects)
        if now >= leadership.heartbeatDue { beginRound(&effects) }
    }

    /// Whether an election may be started here: by a voter, on a disk that works, with a whole log.
    var mayCampaign: Bool {
        isVoterUntilCommitted && supersededBy == nil && receipt == nil && floor == nil
            && (!isQuarantined || obeys(.outvotedStandsLate)) && !yieldsInDoubt && !standsAside
            && isOpened
            && generationChange == nil
            && installationWrite <= flushedWrite
            && oldestWriteAge <= UInt64(limits.electionTicksMin)
    }

    /// Whose state may be wrong leaves the lead to others for a while. When nobody has taken it by then, the others are in
    /// doubt as well, or not there: the log is right all the same, and without a leader nobody could ever be asked.
    private var yieldsInDoubt: Bool {
        doubtedSince.map { now - $0 <= 2 * UInt64(limits.electionTicksMax) } ?? false
    }

    /// A member whose departure is in its log but not committed still stands for election
    /// (dissertation §4.2.2): it may be the only one whose log the others would accept.
    private var isVoterUntilCommitted: Bool {
        log.configuration.isVoter(id)
            || log.configurationIndex > commit && log.configuration(at: commit).isVoter(id)
                && obeys(.standsUntilRemoved)
    }

    mutating func resetElectionTimer() {
        electionDeadline =
            now
            + UInt64(random.next(in: limits.electionTicksMin...limits.electionTicksMax))
    }

    // MARK: a leader that is gone

    /// The leader's process has ended, as far as the network can tell, so there is no point in waiting for it. The hint is no
    /// proof, and need not be: another leader takes the votes of a majority as ever, and who still hears this one refuses its
    /// own.
    mutating func noteGone(_ member: MemberID, _ effects: inout [Effect]) {
        guard case .follower(leader: member) = role else { return }
        stepDown(to: term, leader: nil, &effects)
        leaderContact = nil
        let others = log.configuration.voters.filter { $0 != member }
        guard let rank = others.firstIndex(of: id) else { return }
        let due = now + 1 + UInt64(rank * limits.goneLeaderTicks)
        electionDeadline = min(electionDeadline, due)
    }

    // MARK: asking

    private mutating func askForPreVotes(_ effects: inout [Effect]) {
        var (round, grants, repeats) = (random.next(), Set<MemberID>(), 0)
        // Within a round, answers to an earlier question count: on a slow network, there are no others.
        if case .preCandidate(let current, let granted, let asked) = role {
            repeats = asked + 1
            if asked < limits.preVoteRepeatsMax { (round, grants) = (current, granted) }
        }
        role = .preCandidate(round: round, grants: grants, repeats: repeats)
        if repeats < limits.preVoteRepeatsMax {
            electionDeadline =
                now
                + UInt64(
                    random.next(in: limits.preVoteRepeatTicksMin...limits.preVoteRepeatTicksMax))
        }
        for member in log.configuration.voters where member != id && !grants.contains(member) {
            send(.preVoteRequest(round: round, last: log.lastMark), to: member, &effects)
        }
        countPreVote(of: id, &effects)
    }

    private mutating func countPreVote(of member: MemberID, _ effects: inout [Effect]) {
        guard case .preCandidate(let round, var grants, let repeats) = role else { return }
        grants.insert(member)
        role = .preCandidate(round: round, grants: grants, repeats: repeats)
        if Quorum.holds(in: log.configuration, grants.contains) {
            campaign(isTransfer: false, [], &effects)
        }
    }

    mutating func campaign(
        isTransfer: Bool, _ note: [UInt8], _ effects: inout [Effect]
    ) {
        hardState.term = term.next
        hardState.vote = id
        writeHardState(&effects)
        role = .candidate(votes: [], ownVote: hardStateWrite, note: note)
        leaderContact = nil
        resetElectionTimer()
        for member in log.configuration.voters where member != id {
            send(
                .voteRequest(last: log.lastMark, isTransfer: isTransfer), to: member, &effects)
        }
    }

    mutating func countVote(of member: MemberID, _ effects: inout [Effect]) {
        guard case .candidate(var votes, let ownVote, let note) = role else { return }
        votes.insert(member)
        role = .candidate(votes: votes, ownVote: ownVote, note: note)
        if Quorum.holds(in: log.configuration, votes.contains) { lead(note, &effects) }
    }

    private mutating func lead(_ note: [UInt8], _ effects: inout [Effect]) {
        let first = log.last.next
        var leadership = Leadership(firstIndex: first, followers: [])
        leadership.uncommittedBytes = uncommittedBytes()
        leadership.followers = log.configuration.members.filter { $0 != id }.map {
            Leadership.Follower(member: $0, progress: Progress(next: first, contact: now))
        }
        lead(leadership)
        append([(.leader, Entry.leaderPayload(id, note))], &effects)
        beginRound(&effects)
    }

    // MARK: answering

    mutating func preVoteRequested(
        by candidate: MemberID, in senderTerm: Term, _ round: UInt64, _ last: LogMark,
        _ effects: inout [Effect]
    ) {
        tellIfRemoved(candidate, &effects)
        let granted =
            senderTerm.next > term && !hearsLeader(otherThan: candidate) && supersededBy == nil
            && floor == nil && isUpToDate(last)
        send(.preVoteReply(round: round, granted: granted), to: candidate, &effects)
        // The leader is gone, and who has noticed cannot replace it: this member's log is longer, so that it can.
        if !granted, case .follower = role, !isUpToDate(last), senderTerm.next > term,
            !hearsLeader(otherThan: candidate)
        {
            electionDeadline = min(electionDeadline, now + 1)
        }
    }

    mutating func preVoteReplied(
        by member: MemberID, _ round: UInt64, _ granted: Bool, _ effects: inout [Effect]
    ) {
        guard case .preCandidate(let current, _, _) = role, current == round, granted else {
            return
        }
        countPreVote(of: member, &effects)
    }

    /// The request is of the current term; the caller has seen to that.
    mutating func voteRequested(
        by candidate: MemberID, _ last: LogMark, _ effects: inout [Effect]
    ) {
        var isFree = hardState.vote == nil || !obeys(.oneVotePerTerm)
        if case .follower = role {} else { isFree = false }
        let granted =
            (isFree && supersededBy == nil && floor == nil && isUpToDate(last))
            || hardState.vote == candidate
        if granted, hardState.vote != candidate {
            hardState.vote = candidate
            writeHardState(&effects)
            resetElectionTimer()
        }
        send(.voteReply(granted: granted), to: candidate, &effects)
    }

    private func isUpToDate(_ last: LogMark) -> Bool {
        last.isUpToDate(with: log.lastMark) || !obeys(.upToDateCandidate)
    }

    /// Whether a leader other than `member` was heard so recently that an election would only
    /// disturb. A leader hears itself: it steps down as soon as it loses the majority.
    func hearsLeader(otherThan member: MemberID) -> Bool {
        if isLeader { return true }
        guard case .follower(let leader?) = role, leader != member, let leaderContact else {
            return false
        }
        return now - leaderContact < UInt64(limits.electionTicksMin)
    }

    // MARK: changing sides

    /// Follows, in `newTerm`, which is the current one or a later one.
    mutating func stepDown(to newTerm: Term, leader: MemberID?, _ effects: inout [Effect]) {
        let wasLeader = isLeader
        if wasLeader {
            lastLeaderContact = now
            endLeadership(isHandedOver: newTerm > term, &effects)
            stepAside()
        }
        if newTerm > term {
            hardState.term = newTerm
            hardState.vote = nil
            writeHardState(&effects)
            leaderContact = nil
        }
        if case .follower(let current) = role, current == leader, !wasLeader {
            return
        }
        role = .follower(leader: leader)
        resetElectionTimer()
    }

    /// Answers everything that only a leader could have answered.
    private mutating func endLeadership(isHandedOver: Bool, _ effects: inout [Effect]) {
        guard let leadership else { return }
        role = .follower(leader: nil)
        refuse(leadership.readsInRound + leadership.readsWaiting, &effects)
        if let change = leadership.change {
            effects.append(.refused(change.token, .notLeader(hint: nil)))
        }
        if let transfer = leadership.transfer {
            effects.append(
                .transferEnded(
                    to: transfer.target,
                    transfer.isSent && isHandedOver
                        ? .handedOver(to: transfer.target) : .leadershipLost))
        }
    }

    /// A message of the current term that only its leader can have sent.
    ///
    /// - Returns: `false` when that is impossible, because this member leads the term itself.
    mutating func hear(leader: MemberID, _ effects: inout [Effect]) -> Bool {
        guard !isLeader else {
            halt("\(leader) and \(id) both lead term \(term)", &effects)
            return false
        }
        stepDown(to: term, leader: leader, &effects)
        leaderContact = now
        lastLeaderContact = now
        stepAside()
        resetElectionTimer()
        return true
    }
}

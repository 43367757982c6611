// Forced recovery: no part of Raft, and no proof can cover it. What it keeps is that nobody is in doubt about it: one
// write begins a generation, and every message, record and answer carries it (docs/decisions/0022).
extension Replica {
    /// A change of generation that is not durable yet.
    struct GenerationChange: Hashable, Sendable {
        var write: WriteSequence
        var tokens: [ProposalToken]
        /// Where those who asked are told it is.
        var mark: LogMark
        /// Whether this member began the generation, and leads its first term.
        var isOwn: Bool
    }

    /// Where the forced configuration stands, behind the record.
    ///
    /// A member that has adopted the generation neither stands for election nor counts on its old configuration before it holds
    /// this entry; otherwise the record could be lost, or the old configuration come back.
    var opening: Index? { hardState.origin?.index.advanced(by: 2) }

    /// Whether the log has the beginning of its own generation.
    var isOpened: Bool {
        guard let opening, obeys(.standsWhenOpened) else { return true }
        return log.last >= opening
    }

    /// Whether the follower may be sent entries of the generation before: only those who were there when the generation began,
    /// and have adopted it. Who joined later gets a snapshot (FS-13).
    func mayGetEntries(from next: Index, _ member: MemberID) -> Bool {
        guard let opening, next < opening.previous, log.base.mark.index < opening else {
            return true
        }
        return log.configuration(at: opening).contains(member) || !obeys(.freshGetSnapshot)
    }

    // MARK: beginning a generation

    mutating func recover(
        _ token: ProposalToken, _ recovery: ForcedRecovery, _ time: UInt64,
        _ effects: inout [Effect]
    ) {
        wallTime = max(wallTime, time)
        if generation == recovery.successor, hardState.origin == recovery.expected,
            supersededBy == nil
        {
            let record = recovery.expected.index.next
            return answerWhenDurable(
                token, LogMark(index: record, term: log.term(at: record) ?? term), &effects)
        }
        if let refusal = refusal(of: recovery) {
            return effects.append(.refused(token, refusal))
        }
        leaveGeneration(
            for: HardState(
                generation: recovery.successor, term: term.next, vote: id,
                origin: recovery.expected), &effects)
        let contents: [(Entry.Kind, [UInt8])] = [
            (.command, recovery.record), (.configuration, recovery.configuration.encoded),
            (.leader, Entry.leaderPayload(id)),
        ]
        let stamp = max(wallTime, log.lastTime)
        let entries = contents.enumerated().map { offset, content in
            Entry(
                index: log.last.advanced(by: offset + 1), term: term, time: stamp,
                kind: content.0, payload: content.1)
        }
        // ONE write: after a crash, the recovery has not begun or is complete.
        let sequence = beginWrite()
        hardStateWrite = sequence
        log.append(entries, in: sequence)
        var request = WriteRequest(sequence: sequence, entries: entries)
        request.hardState = hardState
        if isQuarantined, recovery.configuration.voters == [id] {
            // Nobody is left who could have another state.
            isQuarantined = false
            request.stateWrongFrom = .zero
        }
        effects.append(.write(request))
        generationChange = GenerationChange(
            write: sequence, tokens: [token], mark: entries[0].mark, isOwn: true)
    }

    private func refusal(of recovery: ForcedRecovery) -> Refusal? {
        if let refusal = commonRefusal(expected: recovery.expected.generation) { return refusal }
        let (current, next) = (log.configuration, recovery.configuration)
        if lastMark != LogMark(index: recovery.expected.index, term: recovery.expected.term) {
            return .recovery(.otherLast(lastMark))
        }
        if recovery.successor.counter != generation.counter + 1 {
            return .recovery(.notSuccessor(of: generation))
        }
        if !current.isVoter(id), !log.configuration(at: commit).isVoter(id),
            !recovery.acceptsLearner || !current.isLearner(id)
        {
            return .recovery(.notVoter)
        }
        if !recovery.overridesLeader, let leader = heardLeader {
            return .recovery(.leaderIsHeard(leader))
        }
        let strangers =
            next.voters.filter { !current.isVoter($0) && $0 != id }
            + next.learners.filter { !current.contains($0) }
        if !strangers.isEmpty { return .recovery(.bringsStrangers(strangers)) }
        let dropped = current.voters.filter {
            !next.isVoter($0) && !recovery.givenUp.contains($0)
        }
        if !dropped.isEmpty { return .recovery(.dropsVoters(dropped)) }
        if !next.isVoter(id) { return .recovery(.notNamed) }
        if recovery.record.count > limits.payloadBytesMax {
            return .tooLarge(bytes: recovery.record.count, max: limits.payloadBytesMax)
        }
        return nil
    }

    private func commonRefusal(
        expected: Generation, adopting successor: Generation? = nil
    ) -> Refusal? {
        if let supersededBy, supersededBy > successor ?? .none {
            return .recovery(.superseded(by: supersededBy))
        }
        if generation != expected { return .recovery(.otherGeneration(generation)) }
        // One at a time: what is not durable yet must not be gone on from, and who asked for it waits for an answer.
        if generationChange != nil { return .busy }
        if receipt != nil || installationWrite > flushedWrite {
            return .recovery(.receivingSnapshot)
        }
        return nil
    }

    /// Who leads this generation with a majority, as far as this member can tell.
    private var heardLeader: MemberID? {
        if isLeader {
            return Quorum.holds(in: log.configuration, hasAnswered) ? id : nil
        }
        return hearsLeader(otherThan: id) ? leader : nil
    }

    private func hasAnswered(_ member: MemberID) -> Bool {
        member == id
            || leadership?.followers.contains {
                $0.member == member && $0.progress.round > 0
                    && now - $0.progress.contact <= UInt64(limits.electionTicksMin)
            } ?? false
    }

    // MARK: adopting one

    mutating func adopt(
        _ token: ProposalToken, _ adoption: Adoption, _ effects: inout [Effect]
    ) {
        if generation == adoption.successor, supersededBy == nil {
            return answerWhenDurable(token, lastMark, &effects)
        }
        if let refusal = refusal(of: adoption) {
            return effects.append(.refused(token, refusal))
        }
        // Terms of the old generation bind nobody in the new one, but a term that goes back would look like a disk that does.
        let isSameTerm = adoption.term >= term
        leaveGeneration(
            for: HardState(
                generation: adoption.successor, term: max(term, adoption.term),
                vote: isSameTerm ? adoption.leader : nil, origin: adoption.base), &effects)
        writeHardState(&effects)
        generationChange = GenerationChange(
            write: hardStateWrite, tokens: [token], mark: lastMark, isOwn: false)
    }

    private func refusal(of adoption: Adoption) -> Refusal? {
        let (base, next) = (adoption.base, adoption.configuration)
        if let refusal = commonRefusal(expected: base.generation, adopting: adoption.successor) {
            return refusal
        }
        if adoption.successor <= generation || adoption.term <= base.term {
            return .recovery(.notSuccessor(of: generation))
        }
        if !next.contains(id) || !next.isVoter(adoption.leader) || adoption.leader == id {
            return .recovery(.notNamed)
        }
        let isPrefix =
            lastMark == adoption.match && lastMark.index <= base.index
            && lastMark.term <= base.term
            && (lastMark.index < base.index || lastMark.term == base.term)
        if !isPrefix, obeys(.adoptsPrefixOnly) { return .recovery(.notPrefix(last: lastMark)) }
        return nil
    }

    // MARK: both

    /// Ends whatever was going on in the generation that is left.
    private mutating func leaveGeneration(for next: HardState, _ effects: inout [Effect]) {
        stepDown(to: term, leader: nil, &effects)
        role = .follower(leader: nil)
        leaderContact = nil
        resetElectionTimer()
        hardState = next
        // What was promised to those of the old generation binds nobody in the new one.
        floor = nil
    }

    /// Somebody asks again for what has been done, or is under way.
    private mutating func answerWhenDurable(
        _ token: ProposalToken, _ mark: LogMark, _ effects: inout [Effect]
    ) {
        if generationChange != nil {
            generationChange?.tokens.append(token)
        } else {
            effects.append(.recovered(token, mark))
        }
    }

    /// The new generation is durable. Who began it leads its first term, in which nobody else can have a vote; unless a higher
    /// one was heard of meanwhile, which leaves nothing to lead.
    mutating func generationFlushed(_ sequence: WriteSequence, _ effects: inout [Effect]) {
        guard let change = generationChange, change.write <= sequence else { return }
        generationChange = nil
        if let supersededBy {
            for token in change.tokens {
                effects.append(.refused(token, .recovery(.superseded(by: supersededBy))))
            }
            return
        }
        for token in change.tokens { effects.append(.recovered(token, change.mark)) }
        guard change.isOwn, hardState.vote == id, case .follower(leader: nil) = role else { return }
        var leadership = Leadership(firstIndex: log.last, followers: [])
        leadership.uncommittedBytes = uncommittedBytes()
        // Where those who adopt the generation end, only they can say; most have all that was there before.
        leadership.followers = log.configuration.members.filter { $0 != id }.map {
            Leadership.Follower(
                member: $0, progress: Progress(next: change.mark.index, contact: now))
        }
        lead(leadership)
        replicateToAll(&effects)
        beginRound(&effects)
    }

    /// A higher generation was seen: the cluster this member belongs to no longer exists. It is written down, because a
    /// restart must not make it forget (FS-05).
    mutating func supersede(by higher: Generation, _ effects: inout [Effect]) {
        stepDown(to: term, leader: nil, &effects)
        hardState.supersededBy = higher
        writeHardState(&effects)
        effects.append(.superseded(by: higher))
    }

    /// Those of this generation who have not heard of it yet are told. The term says nothing: it is of another generation.
    func passOnSupersession(
        _ higher: Generation, to member: MemberID, _ effects: inout [Effect]
    ) {
        let envelope = Envelope(
            from: id, to: member, generation: higher, term: .zero, message: .superseded)
        effects.append(
            .send(envelope, after: hardStateWrite > flushedWrite ? hardStateWrite : .zero))
    }
}

// What arrives: first the generation, then the term, then the message.
extension Replica {
    mutating func receive(_ envelope: Envelope, _ effects: inout [Effect]) {
        guard envelope.to == id, envelope.from != id,
            isCurrentGeneration(envelope, &effects), mayTakePart(envelope, &effects),
            isCurrentTerm(envelope, &effects)
        else { return }
        dispatch(envelope, &effects)
    }

    /// A lower generation is refused before its term is looked at: otherwise a member that was left
    /// behind by a forced recovery could depose a leader of the recovered cluster.
    private mutating func isCurrentGeneration(
        _ envelope: Envelope, _ effects: inout [Effect]
    ) -> Bool {
        if envelope.generation == generation { return true }
        if generation != .none, !obeys(.generationFirst) { return true }
        if envelope.generation < generation {
            switch envelope.message {
            case .superseded, .removed, .staleTerm: break
            default: send(.superseded, to: envelope.from, &effects)
            }
            return false
        }
        if generation == .none, log.last == .zero {
            switch envelope.message {
            case .append, .heartbeat, .snapshotChunk:
                hardState = HardState(
                    generation: envelope.generation, term: max(term, envelope.term), vote: nil)
                writeHardState(&effects)
                return true
            default:
                return false
            }
        }
        if generation != .none, supersededBy.map({ $0 < envelope.generation }) ?? true {
            supersede(by: envelope.generation, &effects)
        }
        return false
    }

    /// A member that was left behind keeps its log as it is, and helps nobody to commit or to lead.
    private func mayTakePart(_ envelope: Envelope, _ effects: inout [Effect]) -> Bool {
        guard let supersededBy else { return true }
        switch envelope.message {
        case .superseded, .removed, .staleTerm: break
        default: passOnSupersession(supersededBy, to: envelope.from, &effects)
        }
        return false
    }

    /// Adopts a higher term, answers a lower one; `true` when the message is to be looked at.
    private mutating func isCurrentTerm(_ envelope: Envelope, _ effects: inout [Effect]) -> Bool {
        if envelope.term > term { return adopts(envelope, &effects) }
        if envelope.term == term { return true }
        switch envelope.message {
        // What the state was after an entry is the same in every term.
        case .preVoteRequest, .stateDigests: return true
        case .append, .heartbeat, .snapshotChunk, .timeoutNow, .readIndexRequest:
            send(.staleTerm, to: envelope.from, &effects)
        case .voteRequest: send(.voteReply(granted: false), to: envelope.from, &effects)
        case .preVoteReply(let round, let granted):
            // A grant comes from the voter's own term, which may be lower than the candidate's.
            if granted { preVoteReplied(by: envelope.from, round, true, &effects) }
        case .voteReply: return !obeys(.votesOfThisTerm)
        default: break
        }
        return false
    }

    private mutating func adopts(_ envelope: Envelope, _ effects: inout [Effect]) -> Bool {
        var leader: MemberID?
        switch envelope.message {
        case .preVoteRequest:
            return true  // asks about a term that may never come
        case .stateDigests: return true
        case .voteRequest(_, let isTransfer):
            if !isTransfer, hearsLeader(otherThan: envelope.from) { return false }
            tellIfRemoved(envelope.from, &effects)
        case .append, .heartbeat, .snapshotChunk:
            leader = envelope.from
        default: break
        }
        stepDown(to: envelope.term, leader: leader, &effects)
        return true
    }

    private mutating func dispatch(_ envelope: Envelope, _ effects: inout [Effect]) {
        let from = envelope.from
        switch envelope.message {
        case .preVoteRequest(let round, let last):
            preVoteRequested(by: from, in: envelope.term, round, last, &effects)
        case .preVoteReply(let round, let granted):
            preVoteReplied(by: from, round, granted, &effects)
        case .voteRequest(let last, _): voteRequested(by: from, last, &effects)
        case .voteReply(let granted): if granted { countVote(of: from, &effects) }
        case .append(let previous, let entries, let leaderCommit):
            guard hear(leader: from, &effects) else { return }
            appendRequested(by: from, previous, entries, leaderCommit, &effects)
        case .appendAccepted(let match): appendAccepted(by: from, match, &effects)
        case .appendHeld(let match):
            appendAccepted(by: from, match, isRecovering: true, &effects)
        case .stateDigests(let points): effects.append(.statesReported(from, points))
        case .snapshotWanted(let index): snapshotWanted(by: from, index, &effects)
        case .promised(let mark):
            guard hear(leader: from, &effects) else { return }
            promiseRecalled(mark, &effects)
        case .appendRejected(let rejected, let hint):
            appendRejected(by: from, rejected, hint, &effects)
        case .heartbeat(let round, let leaderCommit):
            guard hear(leader: from, &effects) else { return }
            heartbeatReceived(from: from, round, leaderCommit, &effects)
        case .heartbeatReply(let round, let last, let isShort):
            heartbeatReplied(by: from, round, last, isShort: isShort, &effects)
        case .snapshotChunk(let chunk):
            guard hear(leader: from, &effects) else { return }
            chunkReceived(from: from, chunk, &effects)
        case .snapshotProgress(let last, let nextOffset):
            snapshotProgressed(at: from, last, nextOffset, &effects)
        case .snapshotRefused(let last): snapshotRefused(by: from, last, &effects)
        case .timeoutNow(let note): timeoutNow(from: from, note, &effects)
        case .readIndexRequest(let token):
            read([.remote(from, token: token)], &effects)
        case .readIndexReply(let token, let index):
            readReplied(ReadToken(token), index, &effects)
        case .staleTerm: break  // the envelope has said it
        case .superseded: break  // of the same generation: an old copy
        case .removed:
            if !isLeader { effects.append(.removed) }
        }
    }

    /// A member that was removed while it was away would ask for votes for ever.
    func tellIfRemoved(_ member: MemberID, _ effects: inout [Effect]) {
        guard isLeader, !log.configuration.contains(member),
            !log.configuration(at: commit).contains(member)
        else { return }
        send(.removed, to: member, &effects)
    }
}

import Synchronization

/// What others ask of a member. Everything goes through the inbox; nothing here waits but for its own answer.
extension Driver {
    /// Appends a command and waits until it is committed and applied here, or is known not to be. One that is `bound` to a
    /// term is appended in no other.
    public func propose(_ payload: [UInt8], bound: TermMark? = nil) async -> Outcome {
        await withCheckedContinuation { continuation in
            let refusal: Refusal? = gather { inbox in
                if inbox.isStopped { return .stopped }
                if inbox.proposals >= limits.inboxProposalsMax
                    || inbox.proposalBytes + payload.count > limits.inboxBytesMax
                {
                    return .busy
                }
                let token = ProposalToken(inbox.takeToken())
                inbox.proposals += 1
                inbox.proposalBytes += payload.count
                inbox.proposalWaiters[token] = continuation
                inbox.events.append(
                    .propose(Proposal(token: token, payload: payload, bound: bound)))
                return nil
            }
            if let refusal { continuation.resume(returning: .refused(refusal)) }
        }
    }

    /// Changes the membership by one step and waits as `propose` does.
    public func changeMembership(_ change: MembershipChange) async -> Outcome {
        await withCheckedContinuation { continuation in
            let isTaken = post { inbox in
                if inbox.isStopped { return false }
                let token = ProposalToken(inbox.takeToken())
                inbox.proposalWaiters[token] = continuation
                inbox.events.append(.changeMembership(token, change))
                return true
            }
            if !isTaken { continuation.resume(returning: .refused(.stopped)) }
        }
    }

    /// Waits until the state applied here reflects everything acknowledged before the call. Works
    /// on every member that knows the leader.
    public func readIndex() async -> ReadOutcome {
        await withCheckedContinuation { continuation in
            let isTaken = gather { inbox in
                if inbox.isStopped { return false }
                let token = ReadToken(inbox.takeToken())
                inbox.readWaiters[token] = continuation
                inbox.events.append(.read(token))
                return true
            }
            if !isTaken { continuation.resume(returning: .refused(.stopped)) }
        }
    }

    /// Hands leadership to another voter, and waits until that has succeeded or failed. When it is `bound` to a term, it does
    /// so in no other. The note is found in the first entry of the new leader.
    public func transferLeadership(
        to target: MemberID, bound: TermMark? = nil, note: [UInt8] = []
    ) async -> TransferResult {
        await withCheckedContinuation { continuation in
            let isTaken = post { inbox in
                if inbox.isStopped { return false }
                inbox.transferWaiters[target, default: []].append(
                    TransferWaiter(continuation: continuation, bound: bound))
                inbox.events.append(.transfer(to: target, bound: bound, note: note))
                return true
            }
            if !isTaken { continuation.resume(returning: .leadershipLost) }
        }
    }

    /// Begins a new generation from what this member holds, and waits until that is durable here.
    ///
    /// The record is committed when a majority of the new configuration has adopted the generation: at once, when this
    /// member is its only voter. `readIndex` waits for that.
    public func recover(_ recovery: ForcedRecovery) async -> RecoveryOutcome {
        await changeGeneration { .recover($0, recovery) }
    }

    /// Takes part in a generation that another survivor has begun, and waits until that is durable here.
    public func adopt(_ adoption: Adoption) async -> RecoveryOutcome {
        await changeGeneration { .adopt($0, adoption) }
    }

    private func changeGeneration(
        _ event: (ProposalToken) -> PipelineEvent<Machine>
    ) async -> RecoveryOutcome {
        await withCheckedContinuation { continuation in
            let isTaken = post { inbox in
                if inbox.isStopped { return false }
                let token = ProposalToken(inbox.takeToken())
                inbox.recoveryWaiters[token] = continuation
                inbox.events.append(event(token))
                return true
            }
            if !isTaken { continuation.resume(returning: .refused(.stopped)) }
        }
    }

    /// Takes a message in; drops it when too many wait.
    public func receive(_ envelope: Envelope) {
        post { inbox in
            guard !inbox.isStopped, inbox.messages < limits.inboxMessagesMax else { return }
            inbox.messages += 1
            inbox.events.append(.received(envelope))
        }
    }

    /// Nobody listens any more where another member did: its process has ended, as far as can be told from here. When it is
    /// the leader, an election need not wait for a timeout.
    public func gone(_ member: MemberID) {
        post { inbox in
            if !inbox.isStopped { inbox.events.append(.gone(member)) }
        }
    }

    /// A tick has passed.
    public func tick() {
        post { inbox in
            guard !inbox.isStopped, !inbox.hasTick else { return }
            inbox.hasTick = true
            inbox.events.append(.tick(time: clock()))
        }
    }

    /// Tells followers what is committed now: somebody waits for them.
    public func announceCommit() {
        post { inbox in
            if !inbox.isStopped { inbox.events.append(.announceCommit) }
        }
    }

    /// Has what was applied so far stored before the next ``read(_:)``, or before the one after that.
    public func storeChange() {
        post { inbox in
            if !inbox.isStopped { inbox.events.append(.storeChange) }
        }
    }

    /// Something that storage holds was found to be damaged.
    public func damageFound(_ damage: String) {
        post { inbox in
            if !inbox.isStopped { inbox.events.append(.damageFound(damage)) }
        }
    }

    /// A planned announcement is due.
    public func announcementDue() {
        post { inbox in
            if !inbox.isStopped { inbox.events.append(.announcementDue) }
        }
    }

    /// For tests: the ticks that were looked at.
    var ticksSeen: UInt64 { pipeline.withLock { $0.replica.now } }

    /// For tests: the state changes although no entry says so.
    func disturb(_ change: (inout Machine) -> Void) { pipeline.withLock { $0.disturb(change) } }

    public var status: DriverStatus { pipeline.withLock { $0.status } }

    public var leaderView: LeaderView { pipeline.withLock { $0.leaderView } }

    /// The entry at `index`, by name; `nil` when the log does not have it any more, or not yet.
    public func mark(at index: Index) -> LogMark? {
        pipeline.withLock { pipeline in
            pipeline.replica.term(at: index).map { LogMark(index: index, term: $0) }
        }
    }

    /// The state after the last applied entry.
    public var state: Machine.Image { pipeline.withLock { $0.machine.capture() } }

    /// Committed entries from `index` on, as far as they are in memory; `nil` when the first is
    /// not, and the caller needs a snapshot.
    public func committedEntries(from index: Index, bytesMax: Int) -> [Entry]? {
        pipeline.withLock { pipeline in
            index > pipeline.applied.index
                ? [] : pipeline.replica.committedEntries(from: index, bytesMax: bytesMax)
        }
    }

    /// Answers everything that waits and stops; returns when no storage job is under way.
    public func stop() async -> StopReason {
        // So that whoever reads the files finds what was applied: a job that is under way is waited for, and so is the next.
        storeChange()
        await storageIsIdle()
        await storageIsIdle()
        let reason = await withCheckedContinuation { continuation in
            let known: StopReason? = post { inbox in
                if let reason = inbox.stopReason { return reason }
                inbox.stopWaiters.append(continuation)
                inbox.events.append(.stop)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
        await storageIsIdle()
        return reason
    }

    /// Returns when the jobs that storage has been given are done.
    private func storageIsIdle() async {
        await withCheckedContinuation { continuation in
            executors.storage { continuation.resume() }
        }
    }
}

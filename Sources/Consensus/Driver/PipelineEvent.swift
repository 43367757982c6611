/// What the owner of a pipeline tells it.
public enum PipelineEvent<Machine: StateMachine>: Sendable {
    case tick(time: UInt64)
    case received(Envelope)
    /// Nobody listens where this member did.
    case gone(MemberID)
    case propose(Proposal)
    case changeMembership(ProposalToken, MembershipChange)
    /// In the term that it is bound to, if any.
    case transfer(to: MemberID, bound: TermMark? = nil, note: [UInt8] = [])
    indirect case recover(ProposalToken, ForcedRecovery)
    indirect case adopt(ProposalToken, Adoption)
    case read(ReadToken)
    /// The storage job is done.
    indirect case stored(StorageResult<Machine>)
    /// A conversion is done.
    indirect case converted(ConversionResult<Machine>)
    /// Tell followers what is committed, without waiting for ``PipelineAction/announceLater``.
    case announceCommit
    /// What ``PipelineAction/announceLater`` asked for is due.
    case announcementDue
    /// Somebody wants to read from storage what has been applied: do not let it wait any longer.
    case storeChange
    /// Something that storage holds is damaged, or cannot be read.
    case damageFound(String)
    /// Refuse everything from now on, and answer everything that waits.
    case stop
}

/// What the owner of a pipeline has to do, in order.
public enum PipelineAction<Machine: StateMachine>: Sendable {
    case send(Envelope)
    /// Run on the storage thread; at most one job is under way. `PipelineEvent.stored` returns its
    /// result.
    indirect case store(StorageJob<Machine>)
    /// Run somewhere else, beside storage jobs; `PipelineEvent.converted` returns the result.
    indirect case convert(ConversionJob<Machine>)
    /// Send ``PipelineEvent/announcementDue`` after ``DriverLimits/announcementNanoseconds``.
    case announceLater
    case answer(ProposalToken, ProposalOutcome<Machine.Outcome>)
    case answerRead(ReadToken, ReadOutcome)
    case answerRecovery(ProposalToken, RecoveryOutcome)
    case transferEnded(to: MemberID, TransferResult)
    /// These entries were applied; `state` is the state after them.
    case applied([Entry], state: Machine.Image, at: Position)
    /// The state was replaced by a snapshot.
    case restored(state: Machine.Image, at: Position)
    /// The member lacks what it has promised, up to here, and takes part again when it has it; `nil`: it has.
    case recovering(until: LogMark?)
    /// On the leader: a follower that had confirmed entries up to `promised` in this term has lost those after `last`.
    case forgotten(MemberID, promised: Index, last: Index)
    /// The state of another member differs from the one here.
    case diverged(MemberID, StateDigests.Difference)
    /// An entry tells of another state than this member had after this index, and who is right is not known yet: the state is
    /// not to be shown; `nil`: it is known.
    case doubted(Index?)
    /// The state here differs from that of a majority: it is not to be shown before it has been replaced; `nil`: it has been.
    case quarantined(StateDigests.Difference?)
    /// The member has met what it cannot read; `nil`: a state beyond it has come.
    case unreadable(Unreadable?)
    /// The member has become short of space, or has room again.
    case space(StorageSpace)
    /// Something that storage holds is damaged, or cannot be read; it will be written anew.
    case damaged(String)
    /// It has been.
    case repaired(String)
    case superseded(by: Generation)
    case removed
    /// The member can go on no longer; nothing more will come.
    case stopped(StopReason)
}

/// The answer to a proposal; each gets exactly one.
public enum ProposalOutcome<Outcome: Sendable>: Sendable {
    /// Committed at this position and applied here.
    case applied(Position, Outcome)
    /// A membership change that had been made already, by the entry at this position.
    case unchanged(Position)
    /// Had no effect and never will.
    case refused(Refusal)
    /// May have been committed, or may be later.
    case unknown
}

/// The answer to a linearizable read; each gets exactly one.
public enum ReadOutcome: Hashable, Sendable {
    /// The state applied here now reflects everything acknowledged before the read began.
    case ready(Position)
    case refused(Refusal)
}

/// Why a member has stopped.
public enum StopReason: Error, Hashable, Sendable {
    case asked
    /// Storage failed: what was not flushed may be lost, and only a restart can tell.
    case storageFailed(String)
    /// The log contradicts what was committed.
    case corrupt(String)
}

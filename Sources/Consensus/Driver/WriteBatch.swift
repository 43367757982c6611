/// Everything that becomes durable together: ONE transaction, all of it or nothing.
///
/// The parts are carried out in the order in which they are declared here. Several requests of the
/// core are merged into one batch while an earlier batch is being flushed (group commit).
public struct WriteBatch<Machine: StateMachine>: Sendable {
    /// The batch completes the core's writes up to this one.
    public var sequence: WriteSequence

    /// Replaces the stored hard state.
    public var hardState: HardState?

    /// Replaces the state of the machine and the beginning of the log by a received snapshot.
    public var installation: Installation<Machine>?

    /// Entries with consecutive indices. Storage first deletes every stored entry whose index is
    /// that of the first of these or higher, then stores these. That index is never at or below the
    /// base, and never leaves a gap.
    public var entries: [Entry]

    /// Rows changed by applying entries, with the index of the last of them.
    public var change: StateChange<Machine>?

    /// What the member has promised although the log ends before; kept until the log is at least as up to date.
    public var floor: LogMark?

    /// The state that is stored is known to be wrong from this entry on: a member that starts with it does not go by it. An
    /// installation ends that, unless it is in the same batch, where it comes first; and so does zero.
    public var stateWrongFrom: Index?

    /// Makes this the base: deletes the entries up to and including `base.mark.index` and stores
    /// the rest of it. The index never exceeds the applied index that is stored after this batch.
    public var base: LogBase?

    public init(
        sequence: WriteSequence, hardState: HardState? = nil,
        installation: Installation<Machine>? = nil, entries: [Entry] = [],
        change: StateChange<Machine>? = nil, base: LogBase? = nil
    ) {
        self.sequence = sequence
        self.hardState = hardState
        self.installation = installation
        self.entries = entries
        self.change = change
        self.base = base
    }
}

/// A snapshot to be installed.
public struct Installation<Machine: StateMachine>: Sendable {
    /// Becomes the base of the log. The applied index becomes `base.mark.index`.
    public var base: LogBase
    /// The whole state after that entry; replaces what is stored.
    public var image: Machine.Image
    /// `true`: the log holds the very entry that `base` names, keep the entries after it (they may
    /// be needed by the quorum). `false`: delete the whole log.
    public var keepsTail: Bool

    public init(base: LogBase, image: Machine.Image, keepsTail: Bool) {
        self.base = base
        self.image = image
        self.keepsTail = keepsTail
    }
}

/// What applying entries has changed, to be stored with the index up to which they were applied.
public struct StateChange<Machine: StateMachine>: Sendable {
    /// The last applied entry.
    public var applied: LogMark
    public var delta: Machine.Delta

    public init(applied: LogMark, delta: Machine.Delta) {
        self.applied = applied
        self.delta = delta
    }
}

/// What storage holds when a member starts.
public struct RecoveredState<Machine: StateMachine>: Sendable {
    public var hardState: HardState
    public var base: LogBase
    /// The last applied entry that is stored; `base.mark` or later.
    public var applied: LogMark
    /// The state after `applied`; `nil` only when nothing was ever applied (`applied.index` is
    /// zero).
    public var image: Machine.Image?
    /// The terms of all entries after `base`, in ascending order; empty when the log is empty.
    public var termRuns: [TermRun]
    /// The last entry; `base.mark.index` when the log is empty.
    public var lastIndex: Index
    /// All entries of kind `configuration` after `base`, in ascending order.
    public var configurations: [Entry]
    /// All entries after `applied`, in ascending order. They are few: a member does not put off for long storing what it has
    /// applied (``DriverLimits/changeEntries``), and a leader bounds what it leaves uncommitted.
    public var tail: [Entry]
    /// The highest time stamped on any entry, the base included.
    public var lastTime: UInt64
    /// What this member has promised to others, when that is more than storage holds: the member then catches up
    /// before it votes or counts. `nil` when the promises are kept.
    public var floor: LogMark?
    /// From which entry on the state is known to be wrong; `nil`: nothing is known against it.
    public var stateWrongFrom: Index?
    /// How much room there is; `nil` where storage does not watch it.
    public var space: StorageSpace?

    public init(
        hardState: HardState, base: LogBase, applied: LogMark, image: Machine.Image?,
        termRuns: [TermRun], lastIndex: Index, configurations: [Entry], tail: [Entry],
        lastTime: UInt64
    ) {
        self.hardState = hardState
        self.base = base
        self.applied = applied
        self.image = image
        self.termRuns = termRuns
        self.lastIndex = lastIndex
        self.configurations = configurations
        self.tail = tail
        self.lastTime = lastTime
    }

    /// The last entry that is known to be committed: the last whose effect is stored, or a later one that whoever proposed an entry
    /// behind it had applied. That entry is in this log, and so is all that its proposer had before it.
    public var knownCommit: LogMark {
        // Nobody has applied what is only being proposed, whatever the entry says.
        let told =
            tail.compactMap { entry in
                Machine.proposerState(in: entry).map { min($0.index, entry.index.previous) }
            }.max() ?? .zero
        guard told > applied.index else { return applied }
        return tail.last { $0.index <= told }?.mark ?? applied
    }

    /// Storage that has never been written to.
    public static var blank: RecoveredState {
        RecoveredState(
            hardState: .initial, base: .empty, applied: .zero, image: nil, termRuns: [],
            lastIndex: .zero, configurations: [], tail: [], lastTime: 0)
    }
}

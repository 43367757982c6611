package import Consensus

// What is written when there is no room (docs/decisions/0030).
extension SQLiteLog {
    /// What this value knows of the file, and would be wrong about after a transaction that was rolled back.
    private struct Memory {
        var history: HistoryTable
        var base: StoredBase
        var last: (mark: LogMark, chain: UInt64)
        var hardState: HardState
        var stateHash: UInt64?
        var applied: LogMark
        var stateGeneration: Generation
        var writes: UInt64
        var cuts: UInt64
        var owed: LogMark?
        var lowered: (mark: LogMark, chain: UInt64)?
    }

    private var memory: Memory {
        get {
            Memory(
                history: history, base: base, last: last, hardState: hardState,
                stateHash: stateHash, applied: applied, stateGeneration: stateGeneration,
                writes: writes, cuts: cuts, owed: owed, lowered: lowered)
        }
        set {
            history = newValue.history
            base = newValue.base
            last = newValue.last
            hardState = newValue.hardState
            stateHash = newValue.stateHash
            applied = newValue.applied
            stateGeneration = newValue.stateGeneration
            writes = newValue.writes
            cuts = newValue.cuts
            owed = newValue.owed
            lowered = newValue.lowered
        }
    }

    /// Runs `body`, which changes the file as a whole or not at all; where there is no room for that, once more with the
    /// reserve. Want of room is found out while frames are written, before the flush: nothing has been promised yet, and no
    /// flush has failed.
    func sparing(_ body: () throws(DatabaseError) -> Void) throws(DatabaseError) {
        let before = memory
        do {
            try body()
        } catch {
            memory = before
            guard error.kind == .full, let space, space.release() else { throw error }
            try body()
        }
    }

    package func space(looks: Bool) -> StorageSpace? { space?.report(looks: looks) }
}

extension WriteBatch {
    /// What it takes on the disk, roughly: a few pages, and what it brings. Of a state only the disk itself can tell.
    var roughBytes: Int {
        if installation != nil { return 1 << 30 }
        return entries.reduce(8_192) { $0 + $1.byteCount }
    }
}

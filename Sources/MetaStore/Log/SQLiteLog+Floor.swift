import Base
import Consensus

// What this member has promised, beside what it holds (docs/decisions/0023).
extension SQLiteLog {
    /// Holds what was stored against what was promised, and begins to keep a floor where there was none.
    func compare(
        with promised: DurableFloor?, _ chain: UInt64?,
        _ recovered: inout RecoveredState<Catalog>
    ) throws(DatabaseError) {
        guard let floor else { return }
        guard let promised else {
            if try hasFloorNote { throw DatabaseError(floorMissingBeside: database.path) }
            // First the floor, then the word that there is one: a file of an older build has none.
            try writeFloor()
            try floor.flush()
            return try noteFloor()
        }
        guard promised.member == member else {
            throw contradiction("the floor beside it is that of member \(promised.member)")
        }
        let isBlank = hardState == .initial && base.base == .empty && last.mark == .zero
        if promised.hardState.generation != hardState.generation, !isBlank {
            guard promised.hardState.generation < hardState.generation else {
                throw DatabaseError(
                    kind: .corrupt, code: 0,
                    message:
                        "\(database.path) is of generation \(hardState.generation), and this member has "
                        + "been in \(promised.hardState.generation): an old copy")
            }
            return try writeFloor()
        }
        // The floor has term and vote first; the transaction that was to follow may be missing.
        if promised.hardState.term >= hardState.term, promised.hardState != hardState {
            hardState = promised.hardState
            try database.transaction { () throws(DatabaseError) in
                try Self.store(.hardState, hardState.document, in: database)
            }
        }
        recovered.hardState = hardState
        // Or it is the floor's newest word that a power loss has taken, and the transaction is there.
        let lacksTerm = promised.hardState != hardState
        if !last.mark.isUpToDate(with: promised.last) {
            owed = promised.last
            recovered.floor = promised.last
            try writeFloor()
            if lacksTerm { try floor.flush() }
        } else if let chain, promised.chain != 0, chain != promised.chain {
            throw damaged("log", promised.last.index, "is not the one that was confirmed")
        } else if last.mark != promised.last || lacksTerm {
            try writeFloor()
            try floor.flush()
        }
        if try !hasFloorNote { try noteFloor() }
    }

    private var hasFloorNote: Bool {
        get throws(DatabaseError) {
            try Self.read(.floorNote, from: database) { bytes throws(DecodingFailure) in
                bytes.count
            } != nil
        }
    }

    private func noteFloor() throws(DatabaseError) {
        try database.transaction { () throws(DatabaseError) in
            try Self.store(.floorNote, [documentFormat], in: database)
        }
    }

    /// Notes what is promised from now on: what is stored or, as long as that is less, what was promised before.
    private func writeFloor(chainWillChange: Bool = false) throws(DatabaseError) {
        if let owed, last.mark.isUpToDate(with: owed) { self.owed = nil }
        // After a snapshot the chain begins anew, so that of what is owed cannot be compared.
        let (mark, chain) = owed.map { ($0, 0) } ?? lowered ?? last
        try floor?.write(
            DurableFloor(
                member: member, hardState: hardState, last: mark,
                chain: chainWillChange ? 0 : chain))
    }

    // MARK: Writing

    /// Term and vote are in the floor before anybody hears of them; their flush runs beside the transaction's. Should only one
    /// of both happen, the member has given its vote to somebody who never heard of it, which harms nobody. With another
    /// generation that would be otherwise, so the floor follows it.
    func beginPromise(_ batch: WriteBatch<Catalog>) throws(DatabaseError) -> Bool {
        guard let floor else { return false }
        lowered = try whatStays(of: batch)
        var hasTerm = false
        if let hardState = batch.hardState, hardState.generation == self.hardState.generation {
            self.hardState = hardState
            hasTerm = true
        }
        guard hasTerm || lowered != nil || batch.installation != nil else { return false }
        try writeFloor(chainWillChange: batch.installation != nil)
        if lowered != nil { try floor.flush() } else if hasTerm { floor.beginFlush() }
        return hasTerm
    }

    /// What of the promise is left when a leader of a later term replaces the end of the log: the rest is void, and the log will
    /// not have it. The floor says so first; else a power loss behind the transaction, of many members at once, would leave
    /// them all below it.
    private func whatStays(
        of batch: WriteBatch<Catalog>
    ) throws(DatabaseError) -> (mark: LogMark, chain: UInt64)? {
        if let installation = batch.installation {
            let isLower = !installation.base.mark.isUpToDate(with: last.mark)
            return !installation.keepsTail && isLower ? (installation.base.mark, 0) : nil
        }
        guard let first = batch.entries.first, first.index <= last.mark.index else { return nil }
        return try end(at: first.index.previous)
    }

    /// What the transaction has made durable is promised from here on.
    func keepPromise(_ batch: WriteBatch<Catalog>, wasBegun: Bool) throws(DatabaseError) {
        guard let floor else { return }
        lowered = nil
        // Waits for the flush that has run beside the transaction.
        if wasBegun { try floor.flush() }
        // It survives this process when it is written, and the power a moment later; a new generation, and what others had to
        // recall, at once.
        try writeFloor()
        if !wasBegun && batch.hardState != nil || batch.floor != nil {
            try floor.flush()
        } else {
            floor.flushSoon()
        }
    }
}

import Base
import Cluster
package import Consensus

/// One batch, one transaction: entries, hard state, rows of the state, the base.
extension SQLiteLog {
    package func write(_ batch: WriteBatch<Catalog>) throws {
        if let checkpointFailure { throw checkpointFailure }
        var isPromised = false
        try sparing { () throws(DatabaseError) in
            isPromised = try beginPromise(batch)
            try store(batch)
        }
        if let hardState = batch.hardState {
            if hardState.generation != self.hardState.generation { owed = nil }
            self.hardState = hardState
        }
        if let mark = batch.floor { owed = mark }
        try sparing { () throws(DatabaseError) in
            try keepPromise(batch, wasBegun: isPromised)
        }
        space?.wrote(batch.roughBytes)
        hasWrittenChange = batch.change != nil
    }

    /// Folds the write-ahead file into the database when it has become long.
    ///
    /// Soon behind rows of the state, best: voters write those in turns (decision 0035), so that while one is busy with its checkpoint the others
    /// commit. A file that has no room for it stays as it is, and what comes next tries again; a failure of the disk ends the member
    /// with its next write.
    package func tidy() {
        let pagesMax = Database.logPagesMax
        guard database.logPages >= (hasWrittenChange ? pagesMax * 3 / 4 : pagesMax) else { return }
        do {
            try database.checkpoint()
        } catch  where error.kind == .full {
            return
        } catch {
            checkpointFailure = error
        }
    }

    private func store(_ batch: WriteBatch<Catalog>) throws(DatabaseError) {
        let hardState = batch.hardState ?? self.hardState
        try database.transaction { () throws(DatabaseError) in
            if let hardState = batch.hardState {
                try Self.store(.hardState, hardState.document, in: database)
                // From now on it does not tell any more to which generation the stored state belongs.
                if hardState.origin != self.hardState.origin {
                    try store(applied: applied, hardState)
                }
            }
            if let installation = batch.installation { try install(installation, hardState) }
            try append(batch.entries)
            if let change = batch.change {
                try apply(change.delta.lastRows)
                try history.append(change.delta.history, to: database)
                if let hash = change.delta.stateHash { stateHash = hash }
                if let generation = change.delta.generation { stateGeneration = generation }
                try store(applied: change.applied, hardState)
            }
            if let newBase = batch.base { try compact(to: newBase) }
            if let index = batch.stateWrongFrom { try store(wrongFrom: index) }
        }
    }

    func append(_ entries: [Entry]) throws(DatabaseError) {
        guard let first = entries.first else { return }
        if first.index <= last.mark.index { try truncate(from: first.index) }
        let insert = try database.prepare(
            """
            INSERT INTO log(idx, term, time, kind, payload, checksum, chain)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
            """)
        for entry in entries {
            guard entry.index == last.mark.index.next else {
                throw damaged("log", entry.index, "would leave a gap after \(last.mark.index)")
            }
            let row = EntryRow(entry, after: last.chain)
            insert.bind(1, entry.index.rawValue)
            insert.bind(2, entry.term.rawValue)
            insert.bind(3, entry.time)
            insert.bind(4, Int64(entry.kind.rawValue))
            insert.bind(5, entry.payload)
            insert.bind(6, row.checksum)
            insert.bind(7, row.chain)
            try insert.run()
            last = (entry.mark, row.chain)
        }
    }

    private func truncate(from index: Index) throws(DatabaseError) {
        let delete = try database.prepare("DELETE FROM log WHERE idx >= ?1")
        delete.bind(1, index.rawValue)
        try delete.run()
        last = try end(at: index.previous)
        cuts &+= 1
    }

    private func chain(at index: Index) throws(DatabaseError) -> UInt64 { try end(at: index).chain }

    /// The entry at this place, and the chain up to it.
    func end(at index: Index) throws(DatabaseError) -> (mark: LogMark, chain: UInt64) {
        if index == base.base.mark.index { return (base.base.mark, base.chain) }
        let select = try database.prepare("SELECT term, chain FROM log WHERE idx = ?1")
        select.bind(1, index.rawValue)
        guard let (term, chain) = try select.first({ ($0.uint64(0), $0.uint64(1)) }) else {
            throw damaged("log", index, "is missing")
        }
        return (LogMark(index: index, term: Term(term)), chain)
    }

    /// The chain up to an entry that may be held here, as when a member writes anew what it has: should that be lost again, what
    /// was there before is still what the floor knows. Before a received snapshot it is not known, and begins anew with zero.
    private func knownChain(to mark: LogMark) -> UInt64 {
        // A row that cannot be read is no obstacle: it is just what is being replaced.
        guard let held = try? end(at: mark.index), held.mark == mark else { return 0 }
        return held.chain
    }

    /// Puts a state in the place of the stored one, at the same entry.
    func replaceState(by state: ClusterState, at applied: LogMark) throws(DatabaseError) {
        try database.transaction { () throws(DatabaseError) in
            try store(rowsOf: state)
            try store(applied: applied, hardState)
        }
    }

    private func store(rowsOf state: ClusterState) throws(DatabaseError) {
        try database.run("DELETE FROM state")
        try store(wrongFrom: .zero)
        try apply(
            state.rows.map {
                StateRow.Change(kind: $0.kind, key: $0.key, value: $0.value)
            })
        stateHash = state.hash
        stateGeneration = state.generation
    }

    /// Zero: nothing is known against the state.
    private func store(wrongFrom index: Index) throws(DatabaseError) {
        if index > .zero {
            return try Self.store(.wrongState, index.document, in: database)
        }
        let delete = try database.prepare("DELETE FROM document WHERE kind = ?1")
        delete.bind(1, Document.wrongState.rawValue)
        try delete.run()
    }

    private func install(
        _ installation: Installation<Catalog>, _ hardState: HardState
    ) throws(DatabaseError) {
        let index = installation.base.mark.index
        let chain =
            installation.keepsTail ? try chain(at: index) : knownChain(to: installation.base.mark)
        if !installation.keepsTail {
            try database.run("DELETE FROM log")
            last = (installation.base.mark, chain)
            cuts &+= 1
        }
        // What is older stays, with a gap behind it; what is newer belongs to a history that did not happen.
        try history.restart(at: index.rawValue, in: database)
        try store(rowsOf: installation.image)
        try store(applied: installation.base.mark, hardState)
        try setBase(StoredBase(base: installation.base, chain: chain))
    }

    private func compact(to newBase: LogBase) throws(DatabaseError) {
        // A founding sets the base of an empty log; there is no entry to take the chain from.
        let index = newBase.mark.index
        try setBase(StoredBase(base: newBase, chain: index == .zero ? 0 : try chain(at: index)))
        if last.mark.index < index { last = (newBase.mark, base.chain) }
    }

    func setBase(_ newBase: StoredBase) throws(DatabaseError) {
        let delete = try database.prepare("DELETE FROM log WHERE idx <= ?1")
        delete.bind(1, newBase.base.mark.index.rawValue)
        try delete.run()
        try Self.store(.base, newBase.document, in: database)
        base = newBase
    }

    private func apply(_ changes: [StateRow.Change]) throws(DatabaseError) {
        let put = try database.prepare(
            "INSERT OR REPLACE INTO state(kind, key, value, checksum) VALUES(?1, ?2, ?3, ?4)")
        let delete = try database.prepare("DELETE FROM state WHERE kind = ?1 AND key = ?2")
        for change in changes {
            if let value = change.value {
                put.bind(1, Int64(change.kind.rawValue))
                put.bind(2, change.key)
                put.bind(3, value)
                put.bind(4, StateRow(kind: change.kind, key: change.key, value: value).hash)
                try put.run()
            } else {
                delete.bind(1, Int64(change.kind.rawValue))
                delete.bind(2, change.key)
                try delete.run()
            }
        }
    }

    private func store(applied: LogMark, _ hardState: HardState) throws(DatabaseError) {
        self.applied = applied
        let stored = StoredApplied(
            mark: applied, stateHash: stateHash,
            generation: hardState.origin == nil ? nil : stateGeneration)
        try Self.store(.applied, stored.document, in: database)
        writes &+= 1
    }
}

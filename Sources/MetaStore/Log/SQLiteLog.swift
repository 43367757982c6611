import Base
package import Cluster
package import Consensus

/// The log, the hard state and the state rows of one replica, in one SQLite file.
///
/// A batch is one transaction, whatever it holds, so after any crash the parts agree. Every row has a checksum
/// that is verified when it is read; a row that fails, a gap or an unknown format stops the replica with a
/// message that names it. Nothing is skipped and nothing is guessed.
///
/// Used by one thread at a time, as ``Consensus/LogStorage`` demands.
package final class SQLiteLog: LogStorage, @unchecked Sendable {
    // Safety: the driver calls from its storage thread only, and holds a lock around each call.
    package typealias Machine = Catalog

    /// The file's name inside a proxy's data directory.
    package static let fileName = "metadata.db"

    /// The replica's own name; drawn when the file was made.
    package let member: MemberID
    let database: Database
    private var history: HistoryTable
    var base = StoredBase(base: .empty, chain: 0)
    /// The last stored entry and the chain up to it.
    var last: (index: Index, chain: UInt64) = (.zero, 0)

    /// Opens the file, or makes it.
    ///
    /// - Parameters:
    ///   - path: where the file is; its directory must exist.
    ///   - newMember: the replica's name, should the file be made now.
    ///   - vfs: SQLite's name of a file system other than the operating system's.
    ///   - historyLimits: how much of the history is kept.
    /// - Throws: ``DatabaseError`` when the file cannot be opened, is locked, foreign, newer or damaged.
    package init(
        path: String, newMember: @autoclosure () -> MemberID, vfs: String? = nil,
        historyLimits: HistoryLimits = HistoryLimits()
    ) throws(DatabaseError) {
        database = try Database(path: path, vfs: vfs)
        history = try HistoryTable(database, limits: historyLimits)
        if let member = try Self.read(.member, from: database, MemberID.init(document:)) {
            self.member = member
        } else {
            let member = newMember()
            self.member = member
            let database = database
            try database.transaction { () throws(DatabaseError) in
                try Self.store(.member, member.document, in: database)
            }
        }
    }

    /// Opens a file that nobody writes any more; nothing in it is changed, and `write` fails.
    ///
    /// - Throws: ``DatabaseError`` when there is no such file, or it is none of ours.
    package init(readingOnly path: String) throws(DatabaseError) {
        database = try Database(path: path, isReadOnly: true)
        history = try HistoryTable(database, limits: HistoryLimits())
        guard let member = try Self.read(.member, from: database, MemberID.init(document:)) else {
            throw DatabaseError(kind: .foreign, code: 0, message: "\(path) is nobody's log")
        }
        self.member = member
    }

    // MARK: Reading

    /// The generation of a log, and its last entry.
    static func end(of database: Database) throws(DatabaseError) -> (Generation, Index) {
        let hardState = try read(.hardState, from: database, HardState.init(document:))
        let base = try read(.base, from: database, StoredBase.init(document:))
        let last = try database.prepare("SELECT max(idx) FROM log").first { $0.uint64(0) } ?? 0
        return (
            hardState?.generation ?? .none, max(Index(last), base?.base.mark.index ?? .zero)
        )
    }

    package func load() throws -> RecoveredState<Catalog> {
        let hardState =
            try Self.read(.hardState, from: database, HardState.init(document:)) ?? .initial
        base =
            try Self.read(.base, from: database, StoredBase.init(document:))
            ?? StoredBase(base: .empty, chain: 0)
        let applied =
            try Self.read(.applied, from: database, LogMark.init(document:)) ?? base.base.mark
        var recovered = RecoveredState<Catalog>(
            hardState: hardState, base: base.base, applied: applied,
            image: try loadState(hardState.generation(at: applied.index), applied), termRuns: [],
            lastIndex: base.base.mark.index, configurations: [], tail: [], lastTime: base.base.time)
        last = (base.base.mark.index, base.chain)
        try forEachEntry(from: base.base.mark.index.next) { row throws(DatabaseError) in
            let entry = row.entry
            guard entry.index == last.index.next else {
                throw damaged("log", entry.index, "follows entry \(last.index): there is a gap")
            }
            let expected = EntryRow(entry, after: last.chain)
            guard expected.chain == row.chain else {
                throw damaged("log", entry.index, "breaks the hash chain")
            }
            if recovered.termRuns.last?.term != entry.term {
                recovered.termRuns.append(TermRun(first: entry.index, term: entry.term))
            }
            if entry.kind == .configuration { recovered.configurations.append(entry) }
            if entry.index > applied.index { recovered.tail.append(entry) }
            recovered.lastIndex = entry.index
            recovered.lastTime = max(recovered.lastTime, entry.time)
            last = (entry.index, row.chain)
        }
        return recovered
    }

    package func entries(
        from first: Index, through last: Index, maxBytes: Int
    ) throws -> [Entry] {
        var entries: [Entry] = []
        var bytes = 0
        let statement = try database.prepare(
            """
            SELECT idx, term, time, kind, payload, checksum, chain FROM log
            WHERE idx >= ?1 AND idx <= ?2 ORDER BY idx LIMIT ?3
            """)
        // A row counts for 48 bytes at least, so no more than this many can fit.
        statement.bind(1, first.rawValue)
        statement.bind(2, last.rawValue)
        statement.bind(3, Int64(maxBytes / 48 + 1))
        try statement.rows { statement throws(DatabaseError) in
            let entry = try row(statement).entry
            let expected = first.advanced(by: entries.count)
            guard entry.index == expected else {
                throw damaged("log", entry.index, "was read where \(expected) was expected")
            }
            bytes += entry.byteCount
            guard bytes <= maxBytes || entries.isEmpty else { return false }
            entries.append(entry)
            return true
        }
        guard !entries.isEmpty else { throw damaged("log", first, "is missing") }
        return entries
    }

    /// A page of the history, newest entries first (``HistoryTable/page(before:about:count:in:)``).
    package func history(
        before: UInt64, about subjects: HistoryEntry.Subjects, count: Int
    ) throws(DatabaseError) -> HistoryPage {
        try withPlace(
            history.page(before: before, about: subjects, count: count, in: database))
    }

    /// The same behind an index, oldest entries first.
    package func history(
        after: UInt64, about subjects: HistoryEntry.Subjects, count: Int
    ) throws(DatabaseError) -> HistoryPage {
        try withPlace(history.page(after: after, about: subjects, count: count, in: database))
    }

    private func withPlace(_ page: HistoryPage) throws(DatabaseError) -> HistoryPage {
        var page = page
        let applied = try Self.read(.applied, from: database, LogMark.init(document:))
        page.applied = (applied ?? base.base.mark).index.rawValue
        return page
    }

    /// Where the stored log begins and ends, and which terms it is made of; without reading the entries.
    package func outline() throws(DatabaseError) -> LogOutline {
        var runs: [TermRun] = []
        try database.prepare("SELECT min(idx), term FROM log GROUP BY term ORDER BY 1")
            .eachRow { row throws(DatabaseError) in
                runs.append(TermRun(first: Index(row.uint64(0)), term: Term(row.uint64(1))))
            }
        return LogOutline(
            base: base.base.mark, runs: runs,
            last: LogMark(index: last.index, term: runs.last?.term ?? base.base.mark.term),
            chain: last.chain)
    }

    private func loadState(
        _ generation: Generation, _ applied: LogMark
    ) throws -> ClusterState? {
        guard applied.index > .zero else { return nil }
        var rows: [StateRow] = []
        try database.prepare("SELECT kind, key, value, checksum FROM state ORDER BY kind, key")
            .eachRow { statement throws(DatabaseError) in
                guard let kind = UInt8(exactly: statement.int64(0)).flatMap(StateRow.Kind.init)
                else { throw damaged("state", applied.index, "holds a row of unknown kind") }
                let row = StateRow(kind: kind, key: statement.bytes(1), value: statement.bytes(2))
                guard row.hash == statement.uint64(3) else {
                    throw damaged("state", applied.index, "holds a row whose checksum differs")
                }
                rows.append(row)
            }
        // Before the founding command the state has no generation of its own.
        let isFounded = !rows.isEmpty
        return try ClusterState(
            rows: rows,
            position: LogPosition(
                generation: isFounded ? generation.counter : 0,
                nonce: isFounded ? generation.nonce : 0, term: applied.term.rawValue,
                index: applied.index.rawValue))
    }

    private func forEachEntry(
        from first: Index, _ body: (EntryRow) throws(DatabaseError) -> Void
    ) throws(DatabaseError) {
        let statement = try database.prepare(
            """
            SELECT idx, term, time, kind, payload, checksum, chain FROM log
            WHERE idx >= ?1 ORDER BY idx
            """)
        statement.bind(1, first.rawValue)
        try statement.eachRow { statement throws(DatabaseError) in try body(try row(statement)) }
    }

    func row(_ statement: Statement) throws(DatabaseError) -> EntryRow {
        let index = Index(statement.uint64(0))
        guard let kind = UInt8(exactly: statement.int64(3)).flatMap(Entry.Kind.init) else {
            throw damaged("log", index, "has an unknown kind")
        }
        let entry = Entry(
            index: index, term: Term(statement.uint64(1)), time: statement.uint64(2), kind: kind,
            payload: statement.bytes(4))
        let checksum = statement.uint64(5)
        guard EntryRow.checksum(of: entry) == checksum else {
            throw damaged("log", index, "has a checksum that differs")
        }
        return EntryRow(entry: entry, checksum: checksum, chain: statement.uint64(6))
    }

    func damaged(_ table: String, _ index: Index, _ what: String) -> DatabaseError {
        DatabaseError(
            kind: .corrupt, code: 0, message: "\(database.path): \(table) entry \(index) \(what)")
    }

    // MARK: Writing

    package func write(_ batch: WriteBatch<Catalog>) throws {
        try database.transaction { () throws(DatabaseError) in
            if let hardState = batch.hardState {
                try Self.store(.hardState, hardState.document, in: database)
            }
            if let installation = batch.installation { try install(installation) }
            try append(batch.entries)
            if let change = batch.change {
                try apply(change.delta.rows)
                try history.append(change.delta.history, to: database)
                try Self.store(.applied, change.applied.document, in: database)
            }
            if let newBase = batch.base { try compact(to: newBase) }
        }
    }

    func append(_ entries: [Entry]) throws(DatabaseError) {
        guard let first = entries.first else { return }
        if first.index <= last.index { try truncate(from: first.index) }
        let insert = try database.prepare(
            """
            INSERT INTO log(idx, term, time, kind, payload, checksum, chain)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
            """)
        for entry in entries {
            guard entry.index == last.index.next else {
                throw damaged("log", entry.index, "would leave a gap after \(last.index)")
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
            last = (entry.index, row.chain)
        }
    }

    private func truncate(from index: Index) throws(DatabaseError) {
        let delete = try database.prepare("DELETE FROM log WHERE idx >= ?1")
        delete.bind(1, index.rawValue)
        try delete.run()
        last = (index.previous, try chain(at: index.previous))
    }

    private func chain(at index: Index) throws(DatabaseError) -> UInt64 {
        if index == base.base.mark.index { return base.chain }
        let select = try database.prepare("SELECT chain FROM log WHERE idx = ?1")
        select.bind(1, index.rawValue)
        guard let chain = try select.first({ $0.uint64(0) }) else {
            throw damaged("log", index, "is missing")
        }
        return chain
    }

    private func install(_ installation: Installation<Catalog>) throws(DatabaseError) {
        let index = installation.base.mark.index
        // The chain before a received snapshot is not known here; it begins anew.
        let chain = installation.keepsTail ? try chain(at: index) : 0
        if !installation.keepsTail {
            try database.run("DELETE FROM log")
            last = (index, chain)
        }
        // What is older stays, with a gap behind it; what is newer belongs to a history that did not happen.
        try history.restart(at: index.rawValue, in: database)
        try database.run("DELETE FROM state")
        try apply(
            installation.image.rows.map {
                StateRow.Change(kind: $0.kind, key: $0.key, value: $0.value)
            })
        try Self.store(.applied, installation.base.mark.document, in: database)
        try setBase(StoredBase(base: installation.base, chain: chain))
    }

    private func compact(to newBase: LogBase) throws(DatabaseError) {
        // A founding sets the base of an empty log; there is no entry to take the chain from.
        let index = newBase.mark.index
        try setBase(StoredBase(base: newBase, chain: index == .zero ? 0 : try chain(at: index)))
        if last.index < index { last = (index, base.chain) }
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

    // MARK: Documents

    static func store(
        _ document: Document, _ bytes: [UInt8], in database: Database
    ) throws(DatabaseError) {
        let put = try database.prepare(
            "INSERT OR REPLACE INTO document(kind, bytes, checksum) VALUES(?1, ?2, ?3)")
        put.bind(1, document.rawValue)
        put.bind(2, bytes)
        put.bind(3, XXH64.digest(bytes, seed: UInt64(document.rawValue)))
        try put.run()
    }

    static func read<Value>(
        _ document: Document, from database: Database,
        _ decode: ([UInt8]) throws(DecodingFailure) -> Value
    ) throws(DatabaseError) -> Value? {
        let select = try database.prepare("SELECT bytes, checksum FROM document WHERE kind = ?1")
        select.bind(1, document.rawValue)
        guard let (bytes, checksum) = try select.first({ ($0.bytes(0), $0.uint64(1)) }) else {
            return nil
        }
        guard XXH64.digest(bytes, seed: UInt64(document.rawValue)) == checksum else {
            throw DatabaseError(
                kind: .corrupt, code: 0,
                message: "\(database.path): the checksum of \(document) differs")
        }
        do {
            return try decode(bytes)
        } catch {
            throw DatabaseError(
                kind: .corrupt, code: 0, message: "\(database.path): \(document): \(error)")
        }
    }
}

extension EntryRow {
    init(entry: Entry, checksum: UInt64, chain: UInt64) {
        self.entry = entry
        self.checksum = checksum
        self.chain = chain
    }
}

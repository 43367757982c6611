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
    var history: HistoryTable
    var base = StoredBase(base: .empty, chain: 0)
    /// The last stored entry and the chain up to it.
    var last: (mark: LogMark, chain: UInt64) = (.zero, 0)
    var hardState = HardState.initial
    /// The hash of the stored state; `nil` while only an older build has written it.
    var stateHash: UInt64?
    /// The last entry whose effect the stored state has, and the state's generation.
    var applied = LogMark.zero
    var stateGeneration = Generation.none
    /// Counts changes of the stored state.
    var writes: UInt64 = 0
    /// Counts how often entries were replaced or removed that were not the first.
    var cuts: UInt64 = 0
    let floor: FloorKeeper?
    let space: SpaceKeeper?
    /// Whether the last batch had rows of the state in it.
    var hasWrittenChange = false
    /// Why the last checkpoint failed, where that was not for want of room.
    var checkpointFailure: DatabaseError?
    /// What was promised and the log lacks.
    var owed: LogMark?
    /// What is left of the promise during a transaction that takes the end of the log away.
    var lowered: (mark: LogMark, chain: UInt64)?

    /// Opens the file, or makes it.
    ///
    /// - Parameters:
    ///   - path: where the file is; its directory must exist.
    ///   - newMember: the replica's name, should the file be made now; `nil`: it is only looked at, and one that is nobody's yet, as
    ///     after a first start that was cut short, is refused and left so.
    ///   - floor: where the floor is kept; `nil`: nowhere, and a database that lost something is believed.
    ///   - space: what tells how much room there is, and keeps a reserve; `nil`: there is no end of room.
    ///   - vfs: SQLite's name of a file system other than the operating system's.
    ///   - historyLimits: how much of the history is kept.
    ///   - spaceLimits: how much room there is to be.
    /// - Throws: ``DatabaseError`` when the file cannot be opened, is locked, foreign, newer or damaged.
    package init(
        path: String, newMember: @autoclosure () -> MemberID?,
        floor: (any FloorMedium)? = nil, space: (any SpaceMedium)? = nil, vfs: String? = nil,
        historyLimits: HistoryLimits = HistoryLimits(), spaceLimits: SpaceLimits = SpaceLimits()
    ) throws(DatabaseError) {
        database = try Database(path: path, vfs: vfs)
        if let floor { self.floor = try FloorKeeper(floor) } else { self.floor = nil }
        self.space = space.map { SpaceKeeper($0, spaceLimits) }
        history = try HistoryTable(database, limits: historyLimits)
        if let member = try Self.read(.member, from: database, MemberID.init(document:)) {
            self.member = member
        } else {
            // Who has lost the database is still who made the promises.
            guard let member = self.floor?.floor?.member ?? newMember() else {
                throw DatabaseError(
                    kind: .foreign, code: 0, message: "\(path) is nobody's log yet: it has nothing")
            }
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
        floor = nil
        space = nil
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
        hardState =
            try Self.read(.hardState, from: database, HardState.init(document:)) ?? .initial
        base =
            try Self.read(.base, from: database, StoredBase.init(document:))
            ?? StoredBase(base: .empty, chain: 0)
        let stored = try Self.read(.applied, from: database, StoredApplied.init(document:))
        noteState(stored, after: base.base.mark)
        var recovered = RecoveredState<Catalog>(
            hardState: hardState, base: base.base, applied: applied,
            image: try loadState(), termRuns: [],
            lastIndex: base.base.mark.index, configurations: [], tail: [], lastTime: base.base.time)
        last = (base.base.mark, base.chain)
        let promised = floor?.floor
        var chainAtPromise: UInt64?
        try forEachEntry(from: base.base.mark.index.next) { row throws(DatabaseError) in
            let entry = row.entry
            guard entry.index == last.mark.index.next else {
                let gap = "follows entry \(last.mark.index): there is a gap"
                // Behind the base, parts do not belong together; further on, a row is lost.
                guard last.mark.index > base.base.mark.index else {
                    throw contradiction("log entry \(entry.index) \(gap)")
                }
                throw damaged("log", entry.index, gap)
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
            last = (entry.mark, row.chain)
            if entry.mark == promised?.last { chainAtPromise = row.chain }
        }
        try compare(with: promised, chainAtPromise, &recovered)
        recovered.stateWrongFrom = try Self.read(
            .wrongState, from: database, Index.init(document:))
        recovered.space = space?.space
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
        let applied = try Self.read(.applied, from: database, StoredApplied.init(document:))
        page.applied = (applied?.mark ?? base.base.mark).index.rawValue
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
            last: last.mark,
            chain: last.chain)
    }

    /// What is known of the stored state without reading it.
    func noteState(_ stored: StoredApplied?, after base: LogMark) {
        applied = stored?.mark ?? base
        stateHash = stored?.stateHash
        stateGeneration = stored?.generation ?? hardState.generation(at: applied.index)
    }

    func loadState() throws -> ClusterState? {
        guard applied.index > .zero else { return nil }
        var rows: [StateRow] = []
        try database.prepare("SELECT kind, key, value, checksum FROM state ORDER BY kind, key")
            .eachRow { statement throws(DatabaseError) in
                rows.append(try stateRow(statement))
            }
        let hash = rows.reduce(0) { $0 &+ $1.hash }
        if let stateHash, hash != stateHash {
            throw DatabaseError(
                kind: .corrupt, code: 0,
                message:
                    "\(database.path): the rows of the state are not those of entry \(applied.index): their hash is "
                    + "\(Hex.padded(hash)), that of the state was \(Hex.padded(stateHash))")
        }
        // Before the founding command the state has no generation of its own.
        let isFounded = !rows.isEmpty
        return try ClusterState(
            rows: rows,
            position: LogPosition(
                generation: isFounded ? stateGeneration.counter : 0,
                nonce: isFounded ? stateGeneration.nonce : 0, term: applied.term.rawValue,
                index: applied.index.rawValue))
    }

    func stateRow(_ statement: Statement) throws(DatabaseError) -> StateRow {
        let code = UInt8(truncatingIfNeeded: statement.int64(0))
        let (key, value) = (statement.bytes(1), statement.bytes(2))
        guard StateRow.hash(code, key, value) == statement.uint64(3) else {
            throw DatabaseError(
                kind: .corrupt, code: 0,
                message:
                    "\(database.path): a state row of kind \(code), key \(Hex.text(key.prefix(32))), has a "
                    + "checksum that differs")
        }
        guard let kind = StateRow.Kind(rawValue: code) else {
            throw unknown("a state row has the unknown kind \(code)")
        }
        return StateRow(kind: kind, key: key, value: value)
    }

    func forEachEntry(
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
        let (term, time) = (Term(statement.uint64(1)), statement.uint64(2))
        let (code, payload) = (UInt8(truncatingIfNeeded: statement.int64(3)), statement.bytes(4))
        let checksum = statement.uint64(5)
        guard EntryRow.checksum(index, term, time, code, payload) == checksum else {
            throw damaged("log", index, "has a checksum that differs")
        }
        guard let kind = Entry.Kind(rawValue: code) else {
            throw unknown("log entry \(index) has an unknown kind")
        }
        let entry = Entry(index: index, term: term, time: time, kind: kind, payload: payload)
        return EntryRow(entry: entry, checksum: checksum, chain: statement.uint64(6))
    }

    func damaged(_ table: String, _ index: Index, _ what: String) -> DatabaseError {
        DatabaseError(
            kind: .corrupt, code: 0, message: "\(database.path): \(table) entry \(index) \(what)")
    }

    /// What is as it was written, and of a kind that is not known here.
    private func unknown(_ what: String) -> DatabaseError {
        DatabaseError(
            kind: .foreign, code: 0,
            message:
                "\(database.path): \(what), so that a later version has written it: upgrade this proxy"
        )
    }

    func contradiction(_ what: String) -> DatabaseError {
        DatabaseError(kind: .other, code: 0, message: "\(database.path): \(what)")
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

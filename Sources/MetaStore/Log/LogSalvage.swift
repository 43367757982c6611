import Base
package import Consensus

/// What is wrong with a log that cannot be gone on with, and what is left of it when it is cut where that begins.
package struct LogSalvage: Sendable {
    /// Why an entry is bad.
    package enum Trouble: String, Sendable {
        /// It is not what was written, or is missing.
        case damaged
        /// It is what was written, and this version cannot make anything of it.
        case unreadable
        /// The same, and a later version has written it, which therefore can.
        case newer
    }

    /// The entry from which on the log is given up when it is cut, and why. Where nothing is given up, because the effect of all that is
    /// damaged is stored: the first damaged one.
    package private(set) var firstBad: Index
    package private(set) var trouble: Trouble
    package private(set) var reason: String
    /// The last entry that is left.
    package internal(set) var kept = LogMark.zero
    /// Entries that are lost: how many rows there are, and those of them that can be read by themselves.
    package internal(set) var lostCount = 0
    package internal(set) var lost: [Entry] = []

    fileprivate init(firstBad: Index, _ trouble: Trouble, reason: String) {
        self.firstBad = firstBad
        self.trouble = trouble
        self.reason = reason
    }

    /// Something that comes first, or is the first that costs anything.
    fileprivate mutating func precede(by other: LogSalvage) {
        if firstBad < other.firstBad {
            reason = "\(other.reason); besides, \(reason)"
        } else {
            reason = other.reason
        }
        (firstBad, trouble) = (other.firstBad, other.trouble)
    }
}

extension SQLiteLog {
    /// Folds the write-ahead log of a database into its file, so that the file alone is all of it; fails while it is open.
    package static func fold(_ path: String) throws(DatabaseError) {
        try Database(path: path).leaveWAL()
    }

    /// What stands beside the entries, for those who repair: the base, and the last entry whose effect is stored. Hard state, hash and
    /// generation of the stored state are known from then on.
    func documents() throws(DatabaseError) -> (StoredBase, applied: LogMark) {
        let stored =
            try Self.read(.base, from: database, StoredBase.init(document:))
            ?? StoredBase(base: .empty, chain: 0)
        hardState =
            try Self.read(.hardState, from: database, HardState.init(document:)) ?? .initial
        noteState(
            try Self.read(.applied, from: database, StoredApplied.init(document:)),
            after: stored.base.mark)
        return (stored, applied)
    }

    /// Looks among the entries for damage, and for what cannot be read, and cuts the log there if that is asked for.
    ///
    /// Entries whose effect is stored are not needed any more: when the damage is among them, the log begins behind them, and
    /// nothing is lost. Behind it, each entry is applied to a copy of the state: where one cannot be, no proxy of this version has
    /// applied it or anything behind it, and so has acknowledged nothing of that. Nothing but entries is repaired: state rows and
    /// documents have to be whole.
    ///
    /// An entry that says who votes has no effect on the state, and whoever cuts says anew who votes. So where one cannot be read, what lies
    /// behind it is applied and kept: the log begins behind it, and nothing is lost.
    ///
    /// - Parameters:
    ///   - path: the database; nobody has it open.
    ///   - cuts: whether the log is cut.
    /// - Returns: `nil` when there is no bad entry.
    /// - Throws: when more than entries is damaged.
    package static func salvage(_ path: String, cuts: Bool) throws -> LogSalvage? {
        let log = try SQLiteLog(path: path, newMember: nil)
        let (stored, applied) = try log.documents()
        var catalog = Catalog()
        if let state = try log.loadState() {
            catalog.restore(state)
        }
        var walk = Walk(stored, applied)
        try log.forEachRow { row throws(DatabaseError) in walk.take(row) }
        walk.read(with: &catalog)
        guard var salvage = walk.found else { return nil }
        salvage.kept = walk.kept.last?.mark ?? walk.applied
        salvage.lostCount = walk.lostCount
        salvage.lost = walk.lost
        guard cuts else { return salvage }
        for change in walk.changes {
            try log.write(WriteBatch(sequence: .zero, change: change))
        }
        let base = LogBase(mark: walk.applied, time: walk.time, configuration: walk.configuration)
        let kept = walk.kept
        try log.database.transaction { () throws(DatabaseError) in
            try log.database.run("DELETE FROM log")
            log.last = (base.mark, 0)
            try log.setBase(StoredBase(base: base, chain: 0))
            // The history ends where the state does, and stays.
            try log.append(kept)
        }
        return salvage
    }

    /// Every row of the log in order.
    private func forEachRow(
        _ body: (Walk.Row) throws(DatabaseError) -> Void
    ) throws(DatabaseError) {
        try database.prepare(
            "SELECT idx, term, time, kind, payload, checksum, chain FROM log ORDER BY idx"
        ).eachRow { statement throws(DatabaseError) in
            var found = Walk.Row(
                index: Index(statement.uint64(0)), chain: statement.uint64(6), entry: nil)
            do throws(DatabaseError) {
                found.entry = try row(statement).entry
            } catch {
                found.reason = error.message
                // Of a kind that is not known, and with the checksum that belongs to it.
                found.isNewer = error.kind == .foreign
            }
            try body(found)
        }
    }
}

/// Goes over the rows of a log once, and sorts them into what is left and what is lost.
private struct Walk {
    struct Row {
        var index: Index
        var chain: UInt64
        /// `nil` when the row does not agree with its own checksum.
        var entry: Entry?
        var reason = ""
        var isNewer = false
    }

    private static let lostListedMax = 256

    /// The entry behind which the log begins when it is cut: the last whose effect is stored, or one behind that which cannot be read and
    /// has none.
    private(set) var applied: LogMark
    /// What has to be stored for that.
    private(set) var changes: [StateChange<Catalog>] = []
    private var previous: Row
    private(set) var found: LogSalvage?
    /// Entries behind the applied one, up to the first that cannot be trusted.
    private(set) var kept: [Entry] = []
    /// The entry that would be kept next.
    private var next: Index
    private var isPreviousSound = true
    private(set) var lostCount = 0
    private(set) var lost: [Entry] = []
    /// As far as the entries up to the applied one tell.
    private(set) var time: UInt64
    private(set) var configuration: Configuration

    init(_ stored: StoredBase, _ applied: LogMark) {
        self.applied = applied
        next = applied.index.next
        previous = Row(index: stored.base.mark.index, chain: stored.chain)
        time = stored.base.time
        configuration = stored.base.configuration
    }

    mutating func take(_ row: Row) {
        let isNext = row.index == previous.index.next
        let isLinked =
            row.entry.map { EntryRow($0, after: previous.chain).chain == row.chain } ?? false
        // The link to a row that is damaged, or missing, proves nothing.
        let isTorn = isNext && isPreviousSound && !isLinked
        let problem: String? =
            if row.entry == nil {
                row.reason
            } else if !isNext {
                "log entry \(row.index) follows entry \(previous.index): there is a gap"
            } else if isTorn {
                "log entry \(row.index) breaks the hash chain"
            } else {
                nil
            }
        if let problem, found == nil {
            found = LogSalvage(
                firstBad: row.index, row.isNewer ? .newer : .damaged, reason: problem)
        }
        if problem == nil, found == nil, row.index <= applied.index,
            let trouble = row.entry?.voterTrouble
        {
            found = Self.unreadable(row.index, trouble, trouble.isNewer)
        }
        if row.index <= applied.index {
            if let entry = row.entry {
                time = max(time, entry.time)
                configuration = entry.configuration ?? configuration
            }
        } else if let entry = row.entry, row.index == next, !isTorn {
            kept.append(entry)
            next = row.index.next
        } else {
            // Nothing behind it can follow.
            next = .zero
            lostCount += 1
            if let entry = row.entry, lost.count < Self.lostListedMax { lost.append(entry) }
        }
        previous = row
        isPreviousSound = problem == nil
    }

    private static func unreadable(
        _ index: Index, _ error: any Error, _ isNewer: Bool
    ) -> LogSalvage {
        LogSalvage(
            firstBad: index, isNewer ? .newer : .unreadable,
            reason: "log entry \(index) cannot be read by this version: \(error)")
    }

    /// Applies what would be kept, up to the first entry that cannot be.
    mutating func read(with catalog: inout Catalog) {
        var settled = 0
        defer {
            for entry in kept[..<settled] {
                time = max(time, entry.time)
                configuration = entry.configuration ?? configuration
            }
            kept.removeSubrange(..<settled)
        }
        for (place, entry) in kept.enumerated() {
            do {
                _ = try catalog.apply(entry)
                guard let trouble = entry.voterTrouble else { continue }
                // What costs something is named before what does not.
                if found == nil { found = Self.unreadable(entry.index, trouble, trouble.isNewer) }
                settled = place + 1
                applied = entry.mark
                changes.append(
                    StateChange(
                        applied: entry.mark, delta: catalog.takeDelta() ?? Catalog.emptyDelta))
            } catch {
                let given = kept[place...]
                kept.removeSubrange(place...)
                lostCount += given.count
                lost = Array((given + lost).prefix(Self.lostListedMax))
                let unread = Self.unreadable(entry.index, error, Catalog.isNewer(error))
                if found == nil { found = unread } else { found?.precede(by: unread) }
                return
            }
        }
    }
}

import Base
package import Cluster
import Consensus

/// The bounds of the history, with the reason for each number.
package struct HistoryLimits: Sendable {
    /// Some 600 bytes each: a few MiB beside a log of the same size.
    package var entriesMax = 10_000
    /// Longer than anybody remembers what they did; by the log's own time.
    package var ageNanosecondsMax: UInt64 = 90 * 86_400 * 1_000_000_000
    /// So many more are kept before the oldest go, all at once.
    package var slack = 256
    /// What one answer reads.
    package var pageMax = 1_000
    package var pageBytesMax = 4 << 20

    package init() {}
}

/// A part of the history, newest entries first, or oldest first where it follows a place.
package struct HistoryPage: Sendable {
    package var entries: [HistoryEntry] = []
    /// Whether further entries follow in that direction.
    package var hasMore = false
    /// The index of the oldest entry kept here; `nil` when there is none.
    package var oldest: UInt64?
    /// Whatever was changed behind this index is in the history kept here.
    package var floor: UInt64 = 0
    /// The last entry of the log whose effect the history has.
    package var applied: UInt64 = 0

    package init() {}
}

/// The table `history`: written in the transaction that stores the state, so that both end at one entry.
struct HistoryTable {
    let limits: HistoryLimits
    private var count = 0
    /// The newest place at which a received state took the place of entries; the row of index 0, where no entry is, has it
    /// in `time`.
    private var gap: UInt64 = 0

    init(_ database: Database, limits: HistoryLimits) throws(DatabaseError) {
        self.limits = limits
        try recount(database)
        gap =
            try database.prepare("SELECT time FROM history WHERE idx = 0").first { $0.uint64(0) }
            ?? 0
    }

    mutating func append(_ entries: [HistoryEntry], to database: Database) throws(DatabaseError) {
        guard let last = entries.last else { return }
        let insert = try database.prepare(
            """
            INSERT OR REPLACE INTO history(idx, time, subjects, entry, checksum)
            VALUES(?1, ?2, ?3, ?4, ?5)
            """)
        for entry in entries {
            let bytes = entry.encoded
            insert.bind(1, entry.position.index)
            insert.bind(2, entry.time.nanoseconds)
            insert.bind(3, entry.subjects.rawValue)
            insert.bind(4, bytes)
            insert.bind(5, XXH64.digest(bytes, seed: entry.position.index))
            try insert.run()
        }
        count += entries.count
        try trim(at: last.time.nanoseconds, in: database)
    }

    private mutating func trim(at now: UInt64, in database: Database) throws(DatabaseError) {
        if count > limits.entriesMax + limits.slack {
            let trim = try database.prepare(
                """
                DELETE FROM history WHERE idx > 0 AND idx <=
                (SELECT idx FROM history ORDER BY idx DESC LIMIT 1 OFFSET ?1)
                """)
            trim.bind(1, Int64(limits.entriesMax))
            try trim.run()
            try recount(database)
        }
        let oldest = try database.prepare(
            "SELECT time FROM history WHERE idx > 0 ORDER BY idx LIMIT 1"
        )
        .first { $0.uint64(0) }
        guard now > limits.ageNanosecondsMax, let oldest, oldest < now - limits.ageNanosecondsMax
        else { return }
        let trim = try database.prepare("DELETE FROM history WHERE idx > 0 AND time < ?1")
        trim.bind(1, now - limits.ageNanosecondsMax)
        try trim.run()
        try recount(database)
    }

    /// Forgets what a state that replaces the log does not contain, and notes that entries may be missing before it.
    mutating func restart(at index: UInt64, in database: Database) throws(DatabaseError) {
        try truncate(after: index, in: database)
        let mark = try database.prepare(
            """
            INSERT OR REPLACE INTO history(idx, time, subjects, entry, checksum)
            VALUES(0, ?1, 0, ?2, ?3)
            """)
        mark.bind(1, index)
        mark.bind(2, [])
        mark.bind(3, XXH64.digest([], seed: 0))
        try mark.run()
        gap = index
        try recount(database)
    }

    /// Forgets what was never applied.
    mutating func truncate(after index: UInt64, in database: Database) throws(DatabaseError) {
        let delete = try database.prepare("DELETE FROM history WHERE idx > ?1")
        delete.bind(1, index)
        try delete.run()
        try recount(database)
    }

    private mutating func recount(_ database: Database) throws(DatabaseError) {
        count = try database.prepare("SELECT count(*) FROM history").first { Int($0.int64(0)) } ?? 0
    }

    /// Entries before an index, newest first.
    ///
    /// - Parameters:
    ///   - before: only entries below it.
    ///   - subjects: only entries about one of these.
    ///   - count: how many at the most.
    ///   - database: where they are.
    /// - Returns: as many as there are and as fit in one answer.
    /// - Throws: when an entry is damaged, or cannot be read.
    func page(
        before: UInt64, about subjects: HistoryEntry.Subjects, count: Int, in database: Database
    ) throws(DatabaseError) -> HistoryPage {
        var page = HistoryPage()
        let select = try database.prepare(
            """
            SELECT idx, entry, checksum FROM history WHERE idx < ?1 AND (subjects & ?2) != 0
            ORDER BY idx DESC LIMIT ?3
            """)
        select.bind(1, Int64(clamping: before))
        try fill(&page, from: select, subjects, count, in: database)
        try describe(&page, in: database)
        return page
    }

    /// Entries behind an index, oldest first.
    func page(
        after: UInt64, about subjects: HistoryEntry.Subjects, count: Int, in database: Database
    ) throws(DatabaseError) -> HistoryPage {
        var page = HistoryPage()
        let select = try database.prepare(
            """
            SELECT idx, entry, checksum FROM history WHERE idx > ?1 AND (subjects & ?2) != 0
            ORDER BY idx LIMIT ?3
            """)
        select.bind(1, Int64(clamping: after))
        try fill(&page, from: select, subjects, count, in: database)
        try describe(&page, in: database)
        return page
    }

    private func fill(
        _ page: inout HistoryPage, from select: Statement, _ subjects: HistoryEntry.Subjects,
        _ count: Int, in database: Database
    ) throws(DatabaseError) {
        let count = min(count, limits.pageMax)
        select.bind(2, subjects.rawValue)
        select.bind(3, Int64(count + 1))
        var (bytesRead, found, hasMore) = (0, page.entries, false)
        try select.rows { statement throws(DatabaseError) in
            let (index, bytes) = (statement.uint64(0), statement.bytes(1))
            bytesRead += bytes.count
            guard found.count < count, bytesRead <= limits.pageBytesMax || found.isEmpty else {
                hasMore = true
                return false
            }
            guard XXH64.digest(bytes, seed: index) == statement.uint64(2) else {
                throw Self.damaged(index, "its checksum differs", database)
            }
            do throws(DecodingFailure) {
                found.append(try HistoryEntry(decoding: bytes))
            } catch {
                throw Self.damaged(index, error.description, database)
            }
            return true
        }
        (page.entries, page.hasMore) = (found, hasMore)
    }

    private func describe(
        _ page: inout HistoryPage, in database: Database
    ) throws(DatabaseError) {
        let oldest = try database.prepare(
            "SELECT idx, entry FROM history WHERE idx > 0 ORDER BY idx LIMIT 1"
        ).first { ($0.uint64(0), $0.bytes(1)) }
        page.oldest = oldest?.0
        // The founding is the first change there is: what has it lacks nothing before it.
        let isWhole = oldest.map { (try? HistoryEntry(decoding: $0.1))?.isFounding == true } ?? true
        page.floor = max(gap, isWhole ? 0 : (oldest?.0 ?? 1) - 1)
    }

    private static func damaged(
        _ index: UInt64, _ reason: String, _ database: Database
    ) -> DatabaseError {
        DatabaseError(
            kind: .corrupt, code: 0, message: "\(database.path): history entry \(index): \(reason)")
    }
}

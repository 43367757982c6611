import Base
import Cluster
import Consensus

/// A slow walk over what the file holds: every row of the log and of the state is read and held against its checksum,
/// the log against its hash chain, the whole state against its hash.
///
/// Rows that nobody reads would otherwise be found bad when they are needed most: when another member lags, or this one starts. What is
/// in memory says nothing of that, so each walk begins by letting go of it; what a walk finds there was read or written since.
package struct IntegrityScan: Sendable {
    private enum Place: Sendable {
        /// Before this entry; the chain up to the one before it, which holds while nothing was cut off the log.
        case log(Index, chain: UInt64?, cuts: UInt64)
        /// After this row; the sum of all hashes so far, which holds while nothing was written.
        case state(after: (kind: Int64, key: [UInt8])?, sum: UInt64, writes: UInt64)
    }

    private var place = Place.log(.zero, chain: nil, cuts: 0)
    /// Rows looked at, in all walks.
    package private(set) var rows: UInt64 = 0
    /// Walks that have come to their end.
    package private(set) var walks: UInt64 = 0

    package init() {}

    /// Looks at the next rows.
    ///
    /// - Returns: whether the walk has come to its end.
    /// - Throws: for the first row that is not as it was written. The walk then begins again.
    package mutating func advance(
        in log: SQLiteLog, rowsMax: Int
    ) throws(DatabaseError) -> Bool {
        do throws(DatabaseError) {
            switch place {
            case .log(let first, let chain, let cuts):
                if first == .zero { log.database.forgetPages() }
                try walk(log, from: first, cuts == log.cuts ? chain : nil, rowsMax)
                return false
            case .state(let last, let sum, let writes):
                return try walk(log, after: last, sum, writes, rowsMax)
            }
        } catch {
            place = .log(.zero, chain: nil, cuts: 0)
            throw error
        }
    }

    private mutating func walk(
        _ log: SQLiteLog, from first: Index, _ chain: UInt64?, _ rowsMax: Int
    ) throws(DatabaseError) {
        // What was compacted away or replaced meanwhile is not there to be looked at.
        let begins = first <= log.base.base.mark.index
        var (next, link) = begins ? (log.base.base.mark.index.next, log.base.chain) : (first, chain)
        let statement = try log.database.prepare(
            """
            SELECT idx, term, time, kind, payload, checksum, chain FROM log
            WHERE idx >= ?1 ORDER BY idx LIMIT ?2
            """)
        statement.bind(1, next.rawValue)
        statement.bind(2, Int64(rowsMax))
        var count = 0
        try statement.eachRow { statement throws(DatabaseError) in
            let row = try log.row(statement)
            guard row.entry.index == next else {
                throw log.damaged("log", next, "is missing")
            }
            if let link, row.chain != EntryRow.chain(after: link, row.checksum) {
                throw log.damaged("log", next, "breaks the hash chain")
            }
            (next, link) = (next.next, row.chain)
            count += 1
        }
        rows += UInt64(count)
        guard count < rowsMax else {
            place = .log(next, chain: link, cuts: log.cuts)
            return
        }
        guard next > log.last.mark.index else { throw log.damaged("log", next, "is missing") }
        place = .state(after: nil, sum: 0, writes: log.writes)
    }

    private mutating func walk(
        _ log: SQLiteLog, after last: (kind: Int64, key: [UInt8])?, _ sum: UInt64,
        _ writes: UInt64, _ rowsMax: Int
    ) throws(DatabaseError) -> Bool {
        let statement = try log.database.prepare(
            """
            SELECT kind, key, value, checksum FROM state
            WHERE (kind, key) > (?1, ?2) ORDER BY kind, key LIMIT ?3
            """)
        statement.bind(1, last?.kind ?? -1)
        statement.bind(2, last?.key ?? [])
        statement.bind(3, Int64(rowsMax))
        var (count, sum, end) = (0, sum, last)
        try statement.eachRow { statement throws(DatabaseError) in
            let row = try log.stateRow(statement)
            sum &+= row.hash
            end = (Int64(row.kind.rawValue), row.key)
            count += 1
        }
        rows += UInt64(count)
        guard count < rowsMax else {
            place = .state(after: end, sum: sum, writes: writes)
            return false
        }
        // A state that was written during the walk has no one sum.
        if writes == log.writes, let hash = log.stateHash, hash != sum {
            throw DatabaseError(
                kind: .corrupt, code: 0,
                message:
                    "\(log.database.path): the rows of the state add up to \(Hex.padded(sum)), not to its hash "
                    + Hex.padded(hash))
        }
        place = .log(.zero, chain: nil, cuts: 0)
        walks += 1
        return true
    }
}

import Base
import Consensus

/// A log entry as a row: with a checksum over its columns, and the hash chain up to it.
struct EntryRow {
    let entry: Entry
    let checksum: UInt64
    let chain: UInt64

    /// The row of an entry that follows one whose chain is `previous`.
    init(_ entry: Entry, after previous: UInt64) {
        self.entry = entry
        checksum = Self.checksum(of: entry)
        chain = Self.chain(after: previous, checksum)
    }

    static func checksum(of entry: Entry) -> UInt64 {
        checksum(entry.index, entry.term, entry.time, entry.kind.rawValue, entry.payload)
    }

    /// The checksum over the columns, whatever they mean.
    static func checksum(
        _ index: Index, _ term: Term, _ time: UInt64, _ kind: UInt8, _ payload: [UInt8]
    ) -> UInt64 {
        var writer = ByteWriter(capacity: 32)
        writer.write(index.rawValue)
        writer.write(term.rawValue)
        writer.write(time)
        writer.write(kind)
        var hash = XXH64()
        hash.update(writer.bytes)
        hash.update(payload)
        return hash.finish()
    }

    /// Equal chains mean equal logs: each link hashes the link before it.
    static func chain(after previous: UInt64, _ checksum: UInt64) -> UInt64 {
        var writer = ByteWriter(capacity: 16)
        writer.write(previous)
        writer.write(checksum)
        return XXH64.digest(writer.bytes)
    }
}

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
        var writer = ByteWriter(capacity: 32)
        writer.write(entry.index.rawValue)
        writer.write(entry.term.rawValue)
        writer.write(entry.time)
        writer.write(entry.kind.rawValue)
        var hash = XXH64()
        hash.update(writer.bytes)
        hash.update(entry.payload)
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

package import Base
package import Cluster

/// What a target keeps of the committed state on its disk: the state at one position, and the entries applied since.
///
/// Derived from the log, without authority: a target never serves from it. It is there to be read when every proxy is
/// lost. The format is docs/formats/cached-state.md. Decoding looks at checksums only; ``CachedState`` brings the state back.
package struct CachedStateFile: Sendable {
    /// The file's name inside a target's data directory; a damaged one is kept beside it.
    package static let fileName = "cached-state"
    package static let setAsideName = "cached-state.damaged"

    private static let magic = Array("MRTLSTAT".utf8)
    private static let format: UInt8 = 1

    /// An entry that was applied behind the snapshot.
    package struct Entry: Equatable, Sendable {
        package var frame: FollowFrame.LogEntry
        /// Of the state after it.
        package var hash: UInt64

        package init(_ frame: FollowFrame.LogEntry, hash: UInt64) {
            self.frame = frame
            self.hash = hash
        }
    }

    /// The target that has written it.
    package let node: String
    package let clusterID: String
    /// When the snapshot was taken.
    package let written: Timestamp
    /// Where the snapshot stands, and the hash of that state.
    package let base: LogPosition
    package let baseHash: UInt64
    /// The snapshot as ``Base/Zstandard/framed(_:)`` has coded it.
    package let snapshot: [UInt8]
    package private(set) var entries: [Entry] = []
    /// So many bytes of the file can be read; all of it when ``leftover`` is `nil`.
    package private(set) var readableBytes: Int
    /// Over what was read last: the next entry's checksum begins with it.
    package private(set) var checksum: UInt64
    /// Why the file cannot be read to its end. What is before that stands.
    package private(set) var leftover: String?

    /// Whether a file that begins so is one of these.
    package static func begins(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

    /// The last entry that can be read, and the hash of the state after it.
    package var end: (position: LogPosition, hash: UInt64) {
        entries.last.map { ($0.frame.position, $0.hash) } ?? (base, baseHash)
    }

    /// - Throws: ``Base/DecodingFailure`` when the snapshot cannot be read, or is of another format: the file is of no use then.
    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        guard try reader.readRaw(Self.magic.count) == Self.magic else {
            throw DecodingFailure("not a cached state", at: 0)
        }
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("cached state of format \(format)", at: 8)
        }
        node = try reader.readString(limit: NodeID.bytesMax)
        clusterID = try reader.readString(limit: 64)
        written = Timestamp(nanoseconds: try reader.read(UInt64.self))
        base = try LogPosition(from: &reader)
        baseHash = try reader.read(UInt64.self)
        snapshot = try reader.readBlock(limit: Limits.snapshotBytesMax)
        let digest = bytes[..<reader.offset].withUnsafeBytes { XXH64.digest($0) }
        guard try reader.read(UInt64.self) == digest else {
            throw DecodingFailure("the checksum of a cached state differs", at: reader.offset - 8)
        }
        checksum = digest
        readableBytes = reader.offset
        do throws(DecodingFailure) {
            while reader.remaining > 0 { try readEntry(&reader, bytes) }
        } catch {
            leftover =
                "it can be read up to byte \(readableBytes) of \(bytes.count): \(error.description)"
        }
    }

    private mutating func readEntry(
        _ reader: inout ByteReader, _ bytes: [UInt8]
    ) throws(DecodingFailure) {
        let start = reader.offset
        let count = Int(try reader.read(UInt32.self))
        guard count <= Limits.frameBytesMax, reader.remaining >= count + 16 else {
            throw DecodingFailure("an entry is cut short", at: start)
        }
        try reader.skip(count)
        let frame = reader.offset
        let hash = try reader.read(UInt64.self)
        let digest = bytes[start..<reader.offset].withUnsafeBytes {
            XXH64.digest($0, seed: checksum)
        }
        guard try reader.read(UInt64.self) == digest else {
            throw DecodingFailure("an entry's checksum differs", at: start)
        }
        guard case .entry(let entry) = try FollowFrame(decoding: bytes[start + 4..<frame]) else {
            throw DecodingFailure("a frame that is no entry", at: start)
        }
        guard entry.position.index == end.position.index + 1 else {
            throw DecodingFailure(
                "entry \(entry.position.text) behind \(end.position.text)", at: start)
        }
        entries.append(Entry(entry, hash: hash))
        checksum = digest
        readableBytes = reader.offset
    }

    // MARK: Writing

    /// The beginning of a file: everything but entries.
    ///
    /// - Complexity: codes and compresses the whole state.
    /// - Returns: the bytes, and the checksum that the first entry begins with.
    package static func beginning(
        _ state: ClusterState, node: String, written: Timestamp
    ) -> (bytes: [UInt8], checksum: UInt64) {
        let snapshot = Zstandard.framed(state.snapshot)
        var writer = ByteWriter(capacity: snapshot.count + 256)
        writer.write(raw: magic)
        writer.write(format)
        writer.write(node)
        writer.write(state.map.clusterID)
        writer.write(written.nanoseconds)
        state.position.write(to: &writer)
        writer.write(state.hash)
        writer.write(block: snapshot)
        let checksum = XXH64.digest(writer.bytes)
        writer.write(checksum)
        return (writer.bytes, checksum)
    }

    /// What is appended for an entry.
    ///
    /// - Parameters:
    ///   - entry: the next one.
    ///   - checksum: of what stands before it; replaced by that of what comes next.
    /// - Returns: the bytes.
    package static func bytes(of entry: Entry, after checksum: inout UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: entry.frame.payload.count + 128)
        writer.write(raw: FollowFrame.entry(entry.frame).encoded)
        writer.write(entry.hash)
        checksum = XXH64.digest(writer.bytes, seed: checksum)
        writer.write(checksum)
        return writer.bytes
    }
}

import Base
import Cluster

/// What a target remembers of its mountpaths: the file `mountpaths` of its data directory. The command line gives the
/// first set; from then on this record says which mountpaths there are. See docs/formats/object-layout.md.
struct MountpathRecord: Equatable, Sendable {
    private static let format: UInt8 = 1
    static let fileName = "mountpaths"
    static let bytesMax = 1 << 20
    /// Machines have tens of disks.
    static let entriesMax = 1_024

    /// A mountpath that takes no part now.
    struct Absence: Equatable, Sendable {
        /// For people.
        var reason: String
        /// Whether objects of other mountpaths may lie on it.
        var isScattered: Bool
        /// Digests of the mountpaths it shared the objects with when it left.
        var rivals: [UInt64]
    }

    struct Entry: Equatable, Sendable {
        var identity: MountpathIdentity
        var path: String
        /// `nil` for one that takes part.
        var absence: Absence?
    }

    /// Counts the changes of which mountpaths take part. What is written bears it, so that of two copies on two
    /// mountpaths the later one is known.
    var edition: UInt64 = 0
    /// Whether objects may lie elsewhere than where placement looks first.
    var isScattered = false
    /// Whether an object may lie on more than one mountpath.
    var hasReturned = false
    var entries: [Entry] = []

    init() {}

    init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("mountpath record of format \(format)", at: 0)
        }
        edition = try reader.read(UInt64.self)
        isScattered = try reader.readUInt8() != 0
        hasReturned = try reader.readUInt8() != 0
        let count = try reader.read(UInt32.self)
        guard count <= Self.entriesMax else {
            throw DecodingFailure("\(count) mountpaths", at: reader.offset)
        }
        for _ in 0..<count { entries.append(try Self.entry(&reader)) }
        let hash = XXH64.digest(Array(bytes[..<reader.offset]))
        guard try reader.read(UInt64.self) == hash else {
            throw DecodingFailure("mountpath record's checksum differs", at: 0)
        }
        try reader.finish()
    }

    private static func entry(_ reader: inout ByteReader) throws(DecodingFailure) -> Entry {
        let identity = MountpathIdentity(
            high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
        var entry = Entry(identity: identity, path: try reader.readString(limit: 4_096))
        guard try reader.readUInt8() != 0 else { return entry }
        let reason = try reader.readString(limit: 1_024)
        let isScattered = try reader.readUInt8() != 0
        let count = try reader.read(UInt32.self)
        guard count <= entriesMax else {
            throw DecodingFailure("\(count) rivals of a mountpath", at: reader.offset)
        }
        var rivals: [UInt64] = []
        for _ in 0..<count { rivals.append(try reader.read(UInt64.self)) }
        entry.absence = Absence(reason: reason, isScattered: isScattered, rivals: rivals)
        return entry
    }

    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.write(Self.format)
        writer.write(edition)
        writer.write(UInt8(isScattered ? 1 : 0))
        writer.write(UInt8(hasReturned ? 1 : 0))
        writer.write(UInt32(entries.count))
        for entry in entries {
            writer.write(entry.identity.high)
            writer.write(entry.identity.low)
            writer.write(entry.path)
            writer.write(UInt8(entry.absence == nil ? 0 : 1))
            guard let absence = entry.absence else { continue }
            writer.write(String(absence.reason.prefix(250)))
            writer.write(UInt8(absence.isScattered ? 1 : 0))
            writer.write(UInt32(absence.rivals.count))
            for rival in absence.rivals { writer.write(rival) }
        }
        writer.write(XXH64.digest(writer.bytes))
        return writer.bytes
    }

    // MARK: The file

    /// - Returns: `nil` before the target's first start.
    static func read(in directory: Directory) throws -> MountpathRecord? {
        try SmallFile.read(fileName, in: directory, limit: bytesMax).map {
            try MountpathRecord(decoding: $0)
        }
    }

    func write(in directory: Directory) throws(FileError) {
        try SmallFile.replace(Self.fileName, with: encoded, in: directory)
    }
}

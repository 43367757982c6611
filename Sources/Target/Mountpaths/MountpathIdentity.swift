import Base
import Cluster
import Glibc

/// Which mountpath a directory is, wherever it is mounted: 128 random bits in a file at its root.
///
/// A path names a place in a machine, and what is mounted there changes: disks swap names, or are not there at
/// boot. See docs/formats/object-layout.md.
struct MountpathIdentity: Hashable, Sendable, CustomStringConvertible {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new one.
    static func random() -> MountpathIdentity {
        MountpathIdentity(high: SystemRandom.word(), low: SystemRandom.word())
    }

    var description: String { Hex.padded(high) + Hex.padded(low) }
}

/// The file at a mountpath's root: which one it is, and the edition of the set it was part of last. That the edition stands
/// on the disks as well lets a target lose its data directory.
struct MountpathFile: Equatable, Sendable {
    static let name = ".martlet.mountpath"
    private static let format: UInt8 = 1
    private static let bytesMax = 256

    var identity: MountpathIdentity
    var edition: UInt64 = 0

    init(_ identity: MountpathIdentity, edition: UInt64 = 0) {
        self.identity = identity
        self.edition = edition
    }

    init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("mountpath file of format \(format)", at: 0)
        }
        identity = MountpathIdentity(
            high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
        edition = try reader.read(UInt64.self)
        let hash = XXH64.digest(Array(bytes[..<reader.offset]))
        guard try reader.read(UInt64.self) == hash else {
            throw DecodingFailure("mountpath file's checksum differs", at: 0)
        }
        try reader.finish()
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.format)
        writer.write(identity.high)
        writer.write(identity.low)
        writer.write(edition)
        writer.write(XXH64.digest(writer.bytes))
        return writer.bytes
    }

    /// - Returns: `nil` when the directory has never been a mountpath of ours.
    static func read(in directory: Directory) throws(FileError) -> MountpathFile? {
        guard let bytes = try SmallFile.read(name, in: directory, limit: bytesMax) else {
            return nil
        }
        do throws(DecodingFailure) {
            return try MountpathFile(decoding: bytes)
        } catch {
            throw FileError("read", "\(directory.path)/\(name)", EBADMSG)
        }
    }

    func write(in directory: Directory) throws(FileError) {
        try SmallFile.replace(Self.name, with: encoded, in: directory)
    }
}

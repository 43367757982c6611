import Base
import Cluster
import Glibc

/// Which mountpath a directory is, wherever it is mounted: 128 random bits in a file at its root.
///
/// A path names a place in a machine, and what is mounted there changes: disks swap names, or are not there at
/// boot. See docs/formats/object-layout.md.
struct MountpathIdentity: Hashable, Sendable, CustomStringConvertible {
    static let fileName = ".martlet.mountpath"
    private static let format: UInt8 = 1
    private static let bytesMax = 256

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

    // MARK: The file

    init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("mountpath identity of format \(format)", at: 0)
        }
        high = try reader.read(UInt64.self)
        low = try reader.read(UInt64.self)
        let hash = XXH64.digest(Array(bytes[..<reader.offset]))
        guard try reader.read(UInt64.self) == hash else {
            throw DecodingFailure("mountpath identity's checksum differs", at: 0)
        }
        try reader.finish()
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.format)
        writer.write(high)
        writer.write(low)
        writer.write(XXH64.digest(writer.bytes))
        return writer.bytes
    }

    /// - Returns: `nil` when the directory has never been a mountpath of ours.
    static func read(in directory: Directory) throws(FileError) -> MountpathIdentity? {
        guard let bytes = try SmallFile.read(fileName, in: directory, limit: bytesMax) else {
            return nil
        }
        do throws(DecodingFailure) {
            return try MountpathIdentity(decoding: bytes)
        } catch {
            throw FileError("read", "\(directory.path)/\(fileName)", EBADMSG)
        }
    }

    func write(in directory: Directory) throws(FileError) {
        try SmallFile.replace(Self.fileName, with: encoded, in: directory)
    }
}

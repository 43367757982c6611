import Base
import Cluster

/// Which cluster this target belongs to, and the newest generation it has followed: all it remembers of the log.
///
/// One small file in the data directory. It keeps a target of one cluster out of another, and away from members of a
/// generation that a forced recovery has left behind.
struct ClusterRecord: Equatable, Sendable {
    private static let format: UInt8 = 1
    private static let fileName = "cluster"

    /// Empty before the first contact.
    var clusterID = ""
    var generation: UInt64 = 0
    var nonce: UInt64 = 0

    init() {}

    /// The beginning of the generation.
    var position: LogPosition {
        LogPosition(generation: generation, nonce: nonce, term: 0, index: 0)
    }

    init(clusterID: String, position: LogPosition) {
        self.clusterID = clusterID
        generation = position.generation
        nonce = position.nonce
    }

    init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("cluster record of format \(format)", at: 0)
        }
        clusterID = try reader.readString(limit: 64)
        generation = try reader.read(UInt64.self)
        nonce = try reader.read(UInt64.self)
        let hash = XXH64.digest(Array(bytes[..<reader.offset]))
        guard try reader.read(UInt64.self) == hash else {
            throw DecodingFailure("cluster record's checksum differs", at: 0)
        }
        try reader.finish()
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.format)
        writer.write(clusterID)
        writer.write(generation)
        writer.write(nonce)
        writer.write(XXH64.digest(writer.bytes))
        return writer.bytes
    }

    // MARK: The file

    /// - Throws: ``FileError``, or ``Base/DecodingFailure`` for a damaged file: which cluster the target belongs to is
    ///   then not known, and it must not guess.
    init(in directory: Directory) throws {
        let bytes = try SmallFile.read(
            Self.fileName, in: directory, limit: TargetLimits.clusterRecordBytesMax)
        if let bytes {
            try self.init(decoding: bytes)
        } else {
            self.init()
        }
    }

    func write(in directory: Directory) throws(FileError) {
        try SmallFile.replace(Self.fileName, with: encoded, in: directory)
    }
}

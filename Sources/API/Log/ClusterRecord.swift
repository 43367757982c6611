package import Base
package import Cluster

/// Which cluster a target belongs to, and the newest generation it has followed: all it goes by when it starts.
///
/// One small file in the data directory. It keeps a target of one cluster out of another, and away from members of a
/// generation that a forced recovery has left behind.
package struct ClusterRecord: Equatable, Sendable {
    private static let format: UInt8 = 1
    package static let fileName = "cluster"

    /// Empty before the first contact.
    package var clusterID = ""
    package var generation: UInt64 = 0
    package var nonce: UInt64 = 0

    package init() {}

    /// The beginning of the generation.
    package var position: LogPosition {
        LogPosition(generation: generation, nonce: nonce, term: 0, index: 0)
    }

    package init(clusterID: String, position: LogPosition) {
        self.clusterID = clusterID
        generation = position.generation
        nonce = position.nonce
    }

    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
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

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.format)
        writer.write(clusterID)
        writer.write(generation)
        writer.write(nonce)
        writer.write(XXH64.digest(writer.bytes))
        return writer.bytes
    }
}

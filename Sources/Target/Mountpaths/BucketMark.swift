import Base
import Cluster

/// What a bucket's directory says of itself, in the extended attribute `user.martlet.bid`: which life of the bucket
/// it holds, of which cluster, and what state of the log said so last.
///
/// It is what keeps a destroyed bucket's objects out of a new one of the same name, whatever the target missed
/// while it was down. See docs/formats/object-layout.md.
struct BucketMark: Equatable, Sendable {
    static let attributeName = "user.martlet.bid"
    private static let format: UInt8 = 1

    var clusterID: String
    var incarnation: Incarnation
    /// A state from which the mark was written, or by which it was confirmed in a later generation.
    var position: LogPosition

    init(clusterID: String, incarnation: Incarnation, position: LogPosition) {
        self.clusterID = clusterID
        self.incarnation = incarnation
        self.position = position
    }

    init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        guard bytes.count > 8 else { throw DecodingFailure("bucket mark is cut short", at: 0) }
        let body = bytes[..<(bytes.count - 8)]
        var trailer = ByteReader(bytes[body.endIndex...])
        guard try trailer.read(UInt64.self) == body.withUnsafeBytes({ XXH64.digest($0) }) else {
            throw DecodingFailure("bucket mark's checksum differs", at: body.endIndex)
        }
        var reader = ByteReader(body)
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("bucket mark of format \(format)", at: 0)
        }
        clusterID = try reader.readString(limit: 64)
        incarnation = Incarnation(
            id: try reader.read(UInt64.self), created: try reader.read(UInt64.self))
        position = try LogPosition(from: &reader)
        try reader.finish()
    }

    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 128)
        writer.write(Self.format)
        writer.write(clusterID)
        writer.write(incarnation.id)
        writer.write(incarnation.created)
        position.write(to: &writer)
        writer.write(XXH64.digest(writer.bytes))
        return writer.bytes
    }

    /// What must happen to a marked directory, now that a state is known.
    enum Verdict: Equatable, Sendable {
        /// It is the bucket's; the mark may have to be renewed.
        case belongs(renew: Bool)
        /// Its bucket was destroyed by a committed entry.
        case discard
        /// Another generation made it, or another cluster: perhaps a forced recovery lost its bucket's entry, so it
        /// may hold what was acknowledged, and people decide.
        case keep
        /// The state is older than the mark: it says nothing about this directory.
        case ahead
    }

    /// What is to happen; `properties` are those of the bucket of this name in `state`, if there is one.
    func verdict(_ properties: BucketProperties?, in state: ClusterState) -> Verdict {
        guard clusterID == state.map.clusterID else { return .keep }
        let sameGeneration =
            position.generation == state.position.generation
            && position.nonce == state.position.nonce
        if let properties, Incarnation(properties) == incarnation {
            return .belongs(renew: !sameGeneration)
        }
        guard sameGeneration else { return .keep }
        return state.position < position ? .ahead : .discard
    }
}

package import Base
package import Cluster

/// Sends a state in pieces, compressed.
package struct SnapshotSender: Sendable {
    private let position: LogPosition
    private let plainCount: Int
    private let encoding: FollowFrame.SnapshotPiece.Encoding
    private let bytes: [UInt8]
    private var offset = 0

    /// - Complexity: compresses the whole state; for a thread that may block when it is large.
    package init(_ state: ClusterState) {
        position = state.position
        let plain = state.snapshot
        plainCount = plain.count
        let packed = Zstandard.compressed(plain)
        encoding = packed == nil ? .plain : .zstd
        bytes = packed ?? plain
    }

    /// The next piece; `nil` behind the last one.
    package mutating func next() -> FollowFrame? {
        guard offset < bytes.count else { return nil }
        let end = min(bytes.count, offset + Limits.snapshotPieceBytes)
        defer { offset = end }
        return .snapshot(
            FollowFrame.SnapshotPiece(
                position: position, encoding: encoding, plainCount: UInt64(plainCount),
                encodedCount: UInt64(bytes.count), offset: UInt64(offset),
                bytes: Array(bytes[offset..<end])))
    }
}

/// Puts the pieces together again and checks them.
package struct SnapshotReceiver: Sendable {
    private var first: FollowFrame.SnapshotPiece?
    private var bytes: [UInt8] = []

    package init() {}

    /// - Returns: the state when this was the last piece.
    /// - Throws: when pieces are missing or differ, when sizes are beyond the limit, or when the state does not
    ///   decode. The receiver then begins again with the next first piece.
    package mutating func take(
        _ piece: FollowFrame.SnapshotPiece
    ) throws(DecodingFailure) -> ClusterState? {
        do throws(DecodingFailure) {
            return try add(piece)
        } catch {
            self = SnapshotReceiver()
            throw error
        }
    }

    private mutating func add(
        _ piece: FollowFrame.SnapshotPiece
    ) throws(DecodingFailure) -> ClusterState? {
        if piece.offset == 0 {
            guard piece.plainCount <= Limits.snapshotBytesMax,
                piece.encodedCount <= Limits.snapshotBytesMax
            else { throw DecodingFailure("snapshot of \(piece.plainCount) bytes", at: 0) }
            first = piece
            bytes = []
        }
        guard let first, first.position == piece.position, first.encoding == piece.encoding,
            first.plainCount == piece.plainCount, first.encodedCount == piece.encodedCount,
            piece.offset == UInt64(bytes.count), !piece.bytes.isEmpty,
            UInt64(bytes.count + piece.bytes.count) <= first.encodedCount
        else { throw DecodingFailure("piece does not continue the snapshot", at: bytes.count) }
        bytes.append(contentsOf: piece.bytes)
        guard UInt64(bytes.count) == first.encodedCount else { return nil }
        defer { self = SnapshotReceiver() }
        let plain =
            switch first.encoding {
            case .plain: bytes
            case .zstd: try Zstandard.decompressed(bytes, count: Int(first.plainCount))
            }
        let state = try ClusterState(snapshot: plain)
        guard state.position == first.position else {
            throw DecodingFailure("snapshot of another position", at: 0)
        }
        return state
    }
}

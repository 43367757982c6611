package import Base
import Cluster

// A frame: its length (4 bytes, of what follows), format version, kind, fields; little-endian.
extension FollowFrame {
    package static let format: UInt8 = 1

    private enum Kind: UInt8 {
        case snapshot = 1
        case entry = 2
        case progress = 3
        case acknowledge = 16
    }

    /// The frame with its length in front.
    package var encoded: [UInt8] {
        var body = ByteWriter(capacity: 128)
        body.write(Self.format)
        switch self {
        case .snapshot(let piece):
            body.write(Kind.snapshot.rawValue)
            piece.position.write(to: &body)
            body.write(piece.encoding.rawValue)
            body.write(piece.plainCount)
            body.write(piece.encodedCount)
            body.write(piece.offset)
            body.write(block: piece.bytes)
        case .entry(let entry):
            body.write(Kind.entry.rawValue)
            entry.position.write(to: &body)
            body.write(entry.time.nanoseconds)
            body.write(entry.kind.rawValue)
            body.write(block: entry.payload)
        case .progress(let progress):
            body.write(Kind.progress.rawValue)
            body.write(progress.clusterID)
            progress.committed.write(to: &body)
            body.write(progress.primary)
        case .acknowledge(let position, let hash):
            body.write(Kind.acknowledge.rawValue)
            position.write(to: &body)
            body.write(hash)
        }
        var frame = ByteWriter(capacity: body.bytes.count + 4)
        frame.write(block: body.bytes)
        return frame.bytes
    }

    /// - Parameter body: what stands behind the length.
    /// - Throws: ``Base/DecodingFailure`` when it is not exactly one frame of this format.
    package init(decoding body: ArraySlice<UInt8>) throws(DecodingFailure) {
        var reader = ByteReader(body)
        let start = reader.offset
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("frame of format \(format), known is \(Self.format)", at: start)
        }
        let code = try reader.readUInt8()
        guard let kind = Kind(rawValue: code) else {
            throw DecodingFailure("frame of unknown kind \(code)", at: start + 1)
        }
        switch kind {
        case .snapshot: self = .snapshot(try SnapshotPiece(from: &reader))
        case .entry: self = .entry(try LogEntry(from: &reader))
        case .progress:
            self = .progress(
                Progress(
                    clusterID: try reader.readString(limit: 64),
                    committed: try LogPosition(from: &reader),
                    primary: try reader.readString(limit: NodeID.bytesMax)))
        case .acknowledge:
            self = .acknowledge(
                position: try LogPosition(from: &reader), hash: try reader.read(UInt64.self))
        }
        try reader.finish()
    }
}

extension FollowFrame.LogEntry {
    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        let position = try LogPosition(from: &reader)
        let time = Timestamp(nanoseconds: try reader.read(UInt64.self))
        let code = try reader.readUInt8()
        guard let kind = Kind(rawValue: code) else {
            throw DecodingFailure("entry of unknown kind \(code)", at: reader.offset - 1)
        }
        self.init(
            position: position, time: time, kind: kind,
            payload: try reader.readBlock(limit: Limits.frameBytesMax))
    }
}

extension FollowFrame.SnapshotPiece {
    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        let position = try LogPosition(from: &reader)
        let code = try reader.readUInt8()
        guard let encoding = Encoding(rawValue: code) else {
            throw DecodingFailure("snapshot of unknown encoding \(code)", at: reader.offset - 1)
        }
        self.init(
            position: position, encoding: encoding, plainCount: try reader.read(UInt64.self),
            encodedCount: try reader.read(UInt64.self), offset: try reader.read(UInt64.self),
            bytes: try reader.readBlock(limit: Limits.frameBytesMax))
    }
}

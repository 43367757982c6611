/// What travels on a stream between two members; see `docs/formats/raft-wire.md`.
public enum Frame: Hashable, Sendable {
    case hello(Hello)
    case message(Envelope)

    /// The version that this build writes, and the only one that it reads.
    public static let version: UInt8 = 2

    /// Length, version, kind, body, checksum.
    public var encoded: [UInt8] {
        var frame = WireWriter()
        frame.length { frame in
            let start = frame.bytes.count
            frame.byte(Self.version)
            switch self {
            case .hello(let hello):
                frame.byte(0)
                frame.hello(hello)
            case .message(let envelope):
                frame.byte(1)
                frame.envelope(envelope)
            }
            frame.number(Checksum.of(frame.bytes[start...]))
        }
        return frame.bytes
    }

    /// Reads one frame without its length field.
    public init(decoding bytes: ArraySlice<UInt8>) throws(WireFailure) {
        guard bytes.count <= WireLimits.frameBytesMax else { throw .tooLarge }
        guard bytes.count >= 10 else { throw .truncated }
        var tail = WireReader(bytes.suffix(8))
        guard try tail.number64() == Checksum.of(bytes.dropLast(8)) else { throw .checksum }
        var reader = WireReader(bytes.dropLast(8))
        let version = try reader.byte()
        guard version == Self.version else { throw .unknownVersion(version) }
        let kind = try reader.byte()
        switch kind {
        case 0: self = .hello(try reader.hello())
        case 1: self = .message(try reader.envelope())
        default: throw .unknownKind(kind)
        }
        try reader.end()
    }
}

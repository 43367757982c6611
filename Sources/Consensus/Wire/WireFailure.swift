/// Why a frame was refused. The reader closes the stream and counts it; nothing else happens.
public enum WireFailure: Error, Hashable, Sendable {
    case truncated
    case tooLarge
    /// A value that no writer of this version produces.
    case malformed
    case checksum
    /// The frame is of a version, or of a kind, that this build does not know.
    case unknownVersion(UInt8)
    case unknownKind(UInt8)
}

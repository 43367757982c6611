public import Base

/// That a target has lost a mountpath by itself, or has it back: what operators must hear of, whatever becomes of the
/// target and its log.
public struct MountpathNote: Equatable, Sendable {
    public static let reasonBytesMax = 512
    public static let pathBytesMax = 4_096
    /// Machines have tens of disks; of more, the oldest are forgotten.
    public static let perTargetMax = 64
    /// Beyond this, targets that are no longer on the map are forgotten.
    public static let targetsMax = 1_024

    public var path: String
    /// Which disk it is, wherever it is mounted; 32 hexadecimal digits.
    public var disk: String
    public var isDisabled: Bool
    /// For people.
    public var reason: String
    /// When the entry was proposed; filled in by ``ClusterState``.
    public internal(set) var time = Timestamp(nanoseconds: 0)

    public init(path: String, disk: String, isDisabled: Bool, reason: String) {
        self.path = path
        self.disk = disk
        self.isDisabled = isDisabled
        self.reason = reason
    }

    /// Whether another note says the same, whenever it was made.
    public func says(_ other: MountpathNote) -> Bool {
        var other = other
        other.time = time
        return self == other
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        path = try reader.readString(limit: Self.pathBytesMax)
        disk = try reader.readString(limit: 32)
        isDisabled = try reader.readUInt8() != 0
        reason = try reader.readString(limit: Self.reasonBytesMax)
        time = Timestamp(nanoseconds: try reader.read(UInt64.self))
    }

    func write(to writer: inout ByteWriter) {
        writer.write(path)
        writer.write(disk)
        writer.write(UInt8(isDisabled ? 1 : 0))
        writer.write(reason)
        writer.write(time.nanoseconds)
    }
}

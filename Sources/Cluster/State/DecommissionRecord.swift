public import Base

/// What a target is told to do before it leaves for good: to remove the user data on these disks.
///
/// Disks are named one by one, as the target named them when it was asked: an order that is met by another target under the
/// same id, or by a disk that has come since, removes nothing there.
public struct DecommissionOrder: Equatable, Sendable {
    /// As many as a target's record of its mountpaths may have.
    public static let disksMax = 1_024

    /// 32 hexadecimal digits each, sorted.
    public private(set) var disks: [String]
    /// Whether the target's process ends when all is done.
    public var endsProcess: Bool

    public init(disks: some Sequence<String>, endsProcess: Bool) {
        self.disks = Set(disks).sorted()
        self.endsProcess = endsProcess
    }

    /// - Returns: whether a disk was not named before.
    mutating func name(_ others: [String]) -> Bool {
        let all = Set(disks).union(others)
        guard all.count > disks.count, all.count <= Self.disksMax else { return false }
        disks = all.sorted()
        return true
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        endsProcess = try reader.readUInt8() != 0
        disks = try Self.disks(from: &reader)
    }

    func write(to writer: inout ByteWriter) {
        writer.write(UInt8(endsProcess ? 1 : 0))
        Self.write(disks, to: &writer)
    }

    static func disks(from reader: inout ByteReader) throws(DecodingFailure) -> [String] {
        let start = reader.offset
        let count = try reader.read(UInt32.self)
        guard count <= disksMax else { throw DecodingFailure("\(count) disks", at: start) }
        var disks: [String] = []
        for _ in 0..<count { disks.append(try reader.readString(limit: 32)) }
        return disks
    }

    static func write(_ disks: [String], to writer: inout ByteWriter) {
        writer.write(UInt32(disks.count))
        for disk in disks { writer.write(disk) }
    }
}

/// What became of an order, as the target tells: which disks still have user data, because they could not be reached any more
/// or were never named.
public struct DecommissionReport: Equatable, Sendable {
    /// The entry that gave the order, as it was carried out.
    public var order: LogPosition
    public var left: [String]

    public init(order: LogPosition, left: [String]) {
        self.order = order
        self.left = Array(left.prefix(DecommissionOrder.disksMax))
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        order = try LogPosition(from: &reader)
        left = try DecommissionOrder.disks(from: &reader)
    }

    func write(to writer: inout ByteWriter) {
        order.write(to: &writer)
        DecommissionOrder.write(left, to: &writer)
    }
}

/// The order to a target, and what came of it: the intention that outlives every crash.
public struct DecommissionRecord: Equatable, Sendable {
    public enum Phase: UInt8, Sendable {
        /// The target is on the map (flag 8) and removes what it was told to.
        case removing = 1
        /// It has said that all is removed, and is off the map.
        case done = 2
        /// It was taken off the map before that.
        case abandoned = 3

        public var text: String {
            switch self {
            case .removing: "removing"
            case .done: "done"
            case .abandoned: "abandoned"
            }
        }
    }

    /// Of those that are over, so many are remembered.
    public static let closedMax = 100

    public internal(set) var order: DecommissionOrder
    /// The entry that gave the order, or named further disks last: its name.
    public internal(set) var position: LogPosition
    public let started: Timestamp
    public internal(set) var phase = Phase.removing
    /// 0 while it goes on.
    public internal(set) var ended = Timestamp(nanoseconds: 0)
    public internal(set) var left: [String] = []

    init(_ order: DecommissionOrder, at position: LogPosition, started: Timestamp) {
        self.order = order
        self.position = position
        self.started = started
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        let format = try reader.readUInt8()
        guard format == 1 else {
            throw .unknownFormat(format, of: "decommission", known: 1, at: start)
        }
        position = try LogPosition(from: &reader)
        started = Timestamp(nanoseconds: try reader.read(UInt64.self))
        guard let phase = Phase(rawValue: try reader.readUInt8()) else {
            throw DecodingFailure("unknown phase of a decommission", at: start)
        }
        self.phase = phase
        ended = Timestamp(nanoseconds: try reader.read(UInt64.self))
        order = try DecommissionOrder(from: &reader)
        left = try DecommissionOrder.disks(from: &reader)
    }

    func write(to writer: inout ByteWriter) {
        writer.write(UInt8(1))
        position.write(to: &writer)
        writer.write(started.nanoseconds)
        writer.write(phase.rawValue)
        writer.write(ended.nanoseconds)
        order.write(to: &writer)
        DecommissionOrder.write(left, to: &writer)
    }
}

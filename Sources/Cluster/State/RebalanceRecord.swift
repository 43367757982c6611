public import Base

/// What the cluster agrees on about its last rebalance (AIS: RMD).
///
/// This version moves no objects: a rebalance that is started is recorded, with the targets it would be about, and
/// nothing else happens. The record says so.
public struct RebalanceRecord: Equatable, Sendable {
    public enum Status: UInt8, Sendable {
        /// Started, and not run: moving objects is not part of this version.
        case notRun = 1

        /// The word on the wire.
        public var text: String {
            switch self {
            case .notRun: "not_run"
            }
        }
    }

    private static let format: UInt8 = 1
    /// How long what became of one is kept at least, from its end (contract §11.3), unless ``endedMax`` others come after it.
    public static let endedNanoseconds: UInt64 = 3_600_000_000_000
    /// Of those before the last, so many are kept. A script that starts them in a loop must not fill the state.
    public static let endedMax = 300

    /// Counts the rebalances that were started; 0 before the first.
    public internal(set) var version: UInt64 = 0
    public internal(set) var status = Status.notRun
    /// The targets that took part in placement then, in id order.
    public internal(set) var targets: [NodeID] = []
    public internal(set) var started = Timestamp(nanoseconds: 0)
    /// When it was stopped; 0 when it was not.
    public internal(set) var stopped = Timestamp(nanoseconds: 0)

    public init() {}

    /// The id that the reply to its start carries: `g7`.
    public var id: String { "g\(version)" }

    public var wasStopped: Bool { stopped.nanoseconds > 0 }

    /// When it was over: at once, unless it was stopped later.
    public var ended: Timestamp { max(started, stopped) }

    /// Whether it was over long enough ago, by the time of an entry. Times of entries may go back a little where another
    /// primary's clock is behind.
    func isForgotten(at time: Timestamp) -> Bool {
        time > ended && time.nanoseconds - ended.nanoseconds > Self.endedNanoseconds
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw .unknownFormat(format, of: "rebalance record", known: Self.format, at: start)
        }
        version = try reader.read(UInt64.self)
        guard let status = Status(rawValue: try reader.readUInt8()) else {
            throw DecodingFailure("rebalance of unknown status", at: start)
        }
        self.status = status
        started = Timestamp(nanoseconds: try reader.read(UInt64.self))
        stopped = Timestamp(nanoseconds: try reader.read(UInt64.self))
        for _ in 0..<(try reader.read(UInt32.self)) {
            guard let id = NodeID(try reader.readString(limit: NodeID.bytesMax)) else {
                throw DecodingFailure("not a node id", at: reader.offset)
            }
            targets.append(id)
        }
    }

    func write(to writer: inout ByteWriter) {
        writer.write(Self.format)
        writer.write(version)
        writer.write(status.rawValue)
        writer.write(started.nanoseconds)
        writer.write(stopped.nanoseconds)
        writer.write(UInt32(targets.count))
        for target in targets { writer.write(target.text) }
    }
}

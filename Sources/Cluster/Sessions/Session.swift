public import Base

/// A client's session: what its last requests came to, so that one that is sent again is answered and not made again.
///
/// The bounds below decide what `apply` does, so all members of a cluster must have the same.
public struct Session: Equatable, Sendable {
    /// Outcomes that are kept: a client has fewer requests under way at once.
    public static let outcomesMax = 16
    /// Sessions at once; some kilobytes each in the worst case.
    public static let countMax = 1_024
    /// A code or a message of a refusal that is kept.
    public static let textBytesMax = 512

    private static let format: UInt8 = 1

    /// What a request came to.
    public struct Kept: Equatable, Sendable {
        public let sequence: UInt64
        /// Where its change was applied.
        public let position: LogPosition
        public let result: Result<UInt64, Rejection>
    }

    /// Nanoseconds of the log's time after the last use.
    public let lifetime: UInt64
    public internal(set) var lastUsed: Timestamp
    /// In the order of their sequence numbers.
    public private(set) var outcomes: [Kept] = []
    /// The highest sequence number whose outcome was let go; what is not above it is refused, since it may have been made.
    public private(set) var forgotten: UInt64 = 0

    init(lifetime: UInt64, at time: Timestamp) {
        self.lifetime = lifetime
        lastUsed = time
    }

    /// Decided by the log's time alone, so by all alike.
    public func isExpired(at time: Timestamp) -> Bool {
        time.nanoseconds > lastUsed.nanoseconds
            && time.nanoseconds - lastUsed.nanoseconds > lifetime
    }

    public func outcome(of sequence: UInt64) -> Kept? {
        outcomes.first { $0.sequence == sequence }
    }

    mutating func keep(_ kept: Kept) {
        let place = outcomes.firstIndex { $0.sequence > kept.sequence } ?? outcomes.endIndex
        outcomes.insert(kept, at: place)
        guard outcomes.count > Self.outcomesMax else { return }
        forgotten = max(forgotten, outcomes.removeFirst().sequence)
    }

    // MARK: Coding

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw .unknownFormat(format, of: "session", known: Self.format, at: start)
        }
        lifetime = try reader.read(UInt64.self)
        lastUsed = Timestamp(nanoseconds: try reader.read(UInt64.self))
        forgotten = try reader.read(UInt64.self)
        for _ in 0..<(try reader.readUInt8()) {
            let sequence = try reader.read(UInt64.self)
            guard sequence > max(forgotten, outcomes.last?.sequence ?? 0) else {
                throw DecodingFailure("outcomes of a session are out of order", at: reader.offset)
            }
            let position = try LogPosition(from: &reader)
            let result: Result<UInt64, Rejection> =
                try reader.readBool()
                ? .success(try reader.read(UInt64.self)) : .failure(try Rejection(from: &reader))
            outcomes.append(Kept(sequence: sequence, position: position, result: result))
        }
    }

    func write(to writer: inout ByteWriter) {
        writer.write(Self.format)
        writer.write(lifetime)
        writer.write(lastUsed.nanoseconds)
        writer.write(forgotten)
        writer.write(UInt8(outcomes.count))
        for kept in outcomes {
            writer.write(kept.sequence)
            kept.position.write(to: &writer)
            switch kept.result {
            case .success(let version):
                writer.write(true)
                writer.write(version)
            case .failure(let rejection):
                writer.write(false)
                rejection.write(to: &writer)
            }
        }
    }
}

public import Base

/// One row of the state as it is stored, hashed and sent in snapshots.
///
/// The state is a set of rows; a change touches only the rows that differ, so that its cost does not grow
/// with what is already there.
public struct StateRow: Equatable, Sendable {
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// Cluster id, creation time, map versions, primary; one row with an empty key.
        case cluster = 1
        /// Keyed by node id.
        case node = 2
        /// Keyed by the coded bucket.
        case bucket = 3
        /// One row with an empty key.
        case config = 4
        /// What a node has set of its own, keyed by its id.
        case nodeConfig = 5
        /// The last rebalance; one row with an empty key.
        case rebalance = 10
        /// What a target has reported of its disks, keyed by its id.
        case mountpathNotes = 11
        /// A forced recovery, keyed by the generation it began.
        case recovery = 12
        /// A client's session, keyed by the coded position that names it.
        case session = 13
        /// An order to a target to remove its user data, and what came of it; keyed by the target's id.
        case decommission = 14
        /// A rebalance before the last; keyed by its number, big-endian.
        case endedRebalance = 15

        /// Whether lines of the history are about it. What a session keeps is there for clients to ask again, and the history
        /// has a rebalance from the row of the last one.
        var isInHistory: Bool { self != .session && self != .endedRebalance }
    }

    /// A row of a kind that is not known here.
    public static func unknownKind(_ code: UInt8, at offset: Int) -> DecodingFailure {
        .unknownKind(
            code, of: "state row", known: Kind.allCases.map(\.rawValue).max() ?? 0, at: offset)
    }

    /// The row as people can find it: its kind, and its key as text where it is one.
    public var name: String { Self.name("\(kind)", key) }

    static func name(_ kind: String, _ key: [UInt8]) -> String {
        guard !key.isEmpty else { return "state row '\(kind)'" }
        let isText = key.allSatisfy { 0x20..<0x7F ~= $0 }
        return "state row '\(kind)' "
            + (isText ? String(decoding: key, as: UTF8.self) : Hex.text(key.prefix(64)))
    }

    /// A row written (`value`) or deleted (`nil`).
    public struct Change: Equatable, Sendable {
        public let kind: Kind
        public let key: [UInt8]
        public let value: [UInt8]?

        public init(kind: Kind, key: [UInt8], value: [UInt8]?) {
            self.kind = kind
            self.key = key
            self.value = value
        }
    }

    public let kind: Kind
    public let key: [UInt8]
    public let value: [UInt8]

    public init(kind: Kind, key: [UInt8], value: [UInt8]) {
        self.kind = kind
        self.key = key
        self.value = value
    }

    /// The row's share of the state's hash. Shares are added up modulo 2^64, so rows can come and go in any
    /// order and at the cost of the row alone.
    public var hash: UInt64 { Self.hash(kind.rawValue, key, value) }

    /// The same of a row whose kind need not be known.
    public static func hash(_ kind: UInt8, _ key: [UInt8], _ value: [UInt8]) -> UInt64 {
        var hash = XXH64(seed: UInt64(kind))
        withUnsafeBytes(of: UInt64(key.count).littleEndian) { hash.update($0) }
        hash.update(key)
        hash.update(value)
        return hash.finish()
    }
}

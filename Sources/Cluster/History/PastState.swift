public import Base

/// What the cluster agreed on at an earlier version of one of its maps: the present, with the history undone from its newest
/// entry back.
///
/// Only the map it is about is what it was; the others keep what the entries that were undone happen to say of them.
public struct PastState: Equatable, Sendable {
    public enum Subject: Sendable {
        case map
        case buckets
        case config

        /// Of which entries of the history change it.
        public var subjects: HistoryEntry.Subjects {
            switch self {
            case .map: .map
            case .buckets: .buckets
            case .config: .config
            }
        }
    }

    public let subject: Subject
    public private(set) var map: ClusterMap
    public private(set) var buckets: BucketMap
    public private(set) var config: ClusterConfig

    public init(_ state: ClusterState, subject: Subject) {
        self.subject = subject
        map = state.map
        buckets = state.buckets
        config = state.config
    }

    public var version: UInt64 {
        switch subject {
        case .map: map.version
        case .buckets: buckets.version
        case .config: config.version
        }
    }

    /// Goes back one entry.
    ///
    /// - Returns: whether the entry led to this state. Otherwise there is a gap between them, and nothing is undone.
    /// - Throws: ``Base/DecodingFailure`` for a row that does not decode: the history is damaged.
    public mutating func undo(_ entry: HistoryEntry) throws(DecodingFailure) -> Bool {
        var copy = self
        for row in entry.rows {
            guard try copy.undo(row) else { return false }
        }
        self = copy
        return true
    }

    private mutating func undo(_ row: HistoryEntry.Row) throws(DecodingFailure) -> Bool {
        switch (row.kind, subject) {
        case (.cluster, .map):
            let (before, after) = (try Self.state(row, row.before), try Self.state(row, row.after))
            guard after.map.version == map.version else { return false }
            map.clusterID = before.map.clusterID
            map.created = before.map.created
            map.version = before.map.version
            map.primary = before.map.primary
        case (.cluster, .buckets):
            guard try Self.state(row, row.after).buckets.version == buckets.version else {
                return false
            }
            buckets.version = try Self.state(row, row.before).buckets.version
        case (.node, .map): return try undoNode(row)
        case (.bucket, .buckets): return try undoBucket(row)
        case (.config, .config):
            guard try Self.config(row.after).version == config.version else { return false }
            let nodes = config.nodes
            config = try Self.config(row.before)
            config.nodes = nodes
        case (.nodeConfig, .config):
            guard let id = NodeID(String(decoding: row.key, as: UTF8.self)) else {
                throw DecodingFailure("not a node id", at: 0)
            }
            config.nodes[id] = nil
            if let value = row.before {
                var reader = ByteReader(value)
                try config.restore(id, from: &reader)
            }
        default: break
        }
        return true
    }

    private mutating func undoNode(_ row: HistoryEntry.Row) throws(DecodingFailure) -> Bool {
        let (before, after) = (try Self.node(row.before), try Self.node(row.after))
        guard let id = (before ?? after)?.id, map[id] == after else { return false }
        if let before { map.set(before) } else { map.remove(id) }
        return true
    }

    private mutating func undoBucket(_ row: HistoryEntry.Row) throws(DecodingFailure) -> Bool {
        var reader = ByteReader(row.key)
        let bucket = try Bucket(from: &reader)
        guard buckets[bucket] == (try Self.properties(row.after)) else { return false }
        buckets.buckets[bucket] = try Self.properties(row.before)
        return true
    }

    // MARK: Rows

    private static func state(
        _ row: HistoryEntry.Row, _ value: [UInt8]?
    ) throws(DecodingFailure) -> ClusterState {
        guard let value else { return ClusterState() }
        return try ClusterState(
            rows: [StateRow(kind: row.kind, key: row.key, value: value)], position: .zero)
    }

    private static func node(_ value: [UInt8]?) throws(DecodingFailure) -> Node? {
        guard let value else { return nil }
        var reader = ByteReader(value)
        return try Node(from: &reader)
    }

    private static func properties(
        _ value: [UInt8]?
    ) throws(DecodingFailure) -> BucketProperties? {
        guard let value else { return nil }
        var reader = ByteReader(value)
        return try BucketProperties(from: &reader)
    }

    private static func config(_ value: [UInt8]?) throws(DecodingFailure) -> ClusterConfig {
        guard let value else { return ClusterConfig() }
        var reader = ByteReader(value)
        return try ClusterConfig(from: &reader)
    }
}

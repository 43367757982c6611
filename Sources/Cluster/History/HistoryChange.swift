import Base

/// A row of a ``HistoryEntry``, read.
public enum HistoryChange: Equatable, Sendable {
    /// The cluster's own row.
    public struct Versions: Equatable, Sendable {
        public let map: UInt64
        public let buckets: UInt64
        public let primary: NodeID?
    }

    case versions(before: Versions?, after: Versions?)
    case node(before: Node?, after: Node?)
    case bucket(Bucket, before: BucketProperties?, after: BucketProperties?)
    /// `nil` before the first was started.
    case rebalance(before: RebalanceRecord?, after: RebalanceRecord?)
    /// What a target has told of its disks.
    case mountpaths(NodeID, before: [MountpathNote]?, after: [MountpathNote]?)
    /// `nil` while a target was told nothing.
    case decommission(NodeID, before: DecommissionRecord?, after: DecommissionRecord?)
    case recovery(before: RecoveryRecord?, after: RecoveryRecord?)
    /// An option that was set, set anew or taken back; for the cluster, or for a node. `nil` where it was not set.
    case setting(String, node: NodeID?, before: String?, after: String?)
}

extension HistoryEntry {
    /// - Throws: ``Base/DecodingFailure`` for a row that does not decode: the history is damaged.
    public var changes: [HistoryChange] {
        get throws(DecodingFailure) {
            var changes: [HistoryChange] = []
            for row in rows { changes += try row.changes }
            return changes
        }
    }
}

extension HistoryEntry.Row {
    /// Of the cluster's own row: the documents whose versions it raised. All, if it does not decode.
    var raised: HistoryEntry.Subjects {
        do throws(DecodingFailure) {
            let (old, new) = (try versions(before), try versions(after))
            var raised: HistoryEntry.Subjects = []
            if old?.map != new?.map { raised.insert(.map) }
            if old?.buckets != new?.buckets { raised.insert(.buckets) }
            return raised
        } catch {
            return .all
        }
    }

    /// Of the configuration's row: whether options were set or taken back. Taking back what is not set raises its version
    /// all the same; the row that founds a cluster counts only with options in it.
    var changesOptions: Bool {
        before != nil || (try? config(after))?.settings.isEmpty != true
    }

    fileprivate var changes: [HistoryChange] {
        get throws(DecodingFailure) {
            switch kind {
            case .cluster:
                return [.versions(before: try versions(before), after: try versions(after))]
            case .node: return [.node(before: try node(before), after: try node(after))]
            case .bucket:
                var reader = ByteReader(key)
                let bucket = try Bucket(from: &reader)
                return [
                    .bucket(
                        bucket, before: try properties(before), after: try properties(after))
                ]
            case .config:
                return settings(try config(before)?.settings, try config(after)?.settings, of: nil)
            case .nodeConfig:
                guard let id = NodeID(String(decoding: key, as: UTF8.self)) else {
                    throw DecodingFailure("not a node id", at: 0)
                }
                return settings(try own(before, of: id), try own(after, of: id), of: id)
            case .rebalance:
                return [.rebalance(before: try rebalance(before), after: try rebalance(after))]
            case .mountpathNotes:
                guard let id = NodeID(String(decoding: key, as: UTF8.self)) else {
                    throw DecodingFailure("not a node id", at: 0)
                }
                return [.mountpaths(id, before: try notes(before), after: try notes(after))]
            case .recovery:
                return [.recovery(before: try recovery(before), after: try recovery(after))]
            case .decommission:
                guard let id = NodeID(String(decoding: key, as: UTF8.self)) else {
                    throw DecodingFailure("not a node id", at: 0)
                }
                return [
                    .decommission(id, before: try order(before), after: try order(after))
                ]
            // No line is about them.
            case .session, .endedRebalance: return []
            }
        }
    }

    private func versions(_ value: [UInt8]?) throws(DecodingFailure) -> HistoryChange.Versions? {
        guard let value else { return nil }
        var (reader, state) = (ByteReader(value), ClusterState())
        try state.restoreCluster(from: &reader)
        return HistoryChange.Versions(
            map: state.map.version, buckets: state.buckets.version, primary: state.map.primary)
    }

    private func rebalance(_ value: [UInt8]?) throws(DecodingFailure) -> RebalanceRecord? {
        guard let value else { return nil }
        var reader = ByteReader(value)
        return try RebalanceRecord(from: &reader)
    }

    private func recovery(_ value: [UInt8]?) throws(DecodingFailure) -> RecoveryRecord? {
        guard let value else { return nil }
        var reader = ByteReader(value)
        return try RecoveryRecord(row: &reader)
    }

    private func order(_ value: [UInt8]?) throws(DecodingFailure) -> DecommissionRecord? {
        guard let value else { return nil }
        var reader = ByteReader(value)
        return try DecommissionRecord(from: &reader)
    }

    private func notes(_ value: [UInt8]?) throws(DecodingFailure) -> [MountpathNote]? {
        guard let value else { return nil }
        var (reader, state) = (ByteReader(value), ClusterState())
        try state.restoreNotes(key, from: &reader)
        return state.mountpathNotes.values.first { _ in true }
    }

    private func node(_ value: [UInt8]?) throws(DecodingFailure) -> Node? {
        guard let value else { return nil }
        var reader = ByteReader(value)
        return try Node(from: &reader)
    }

    private func properties(_ value: [UInt8]?) throws(DecodingFailure) -> BucketProperties? {
        guard let value else { return nil }
        var reader = ByteReader(value)
        return try BucketProperties(from: &reader)
    }

    private func config(_ value: [UInt8]?) throws(DecodingFailure) -> ClusterConfig? {
        guard let value else { return nil }
        var reader = ByteReader(value)
        return try ClusterConfig(from: &reader)
    }

    private func own(
        _ value: [UInt8]?, of id: NodeID
    ) throws(DecodingFailure) -> ClusterConfig.Settings? {
        guard let value else { return nil }
        var (reader, config) = (ByteReader(value), ClusterConfig())
        try config.restore(id, from: &reader)
        return config.nodes[id]
    }

    private func settings(
        _ before: ClusterConfig.Settings?, _ after: ClusterConfig.Settings?, of node: NodeID?
    ) -> [HistoryChange] {
        let (before, after) = (before ?? .init(), after ?? .init())
        let names = Set(before.keys).union(after.keys).sorted()
        return names.filter { before[$0] != after[$0] }.map {
            .setting($0, node: node, before: before[$0]?.value, after: after[$0]?.value)
        }
    }
}

public import Base

/// Everything the cluster agrees on, at one place of the log: the pure half of the replicated state machine.
///
/// Proxies, targets and the simulator run the same ``apply(_:at:time:changes:)``: same log, same state, byte for byte.
/// No clock, no randomness, no I/O, nothing thrown.
public struct ClusterState: Equatable, Sendable {
    /// The last entry applied.
    public private(set) var position = LogPosition.zero
    public private(set) var map = ClusterMap()
    public private(set) var buckets = BucketMap()
    public private(set) var config = ClusterConfig()
    public internal(set) var rebalance = RebalanceRecord()
    /// Those before the last whose end is not long ago, by their numbers.
    public internal(set) var endedRebalances = SortedMap<UInt64, RebalanceRecord>()
    public internal(set) var mountpathNotes = SortedMap<NodeID, [MountpathNote]>()
    /// The newest forced recoveries, by the generation each began.
    public internal(set) var recoveries = SortedMap<
        RecoveryRecord.Generation, RecoveryRecord
    >()
    /// The sessions of clients, by the position that opened them.
    public internal(set) var sessions = SortedMap<LogPosition, Session>()
    /// Sessions that have ended for want of use.
    public internal(set) var expiredSessions = Tally()
    /// Targets that were told to remove their user data.
    public internal(set) var decommissions = SortedMap<NodeID, DecommissionRecord>()
    /// The sum of all rows' hashes; equal positions must have equal hashes on every replica.
    public private(set) var hash: UInt64 = 0

    public init() {}

    /// Applies one committed command.
    ///
    /// - Parameters:
    ///   - record: the decoded payload of the entry.
    ///   - position: the entry's place; it must be beyond ``position``.
    ///   - time: the entry's time, stamped once by the leader that proposed it.
    ///   - changes: the rows that now differ are appended, for whoever makes the state durable.
    /// - Returns: what the command did, or why it changed nothing.
    public mutating func apply(
        _ record: LogRecord, at position: LogPosition, time: Timestamp,
        changes: inout [StateRow.Change]
    ) -> Outcome {
        advance(to: position)
        if let call = record.call {
            return applyOnce(record, in: call, time: time, changes: &changes)
        }
        let result = carryOut(record, time: time, changes: &changes)
        return Outcome(position: position, result: result)
    }

    /// Applies the first entry of a term: its leader is the primary from here on.
    public mutating func applyLeader(
        member: UInt64, at position: LogPosition, changes: inout [StateRow.Change]
    ) -> Outcome {
        advance(to: position)
        // Before the founding entry there is no map that could name a primary.
        if let node = map.node(member: member) {
            map.primary = node.id
            map.version += 1
            put(clusterRow, &changes)
        }
        return Outcome(position: position, result: .success(map.version))
    }

    /// Passes an entry that is not about the state (a configuration of the consensus group).
    public mutating func advance(to position: LogPosition) {
        precondition(
            position > self.position, "entry \(position.text) after \(self.position.text)")
        self.position = position
    }

    // MARK: Commands

    mutating func change(
        by record: LogRecord, time: Timestamp, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        let command = record.command
        if case .found(let clusterID, let founder, _, _) = command {
            return found(clusterID, by: founder, time: time, changes: &changes)
        }
        guard !map.clusterID.isEmpty else { return .failure(.notFounded) }
        switch command {
        case .found: return .failure(.alreadyFounded(clusterID: map.clusterID))
        case .setNode(let node): return setNode(node, changes: &changes)
        case .removeNode(let id): return removeNode(id, time: time, changes: &changes)
        case .createBucket(let bucket, let properties):
            return create(bucket, properties, time: time, changes: &changes)
        case .destroyBucket(let bucket): return destroy(bucket, changes: &changes)
        case .setConfig(let change): return set(change, changes: &changes)
        case .setMaintenance(let id, let isOn): return setMaintenance(id, isOn, changes: &changes)
        case .startRebalance: return startRebalance(time: time, changes: &changes)
        case .replaceRebalance: return replaceRebalance(time: time, changes: &changes)
        case .stopRebalance(let version):
            return stopRebalance(version, time: time, changes: &changes)
        case .noteMountpath(let id, let note):
            return self.note(note, of: id, time: time, changes: &changes)
        case .recover(let recovery):
            return recover(recovery, by: record, time: time, changes: &changes)
        case .session(let change): return self.change(change, time: time, changes: &changes)
        case .decommission(let id, let order):
            return decommission(id, order, time: time, changes: &changes)
        case .endDecommission(let id, let report):
            return endDecommission(of: id, report, time: time, changes: &changes)
        case .batch(let commands):
            return makeAll(commands, by: record, time: time, changes: &changes)
        }
    }

    private mutating func found(
        _ clusterID: String, by founder: Node, time: Timestamp, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        guard map.clusterID.isEmpty else {
            return .failure(.alreadyFounded(clusterID: map.clusterID))
        }
        map.clusterID = clusterID
        map.created = time
        map.set(founder)
        map.primary = founder.id
        map.version = 1
        buckets.version = 1
        put(row(of: founder), &changes)
        put(configRow, &changes)
        put(clusterRow, &changes)
        return .success(map.version)
    }

    private mutating func setNode(
        _ node: Node, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        let node = keepingService(node)
        if let present = map[node.id] {
            if present == node { return .success(map.version) }
            guard present.role == node.role else {
                return .failure(.roleDiffers(node.id, is: present.role))
            }
        }
        if let other = map.nodes.values.first(where: {
            $0.address == node.address && $0.id != node.id
        }) {
            return .failure(.addressTaken(node.address, by: other.id))
        }
        if map[node.id] == nil { forgetDecommission(of: node.id, &changes) }
        replace(node, changes: &changes)
        return .success(map.version)
    }

    /// What operators have set stays when a node renews what the map says of it, however old the map it goes by.
    private func keepingService(_ node: Node) -> Node {
        guard let present = map[node.id] else { return node }
        let service: Node.Flags = [.maintenance, .decommission]
        var node = node
        node.flags = node.flags.subtracting(service).union(present.flags.intersection(service))
        return node
    }

    /// Puts a node, or what has changed about it, on the map.
    mutating func replace(_ node: Node, changes: inout [StateRow.Change]) {
        map.set(node)
        map.version += 1
        put(row(of: node), &changes)
        put(clusterRow, &changes)
    }

    mutating func removeNode(
        _ id: NodeID, time: Timestamp, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        guard let node = map[id] else { return .failure(.noSuchNode(id)) }
        guard map.primary != id else { return .failure(.isPrimary(id)) }
        map.remove(id)
        map.version += 1
        delete(row(of: node), &changes)
        put(clusterRow, &changes)
        forgetConfig(of: id, &changes)
        closeDecommission(of: id, .abandoned, time: time, changes: &changes)
        return .success(map.version)
    }

    /// Takes proxies off the map whose successor as primary is known, and puts the successor on it when it is new.
    mutating func takeOff(
        _ ids: [NodeID], for primary: NodeID, founder: Node?,
        changes: inout [StateRow.Change]
    ) {
        for node in ids.compactMap({ map[$0] }) {
            map.remove(node.id)
            delete(row(of: node), &changes)
            forgetConfig(of: node.id, &changes)
        }
        if let founder {
            map.set(founder)
            put(row(of: founder), &changes)
        }
        if map[primary] != nil { map.primary = primary }
        map.version += 1
        put(clusterRow, &changes)
    }

    private mutating func create(
        _ bucket: Bucket, _ properties: BucketProperties, time: Timestamp,
        changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        guard buckets[bucket] == nil else { return .failure(.bucketExists(bucket)) }
        buckets.version += 1
        var properties = properties
        properties.id = buckets.version | (bucket.provider == .ais ? 1 << 63 : 0)
        properties.created = time
        buckets.buckets[bucket] = properties
        let row = row(of: bucket, properties)
        hash = hash &+ row.hash
        changes.append(StateRow.Change(kind: row.kind, key: row.key, value: row.value))
        put(clusterRow, &changes)
        return .success(buckets.version)
    }

    private mutating func destroy(
        _ bucket: Bucket, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        guard let properties = buckets[bucket] else { return .failure(.noSuchBucket(bucket)) }
        buckets.buckets[bucket] = nil
        buckets.version += 1
        let row = row(of: bucket, properties)
        hash = hash &- row.hash
        changes.append(StateRow.Change(kind: row.kind, key: row.key, value: nil))
        put(clusterRow, &changes)
        return .success(buckets.version)
    }

    private mutating func set(
        _ change: ConfigChange, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        if let rejection = check(Precondition(.config, version: change.base)) {
            return .failure(rejection)
        }
        // Worked out to be what there is already, within a session that keeps this answer.
        guard !change.items.isEmpty else { return .success(config.version) }
        if case .node(let id) = change.scope, map[id] == nil { return .failure(.noSuchNode(id)) }
        for id in config.apply(change).nodes {
            let row = configRow(of: id)
            if config.nodes[id] == nil { delete(row, &changes) } else { put(row, &changes) }
        }
        put(configRow, &changes)
        return .success(config.version)
    }

    /// A node that is taken off the map takes its settings along: what comes back under its id starts anew.
    private mutating func forgetConfig(of id: NodeID, _ changes: inout [StateRow.Change]) {
        guard config.nodes[id] != nil else { return }
        delete(configRow(of: id), &changes)
        config.nodes[id] = nil
        config.version += 1
        put(configRow, &changes)
    }

    // MARK: Rows

    /// The hash of what each row held is kept beside the state, so that replacing a row needs no second coding. Not for
    /// buckets: there may be a hundred thousand, and a second tree would double the cost of each.
    private var rowHashes = SortedMap<RowKey, UInt64>()

    mutating func put(_ row: StateRow, _ changes: inout [StateRow.Change]) {
        let key = RowKey(kind: row.kind, key: row.key)
        let new = row.hash
        hash = hash &- (rowHashes[key] ?? 0) &+ new
        rowHashes[key] = new
        changes.append(StateRow.Change(kind: row.kind, key: row.key, value: row.value))
    }

    mutating func delete(_ row: StateRow, _ changes: inout [StateRow.Change]) {
        let key = RowKey(kind: row.kind, key: row.key)
        hash = hash &- (rowHashes[key] ?? 0)
        rowHashes[key] = nil
        changes.append(StateRow.Change(kind: row.kind, key: row.key, value: nil))
    }
}

/// Names a row within the state.
private struct RowKey: Comparable, Sendable {
    let kind: StateRow.Kind
    let key: [UInt8]

    static func < (left: RowKey, right: RowKey) -> Bool {
        if left.kind != right.kind { return left.kind.rawValue < right.kind.rawValue }
        return left.key.lexicographicallyPrecedes(right.key)
    }
}

// MARK: - Rows to state and back

extension ClusterState {
    /// All rows, in order of kind and key.
    public var rows: [StateRow] {
        guard !map.clusterID.isEmpty else { return [] }
        var rows = [clusterRow]
        rows.append(contentsOf: map.nodes.values.map { row(of: $0) })
        rows.append(contentsOf: buckets.buckets.map { row(of: $0.key, $0.value) })
        rows.append(configRow)
        rows.append(contentsOf: config.nodes.keys.map { configRow(of: $0) })
        rows.append(contentsOf: operationRows)
        rows.append(contentsOf: recoveryRows)
        rows.append(contentsOf: sessionRows)
        rows.append(contentsOf: decommissionRows)
        rows.append(contentsOf: endedRebalances.values.map { row(ofEnded: $0) })
        return rows
    }

    /// The state that stored rows describe.
    ///
    /// - Throws: ``Base/DecodingFailure`` for a row that does not decode or appears twice; no row is skipped.
    public init(rows: some Sequence<StateRow>, position: LogPosition) throws(DecodingFailure) {
        self.init()
        for row in rows {
            do throws(DecodingFailure) {
                try restore(row)
            } catch {
                throw error.within(row.name)
            }
        }
        guard map.clusterID.isEmpty == (rowHashes.isEmpty && buckets.buckets.isEmpty) else {
            throw DecodingFailure("state without its cluster row", at: 0)
        }
        self.position = position
    }

    private mutating func restore(_ row: StateRow) throws(DecodingFailure) {
        if row.kind == .bucket { return try restoreBucket(row) }
        let key = RowKey(kind: row.kind, key: row.key)
        guard rowHashes[key] == nil else { throw Self.doubled(row) }
        rowHashes[key] = row.hash
        hash = hash &+ row.hash
        var reader = ByteReader(row.value)
        switch row.kind {
        case .cluster: try restoreCluster(from: &reader)
        case .node: map.set(try Node(from: &reader))
        case .bucket: break
        case .config:
            let nodes = config.nodes
            config = try ClusterConfig(from: &reader)
            config.nodes = nodes
        case .nodeConfig:
            let text = String(decoding: row.key, as: UTF8.self)
            guard let id = NodeID(text) else { throw DecodingFailure("not a node id", at: 0) }
            try config.restore(id, from: &reader)
        case .rebalance: rebalance = try RebalanceRecord(from: &reader)
        case .mountpathNotes: try restoreNotes(row.key, from: &reader)
        case .recovery: try restoreRecovery(row.key, from: &reader)
        case .session: try restoreSession(row.key, from: &reader)
        case .decommission: try restoreDecommission(row.key, from: &reader)
        case .endedRebalance: try restoreEndedRebalance(row.key, from: &reader)
        }
        try reader.finish()
    }

    private mutating func restoreBucket(_ row: StateRow) throws(DecodingFailure) {
        var key = ByteReader(row.key)
        let bucket = try Bucket(from: &key)
        try key.finish()
        guard buckets.buckets[bucket] == nil else { throw Self.doubled(row) }
        var value = ByteReader(row.value)
        buckets.buckets[bucket] = try BucketProperties(from: &value)
        try value.finish()
        hash = hash &+ row.hash
    }

    private static func doubled(_ row: StateRow) -> DecodingFailure {
        DecodingFailure("second row of kind \(row.kind) with one key", at: 0)
    }

    mutating func restoreCluster(from reader: inout ByteReader) throws(DecodingFailure) {
        map.clusterID = try reader.readString(limit: 64)
        map.created = Timestamp(nanoseconds: try reader.read(UInt64.self))
        map.version = try reader.read(UInt64.self)
        let primary = try reader.readString(limit: NodeID.bytesMax)
        map.primary = NodeID(primary)
        buckets.version = try reader.read(UInt64.self)
    }

    /// What a row holds; `nil` when there is none.
    func row(_ kind: StateRow.Kind, _ key: [UInt8]) -> [UInt8]? {
        guard kind == .bucket || rowHashes[RowKey(kind: kind, key: key)] != nil else { return nil }
        switch kind {
        case .cluster: return clusterRow.value
        case .node:
            return NodeID(String(decoding: key, as: UTF8.self)).flatMap { map[$0] }
                .map { row(of: $0).value }
        case .bucket:
            var reader = ByteReader(key)
            guard let bucket = try? Bucket(from: &reader) else { return nil }
            return buckets[bucket].map { row(of: bucket, $0).value }
        case .config: return configRow.value
        case .nodeConfig:
            return NodeID(String(decoding: key, as: UTF8.self)).map { configRow(of: $0).value }
        case .rebalance: return rebalanceRow.value
        case .mountpathNotes:
            guard let id = NodeID(String(decoding: key, as: UTF8.self)) else { return nil }
            return mountpathNotes[id].map { row(of: id, $0).value }
        case .recovery: return recoveryRows.first { $0.key == key }?.value
        case .session:
            var reader = ByteReader(key)
            guard let id = try? LogPosition(from: &reader) else { return nil }
            return sessions[id].map { row(of: id, $0).value }
        case .decommission:
            guard let id = NodeID(String(decoding: key, as: UTF8.self)) else { return nil }
            return decommissions[id].map { row(of: id, $0).value }
        case .endedRebalance:
            return endedRebalances.values.map { row(ofEnded: $0) }.first { $0.key == key }?.value
        }
    }

    private var clusterRow: StateRow {
        var writer = ByteWriter()
        writer.write(map.clusterID)
        writer.write(map.created.nanoseconds)
        writer.write(map.version)
        writer.write(map.primary?.text ?? "")
        writer.write(buckets.version)
        return StateRow(kind: .cluster, key: [], value: writer.bytes)
    }

    private var configRow: StateRow {
        var writer = ByteWriter(capacity: 256)
        config.write(to: &writer)
        return StateRow(kind: .config, key: [], value: writer.bytes)
    }

    private func configRow(of id: NodeID) -> StateRow {
        var writer = ByteWriter()
        config.write(id, to: &writer)
        return StateRow(kind: .nodeConfig, key: Array(id.text.utf8), value: writer.bytes)
    }

    private func row(of node: Node) -> StateRow {
        var writer = ByteWriter()
        node.write(to: &writer)
        return StateRow(kind: .node, key: Array(node.id.text.utf8), value: writer.bytes)
    }

    private func row(of bucket: Bucket, _ properties: BucketProperties) -> StateRow {
        var key = ByteWriter()
        bucket.write(to: &key)
        var value = ByteWriter(capacity: 256)
        properties.write(to: &value)
        return StateRow(kind: .bucket, key: key.bytes, value: value.bytes)
    }
}

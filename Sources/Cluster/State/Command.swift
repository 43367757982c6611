import Base

/// One change of what the cluster agrees on. Coded with a leading format version and a kind; a kind that
/// is not known is never skipped (see ``LogRecord``).
public enum Command: Equatable, Sendable {
    /// The first change of a cluster's log: names it, its first proxy, and its generation (a counter, and a nonce
    /// that tells it from any other).
    case found(clusterID: String, founder: Node, generation: UInt64, nonce: UInt64)
    /// Adds a node, or renews what the map says of it (address, flags, replica).
    case setNode(Node)
    case removeNode(NodeID)
    /// Creates a bucket; `id` and `created` of the properties are filled in by ``ClusterState``.
    case createBucket(Bucket, BucketProperties)
    case destroyBucket(Bucket)
    /// Sets options of the configuration, or takes settings back.
    case setConfig(ConfigChange)
    /// Takes a node out of placement and votes, or back in.
    case setMaintenance(NodeID, isOn: Bool)
    case startRebalance
    /// The same as builds know it that keep nothing of the rebalance before. It is in their logs, and not proposed any more.
    case replaceRebalance
    /// Notes that the last rebalance was stopped; with a version, only if that is the last one still.
    case stopRebalance(version: UInt64?)
    /// What a target has found out about one of its disks.
    case noteMountpath(NodeID, MountpathNote)
    /// The first entry of a generation that a forced recovery has begun. Only ``Consensus/ForcedRecovery`` brings it into the log.
    case recover(RecoveryRecord)
    /// Opens, renews or ends a client's session.
    case session(SessionChange)
    /// Tells a target to remove its user data before it leaves the map.
    case decommission(NodeID, DecommissionOrder)
    /// A target has removed what it was told to, and leaves the map.
    case endDecommission(NodeID, DecommissionReport)
    /// Several changes that are made together or not at all; nobody sees a state between them.
    indirect case batch([Command])

    /// As many as an operator writes at once; a record holds far more.
    public static let batchMax = 64

    /// The word for logs, history and errors.
    public var name: String {
        switch self {
        case .found: "found"
        case .setNode: "set_node"
        case .removeNode: "remove_node"
        case .createBucket: "create_bucket"
        case .destroyBucket: "destroy_bucket"
        case .setConfig: "set_config"
        case .setMaintenance: "set_maintenance"
        case .startRebalance, .replaceRebalance: "start_rebalance"
        case .stopRebalance: "stop_rebalance"
        case .noteMountpath: "note_mountpath"
        case .recover: "recover"
        case .session: "session"
        case .batch: "batch"
        case .decommission: "decommission"
        case .endDecommission: "end_decommission"
        }
    }
}

extension Command {
    /// The first byte of a coded command.
    public enum Kind: UInt8, CaseIterable, Sendable {
        case found = 1
        case setNode = 2
        case removeNode = 3
        case createBucket = 4
        case destroyBucket = 5
        case setConfig = 6
        case setMaintenance = 10
        case replaceRebalance = 11
        case stopRebalance = 12
        case noteMountpath = 13
        case recover = 14
        case session = 15
        case batch = 16
        case decommission = 17
        case endDecommission = 18
        case startRebalance = 19
        /// Of builds before it, none can read it; they stop whichever is the last.
        case stopOneRebalance = 20

        fileprivate static let last = allCases.map(\.rawValue).max() ?? 0
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        try self.init(from: &reader, isWithinBatch: false)
    }

    private init(
        from reader: inout ByteReader, isWithinBatch: Bool
    ) throws(DecodingFailure) {
        let start = reader.offset
        let code = try reader.readUInt8()
        guard let kind = Kind(rawValue: code) else {
            throw .unknownKind(code, of: "command", known: Kind.last, at: start)
        }
        let alone: [Kind] = [.found, .recover, .session, .batch, .endDecommission]
        if isWithinBatch, alone.contains(kind) {
            throw DecodingFailure("command of kind \(code) within a batch", at: start)
        }
        switch kind {
        case .found:
            let clusterID = try reader.readString(limit: 64)
            self = .found(
                clusterID: clusterID, founder: try Node(from: &reader),
                generation: try reader.read(UInt64.self), nonce: try reader.read(UInt64.self))
        case .setNode: self = .setNode(try Node(from: &reader))
        case .removeNode: self = .removeNode(try Self.nodeID(&reader))
        case .createBucket:
            let bucket = try Bucket(from: &reader)
            self = .createBucket(bucket, try BucketProperties(from: &reader))
        case .destroyBucket: self = .destroyBucket(try Bucket(from: &reader))
        case .setConfig: self = .setConfig(try ConfigChange(from: &reader))
        case .setMaintenance:
            self = .setMaintenance(
                try Self.nodeID(&reader), isOn: try reader.readUInt8() != 0)
        case .startRebalance: self = .startRebalance
        case .replaceRebalance: self = .replaceRebalance
        case .stopRebalance: self = .stopRebalance(version: nil)
        case .stopOneRebalance: self = .stopRebalance(version: try reader.read(UInt64.self))
        case .noteMountpath:
            self = .noteMountpath(try Self.nodeID(&reader), try MountpathNote(from: &reader))
        case .recover: self = .recover(try RecoveryRecord(from: &reader))
        case .session: self = .session(try SessionChange(from: &reader))
        case .decommission:
            self = .decommission(
                try Self.nodeID(&reader), try DecommissionOrder(from: &reader))
        case .endDecommission:
            self = .endDecommission(
                try Self.nodeID(&reader), try DecommissionReport(from: &reader))
        case .batch:
            let count = Int(try reader.read(UInt16.self))
            guard count <= Self.batchMax else {
                throw DecodingFailure("\(count) changes in one batch", at: start)
            }
            var commands: [Command] = []
            for _ in 0..<count {
                commands.append(try Command(from: &reader, isWithinBatch: true))
            }
            self = .batch(commands)
        }
    }

    static func nodeID(_ reader: inout ByteReader) throws(DecodingFailure) -> NodeID {
        let start = reader.offset
        guard let id = NodeID(try reader.readString(limit: NodeID.bytesMax)) else {
            throw DecodingFailure("not a node id", at: start)
        }
        return id
    }

    func write(to writer: inout ByteWriter) {
        switch self {
        case .found(let clusterID, let founder, let generation, let nonce):
            writer.write(Kind.found.rawValue)
            writer.write(clusterID)
            founder.write(to: &writer)
            writer.write(generation)
            writer.write(nonce)
        case .setNode(let node):
            writer.write(Kind.setNode.rawValue)
            node.write(to: &writer)
        case .removeNode(let id):
            writer.write(Kind.removeNode.rawValue)
            writer.write(id.text)
        case .createBucket(let bucket, let properties):
            writer.write(Kind.createBucket.rawValue)
            bucket.write(to: &writer)
            properties.write(to: &writer)
        case .destroyBucket(let bucket):
            writer.write(Kind.destroyBucket.rawValue)
            bucket.write(to: &writer)
        case .setConfig(let change):
            writer.write(Kind.setConfig.rawValue)
            change.write(to: &writer)
        case .setMaintenance(let id, let isOn):
            writer.write(Kind.setMaintenance.rawValue)
            writer.write(id.text)
            writer.write(UInt8(isOn ? 1 : 0))
        case .startRebalance: writer.write(Kind.startRebalance.rawValue)
        case .replaceRebalance: writer.write(Kind.replaceRebalance.rawValue)
        case .stopRebalance(nil): writer.write(Kind.stopRebalance.rawValue)
        case .stopRebalance(let version?):
            writer.write(Kind.stopOneRebalance.rawValue)
            writer.write(version)
        case .noteMountpath(let id, let note):
            writer.write(Kind.noteMountpath.rawValue)
            writer.write(id.text)
            note.write(to: &writer)
        case .recover(let record):
            writer.write(Kind.recover.rawValue)
            record.write(to: &writer)
        case .session(let change):
            writer.write(Kind.session.rawValue)
            change.write(to: &writer)
        case .decommission(let id, let order):
            writer.write(Kind.decommission.rawValue)
            writer.write(id.text)
            order.write(to: &writer)
        case .endDecommission(let id, let report):
            writer.write(Kind.endDecommission.rawValue)
            writer.write(id.text)
            report.write(to: &writer)
        case .batch(let commands):
            writer.write(Kind.batch.rawValue)
            writer.write(UInt16(commands.count))
            for command in commands { command.write(to: &writer) }
        }
    }
}

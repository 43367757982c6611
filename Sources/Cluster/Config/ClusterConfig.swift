public import Base

/// The settings of the cluster and of its nodes, replicated like everything else (AIS: config).
///
/// Only what somebody has set is kept; everything else is the default of ``ConfigOption/all``. A node acts on its own
/// value, else on the cluster's, else on the default.
public struct ClusterConfig: Equatable, Sendable {
    /// A value, and the version of the configuration that set it.
    public struct Setting: Equatable, Sendable {
        public var value: String
        public var version: UInt64
    }

    public typealias Settings = SortedMap<String, Setting>

    public internal(set) var version: UInt64 = 1
    public internal(set) var settings = Settings() {
        didSet { bucketDefaults = values.bucketDefaults }
    }
    /// What a new bucket starts with. It follows from the settings, and is kept because every new bucket asks.
    public private(set) var bucketDefaults = Self.initialBucketDefaults
    /// Of nodes that have values of their own.
    public internal(set) var nodes = SortedMap<NodeID, Settings>()

    private static let initialBucketDefaults = ConfigValues([]).bucketDefaults

    public init() {}

    /// Which rows a change has touched.
    struct Touched {
        var nodes: [NodeID] = []
    }

    /// Makes a change whose base is the present version. What is set or taken back for the cluster is so everywhere: values
    /// that nodes have of their own for it go, and the last word counts.
    mutating func apply(_ change: ConfigChange) -> Touched {
        version += 1
        var touched = Touched()
        switch change.scope {
        case .cluster:
            for item in change.items { set(item, in: &settings) }
            let names = change.items.map(\.name)
            for (id, own) in nodes where names.contains(where: { own[$0] != nil }) {
                var own = own
                for name in names { own[name] = nil }
                nodes[id] = own.isEmpty ? nil : own
                touched.nodes.append(id)
            }
        case .node(let id):
            var own = nodes[id] ?? Settings()
            for item in change.items { set(item, in: &own) }
            nodes[id] = own.isEmpty ? nil : own
            touched.nodes.append(id)
        }
        return touched
    }

    private func set(_ item: ConfigChange.Item, in settings: inout Settings) {
        settings[item.name] = item.value.map { Setting(value: $0, version: version) }
    }

    /// The values the cluster has set, without those of nodes.
    public var values: ConfigValues { ConfigValues([settings]) }

    /// The values a node acts on.
    public func values(of id: NodeID) -> ConfigValues { ConfigValues([settings, nodes[id]]) }
}

// MARK: - Rows

extension ClusterConfig {
    /// Format 1 held the properties of new buckets, which nobody could change. It is still what is written while nothing
    /// is set, so that the state of an older build keeps its bytes and its hash.
    private static let emptyFormat: UInt8 = 1
    private static let format: UInt8 = 2
    private static let nodeFormat: UInt8 = 1

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        let format = try reader.readUInt8()
        switch format {
        case Self.emptyFormat:
            version = try reader.read(UInt64.self)
            guard try BucketProperties(from: &reader) == BucketProperties() else {
                throw DecodingFailure("configuration of format 1 with settings", at: start)
            }
        case Self.format:
            version = try reader.read(UInt64.self)
            settings = try Self.settings(from: &reader)
            // An initializer's own assignments are not observed.
            bucketDefaults = values.bucketDefaults
        default:
            throw .unknownFormat(format, of: "configuration", known: Self.format, at: start)
        }
    }

    func write(to writer: inout ByteWriter) {
        writer.write(settings.isEmpty ? Self.emptyFormat : Self.format)
        writer.write(version)
        if settings.isEmpty {
            BucketProperties().write(to: &writer)
        } else {
            Self.write(settings, to: &writer)
        }
    }

    mutating func restore(_ id: NodeID, from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        let format = try reader.readUInt8()
        guard format == Self.nodeFormat else {
            throw .unknownFormat(
                format, of: "settings of a node", known: Self.nodeFormat, at: start)
        }
        nodes[id] = try Self.settings(from: &reader)
    }

    func write(_ id: NodeID, to writer: inout ByteWriter) {
        writer.write(Self.nodeFormat)
        Self.write(nodes[id] ?? Settings(), to: &writer)
    }

    private static func settings(from reader: inout ByteReader) throws(DecodingFailure) -> Settings
    {
        var settings = Settings()
        for _ in 0..<(try reader.read(UInt16.self)) {
            let name = try reader.readString(limit: ConfigOption.nameBytesMax)
            let value = try reader.readString(limit: ConfigOption.valueBytesMax)
            settings[name] = Setting(value: value, version: try reader.read(UInt64.self))
        }
        return settings
    }

    private static func write(_ settings: Settings, to writer: inout ByteWriter) {
        writer.write(UInt16(settings.count))
        for (name, setting) in settings {
            writer.write(name)
            writer.write(setting.value)
            writer.write(setting.version)
        }
    }
}

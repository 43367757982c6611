import Base

/// What a ``Command/setConfig(_:)`` changes: values set or taken back, for the cluster or for one node.
///
/// The proposer has checked the whole resulting configuration, against the version it names; ``ClusterState`` compares
/// that version and knows nothing of the options. So a replica of another build, with another table, applies it alike.
public struct ConfigChange: Equatable, Sendable {
    public enum Scope: Hashable, Sendable {
        case cluster
        case node(NodeID)
    }

    public struct Item: Equatable, Sendable {
        public var name: String
        /// `nil` takes the setting back.
        public var value: String?

        public init(_ name: String, _ value: String?) {
            self.name = name
            self.value = value
        }
    }

    /// As many as there are options, and room.
    public static let itemsMax = 256

    public var scope: Scope
    /// The version of the configuration that the change was checked against.
    public var base: UInt64
    public var items: [Item]

    public init(scope: Scope, base: UInt64, items: [Item]) {
        self.scope = scope
        self.base = base
        self.items = items
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        let id = try reader.readString(limit: NodeID.bytesMax)
        scope = .cluster
        if !id.isEmpty {
            guard let node = NodeID(id) else { throw DecodingFailure("not a node id", at: start) }
            scope = .node(node)
        }
        base = try reader.read(UInt64.self)
        let count = Int(try reader.read(UInt16.self))
        guard count <= Self.itemsMax else {
            throw DecodingFailure("\(count) settings in one change", at: start)
        }
        items = []
        for _ in 0..<count {
            let name = try reader.readString(limit: ConfigOption.nameBytesMax)
            let isSet = try reader.readBool()
            let value = try reader.readString(limit: ConfigOption.valueBytesMax)
            items.append(Item(name, isSet ? value : nil))
        }
    }

    func write(to writer: inout ByteWriter) {
        switch scope {
        case .cluster: writer.write("")
        case .node(let id): writer.write(id.text)
        }
        writer.write(base)
        writer.write(UInt16(items.count))
        for item in items {
            writer.write(item.name)
            writer.write(item.value != nil)
            writer.write(item.value ?? "")
        }
    }
}

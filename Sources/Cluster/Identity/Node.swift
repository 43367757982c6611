import Base

/// A member of the cluster, as the map knows it (AIS: Snode).
public struct Node: Equatable, Sendable {
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// A proxy that may not become primary; it stays a learner.
        public static let nonElectable = Flags(rawValue: 1)
        /// A proxy that tracks asynchronous jobs (AIS: information center).
        public static let jobTracker = Flags(rawValue: 2)
        public static let maintenance = Flags(rawValue: 4)
        public static let decommission = Flags(rawValue: 8)
    }

    public let id: NodeID
    public let role: NodeRole
    public var address: NodeAddress
    public var flags: Flags
    /// The replica's name in the consensus group, drawn when its data directory was made; 0 for targets.
    public var member: UInt64

    public init(
        id: NodeID, role: NodeRole, address: NodeAddress, flags: Flags = [], member: UInt64 = 0
    ) {
        self.id = id
        self.role = role
        self.address = address
        self.flags = flags
        self.member = member
    }

    /// Whether new data may be placed on the node.
    public var isActive: Bool { flags.isDisjoint(with: [.maintenance, .decommission]) }
}

extension Node {
    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        guard let id = NodeID(try reader.readString(limit: NodeID.bytesMax)),
            let role = NodeRole(rawValue: try reader.readUInt8()),
            let address = NodeAddress(
                host: try reader.readString(limit: NodeAddress.hostBytesMax),
                port: try reader.read(UInt16.self))
        else { throw DecodingFailure("not a node", at: start) }
        self.init(
            id: id, role: role, address: address,
            flags: Flags(rawValue: try reader.read(UInt32.self)),
            member: try reader.read(UInt64.self))
    }

    func write(to writer: inout ByteWriter) {
        writer.write(id.text)
        writer.write(role.rawValue)
        writer.write(address.host)
        writer.write(address.port)
        writer.write(flags.rawValue)
        writer.write(member)
    }
}

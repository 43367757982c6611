/// What one worker asks an etcd member: puts and linearizable reads of single keys, by gRPC, its own protocol.
final class EtcdClient {
    private var connections: [ServerAddress: GRPCConnection] = [:]

    func put(_ key: String, _ value: [UInt8], at address: ServerAddress) throws(LoadFailure) -> Int
    {
        try connection(to: address).call(
            "/etcdserverpb.KV/Put", Self.field(1, Array(key.utf8)) + Self.field(2, value))
    }

    /// A range of one key; etcd's default is a linearizable read.
    func get(_ key: String, at address: ServerAddress) throws(LoadFailure) -> Int {
        try connection(to: address).call("/etcdserverpb.KV/Range", Self.field(1, Array(key.utf8)))
    }

    private func connection(to address: ServerAddress) -> GRPCConnection {
        if let connection = connections[address] { return connection }
        if connections.count >= Limits.connectionsPerWorkerMax { connections.removeAll() }
        let connection = GRPCConnection(to: address)
        connections[address] = connection
        return connection
    }

    /// A field of bytes in the encoding of protocol buffers.
    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        var length = bytes.count
        var head = [number << 3 | 2]
        while length >= 0x80 {
            head.append(UInt8(length & 0x7F) | 0x80)
            length >>= 7
        }
        return head + [UInt8(length)] + bytes
    }
}

import Cluster

/// Names for tests, known to be valid.
enum Sample {
    static func node(_ text: String) -> NodeID {
        guard let id = NodeID(text) else { preconditionFailure("\(text) is not a node's id") }
        return id
    }

    static func address(_ port: UInt16) -> NodeAddress {
        guard let address = NodeAddress(host: "127.0.0.1", port: port) else {
            preconditionFailure("\(port) is not a port")
        }
        return address
    }
}

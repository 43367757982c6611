import Base
package import Cluster

extension JSONWriter {
    /// A node as the maps show it (AIS: Snode, contract §8.1); all three networks are the public one.
    package mutating func value(_ node: Node) {
        object { json in
            for network in ["public_net", "intra_control_net", "intra_data_net"] {
                json.key(network)
                json.object { json in
                    json.member("node_ip_addr", node.address.host)
                    json.member("daemon_port", String(node.address.port))
                    json.member("direct_url", node.address.url)
                }
            }
            json.member("daemon_type", node.role.text)
            json.member("daemon_id", node.id.text)
            json.member("flags", node.flags.rawValue)
            // A replica's name; not of AIStore, and absent where there is none.
            if node.member != 0 { json.member("member", String(node.member, radix: 16)) }
        }
    }
}

extension Node {
    /// Reads a node in AIStore's nested form, or in the flat form of its documents (contract §7.3).
    package init(json: JSONValue) throws(Failure) {
        guard case .object(var object) = json else {
            throw Failure(.badNode, "a node is a JSON object")
        }
        if case .object(let inner) = object["si"] { object = inner }
        guard let text = object["daemon_id"]?.string, let id = NodeID(text) else {
            throw Failure(.badNode, "'daemon_id' is missing, or not a node's id")
        }
        guard let word = object["daemon_type"]?.string, let role = NodeRole(text: word) else {
            throw Failure(.badNode, "'daemon_type' is neither proxy nor target")
        }
        var network = object
        if case .object(let inner) = object["public_net"] { network = inner }
        guard let host = network["node_ip_addr"]?.string,
            let port = network["daemon_port"]?.unsigned.flatMap(UInt16.init(exactly:)),
            let address = NodeAddress(host: host, port: port)
        else { throw Failure(.badNode, "'node_ip_addr' and 'daemon_port' are not an address") }
        let member = object["member"]?.string.flatMap { UInt64($0, radix: 16) } ?? 0
        let flags = object["flags"]?.unsigned.flatMap(UInt32.init(exactly:)) ?? 0
        self.init(
            id: id, role: role, address: address,
            flags: Flags(rawValue: flags).intersection(.nonElectable), member: member)
    }
}

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
    private static let networks = ["public_net", "intra_control_net", "intra_data_net"]
    private static let addressKeys = ["node_ip_addr", "daemon_port", "direct_url"]

    /// Reads a node in AIStore's nested form, or in the flat form of its documents (contract §7.3).
    ///
    /// - Throws: `bad_node`, also when it says two things about its address that cannot both be true.
    package init(json: JSONValue) throws(Failure) {
        guard case .object(var object) = json else {
            throw Failure(.badNode, "a node is a JSON object", next: Self.form)
        }
        if case .object(let inner) = object["si"] { object = inner }
        try object.checkOnce(
            ["daemon_id", "daemon_type", "member", "flags"] + Self.networks + Self.addressKeys,
            in: "the node")
        guard let text = object["daemon_id"]?.string, let id = NodeID(text) else {
            throw Failure(
                .badNode,
                object["daemon_id"].map {
                    "'daemon_id' is '\(($0.string ?? "").excerpt)', not a node's id"
                } ?? "'daemon_id' is missing",
                next: "1 to \(NodeID.bytesMax) letters, digits, '.', '_', ':' and '-'")
        }
        guard let word = object["daemon_type"]?.string, let role = NodeRole(text: word) else {
            throw Failure(
                .badNode, "'daemon_type' is neither proxy nor target", next: Self.form)
        }
        let network: JSONObject
        if case .object(let inner) = object["public_net"] {
            network = inner
        } else {
            network = object
        }
        let address = try Self.address(network, "public_net")
        for name in Self.networks.dropFirst() {
            guard case .object(let other) = object[name], !Self.isVoid(other) else { continue }
            guard try Self.address(other, name) == address else {
                throw Failure(
                    .badNode, "'\(name)' is another address than \(address)",
                    next: "a node of this version has one network: name one address")
            }
        }
        let member = try Self.number("member", in: object, "a number in hexadecimal") {
            $0.string.flatMap { UInt64($0, radix: 16) }
        }
        let flags = try Self.number("flags", in: object, "a number of 32 bits") {
            $0.unsigned.flatMap(UInt32.init(exactly:))
        }
        self.init(
            id: id, role: role, address: address,
            flags: Flags(rawValue: flags).intersection(.nonElectable), member: member)
    }

    private static let form =
        #"{"daemon_type":"target","daemon_id":"ID","node_ip_addr":"HOST","daemon_port":"PORT"}"#

    /// A number that may be missing, and is not taken for missing when it is something else.
    private static func number<Number: FixedWidthInteger>(
        _ key: String, in object: JSONObject, _ expected: String,
        _ read: (JSONValue) -> Number?
    ) throws(Failure) -> Number {
        guard let json = object[key], json != .null else { return 0 }
        guard let number = read(json) else {
            throw Failure(.badNode, "'\(key)' is not \(expected)", next: "leave it out")
        }
        return number
    }

    private static func address(
        _ network: JSONObject, _ name: String
    ) throws(Failure) -> NodeAddress {
        try network.checkOnce(addressKeys, in: "'\(name)'")
        guard let host = network["node_ip_addr"]?.string,
            let port = network["daemon_port"]?.unsigned.flatMap(UInt16.init(exactly:)),
            let address = NodeAddress(host: host, port: port)
        else {
            throw Failure(
                .badNode, "'node_ip_addr' and 'daemon_port' are not an address", next: form)
        }
        var url = network["direct_url"]?.string ?? ""
        while url.hasSuffix("/") { url.removeLast() }
        guard url.isEmpty || url.lowercased() == address.url.lowercased() else {
            throw Failure(
                .badNode,
                "'direct_url' is '\(url.excerpt)', and 'node_ip_addr' and 'daemon_port' are \(address)",
                next: "\(address.url), or leave 'direct_url' out")
        }
        return address
    }

    /// As AIStore writes a network that is not configured.
    private static func isVoid(_ network: JSONObject) -> Bool {
        network["node_ip_addr"]?.string ?? "" == "" && network["direct_url"]?.string ?? "" == ""
    }
}

package import Base
package import Cluster

/// What a node sends to any proxy to be put on the map: `POST /v1/cluster/autoreg` (contract §7.3).
package struct JoinRequest: Equatable, Sendable {
    package var node: Node
    /// The cluster the node has belonged to; empty when it is new. Another cluster refuses it.
    package var clusterID: String
    /// The state that the node asks upon; `nil` when it says none, or somebody else asks for it.
    package var position: LogPosition?

    package init(node: Node, clusterID: String, position: LogPosition? = nil) {
        self.node = node
        self.clusterID = clusterID
        self.position = position
    }

    /// The flat form, as the contract's curl lines have it.
    private static let form =
        #"{"daemon_type":"target","daemon_id":"ID","node_ip_addr":"HOST","daemon_port":"PORT"}"#

    package init(decoding body: [UInt8]) throws(Failure) {
        let json = try JSONValue(body: body, wanted: Self.form)
        node = try Node(json: json)
        guard case .object(let object) = json else {
            throw Failure(.badNode, "a node is a JSON object", next: "send \(Self.form)")
        }
        try object.checkOnce(["si", "uuid"], in: "the body")
        clusterID = object["uuid"]?.string ?? ""
        position = object["position"]?.string.flatMap { LogPosition(text: $0) }
    }

    package var encoded: [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.key("si")
            json.value(node)
            json.member("uuid", clusterID)
            if let position { json.member("position", position.text) }
        }
        return json.bytes
    }
}

/// What the node is told once the map has it.
package struct JoinReply: Equatable, Sendable {
    package var clusterID: String
    /// Where the log stood: from here on every state has the node.
    package var position: LogPosition

    package init(clusterID: String, position: LogPosition) {
        self.clusterID = clusterID
        self.position = position
    }

    /// - Throws: ``Base/DecodingFailure`` when the bytes are not such a reply.
    package init(decoding body: [UInt8]) throws(DecodingFailure) {
        let json = try JSONValue(parsing: body)
        guard case .object(let object) = json, let uuid = object["uuid"]?.string, !uuid.isEmpty,
            let position = object["position"]?.string.flatMap({ LogPosition(text: $0) })
        else { throw DecodingFailure("not the reply to a join", at: 0) }
        clusterID = uuid
        self.position = position
    }

    /// The reply, with a newline behind it.
    package var encoded: [UInt8] {
        var json = JSONWriter(capacity: 128)
        json.object { json in
            json.member("uuid", clusterID)
            json.member("position", position.text)
        }
        json.newline()
        return json.bytes
    }
}

extension Failure {
    /// The body: one JSON object and two newlines.
    package var encoded: [UInt8] {
        var json = JSONWriter(capacity: 256)
        json.object { json in
            json.member("status", status)
            json.member("message", message)
            json.member("method", method)
            json.member("url_path", path)
            json.member("remote_addr", remoteAddress)
            json.member("trace", "")
            json.member("code", code.rawValue)
            if let cause { json.member("cause", cause) }
            if let node { json.member("node", node) }
            if let mapVersion { json.member("map_version", String(mapVersion)) }
            if let next { json.member("next", next) }
            if let requestID { json.member("request_id", requestID) }
            if !done.isEmpty || !notDone.isEmpty {
                json.member("done", done)
                json.member("not_done", notDone)
            }
        }
        return json.bytes + [UInt8(ascii: "\n"), UInt8(ascii: "\n")]
    }

    /// Reads what a node answered.
    ///
    /// - Returns: `nil` when the bytes are not an error object. A code this node does not know becomes
    ///   ``FailureCode/unknown``; relaying passes on the bytes, so nothing is lost by that.
    package init?(decoding bytes: [UInt8]) {
        guard bytes.count <= Limits.failureBytesMax, let json = try? JSONValue(parsing: bytes),
            case .object(let object) = json, let status = object["status"]?.unsigned,
            (400...599).contains(status), let message = object["message"]?.string
        else { return nil }
        let code = object["code"]?.string.flatMap(FailureCode.init(rawValue:)) ?? .unknown
        self.init(
            code, message, cause: object["cause"]?.string, next: object["next"]?.string)
        self.status = Int(status)
        node = object["node"]?.string
        mapVersion = object["map_version"]?.unsigned
        requestID = object["request_id"]?.string
        done = Self.ids(object["done"])
        notDone = Self.ids(object["not_done"])
        method = object["method"]?.string ?? ""
        path = object["url_path"]?.string ?? ""
        remoteAddress = object["remote_addr"]?.string ?? ""
    }

    private static func ids(_ json: JSONValue?) -> [String] {
        guard case .array(let items)? = json else { return [] }
        return items.compactMap(\.string)
    }
}

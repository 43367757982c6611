import Foundation
import TestSupport
import Testing

/// What is passed on answers as if it had been asked directly: the client finds its own request and address, in answers and in
/// the history, and nobody else's word for them counts.
@Suite(.serialized) struct AskedAnywhereTests {
    private struct Told: Decodable {
        let code: String
        let method: String
        let urlPath: String
        let remoteAddr: String
        let node: String
    }

    /// Nodes have 127.0.0.1; this client has another address.
    private static let client = "--interface 127.0.0.2"

    @Test func `a failure tells of the request that the client has sent, whatever node it asked`()
        throws
    {
        try SystemCluster.with { cluster in
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let primary = try cluster.primary()
            let message = #"{"action":"setconfig","name":"client_timeout","value":"7s"}"#
            for node in try cluster.nodes() {
                let isProxy = node.role == "proxy"
                // Born at the primary, each behind another path than the one that was asked for.
                var rows = [
                    ("PUT", "/v1/daemon/setconfig", "?client_timeout=7s", "", "bad_value"),
                    ("PUT", "/v1/daemon", "", message, "bad_value"),
                ]
                if isProxy {
                    rows += [
                        ("DELETE", "/v1/cluster/daemon/nobody", "", "", "node_not_found"),
                        ("DELETE", "/v1/cluster/daemon/\(primary)", "", "", "is_primary"),
                        ("PUT", "/v1/cluster", "", message, "bad_value"),
                        (
                            "DELETE", "/v1/buckets/none", "", #"{"action":"destroylb"}"#,
                            "bucket_not_found"
                        ),
                    ]
                } else {
                    rows.append(
                        (
                            "POST", "/v1/cluster/register", "",
                            #"{"daemon_type":"target","daemon_id":"t1","node_ip_addr":"127.0.0.1","#
                                + #""daemon_port":"1"}"#, "address_unreachable"
                        ))
                }
                for (method, path, query, body, code) in rows {
                    let data = body.isEmpty ? "" : "-d '\(body)'"
                    let reply = try cluster.curl(
                        "\(Self.client) -X \(method) \(data) '\(node.url)\(path)\(query)'")
                    let told = try decoder.decode(Told.self, from: Data(reply.body.utf8))
                    #expect(told.code == code, "\(node.id) \(path): \(reply)")
                    #expect(told.method == method && told.urlPath == path, "\(node.id): \(told)")
                    #expect(told.remoteAddr.hasPrefix("127.0.0.2:"), "\(node.id) \(path): \(told)")
                    #expect(told.node == primary, "\(node.id) \(path): \(told)")
                }
            }
        }
    }

    @Test func `the history has the client's address, and nobody's word for another`() throws {
        try SystemCluster.with { cluster in
            let forged = "-H 'Martlet-Client-Address: 9.9.9.9:9' -H 'caller.id: p1'"
            let newest = { (node: SystemCluster.Node) in
                try cluster.curl("'\(node.url)/v1/cluster?what=history&limit=1'").body
            }
            let proxy = try cluster.node("p1")
            for (place, node) in try cluster.nodes().enumerated() {
                let reply = try cluster.curl(
                    "\(Self.client) \(forged) -X PUT "
                        + "'\(node.url)/v1/daemon/setconfig?stats_time=\(20 + place)s'")
                #expect(reply.status == 200, "\(reply)")
                let entry = try newest(proxy)
                #expect(entry.contains(#""after":"\#(20 + place)s""#), "\(node.id): \(entry)")
                #expect(entry.contains(#""actor":"client","address":"127.0.0.2:"#), "\(entry)")
            }
        }
    }
}

import API
import Base
import Cluster
import HTTP
import Synchronization
import Testing

@testable import Proxy

/// Says that it is a target, and joins: all that a proxy needs to redirect to it.
final class StubTarget: Handler {
    let node: Node
    private let server = Mutex<Server?>(nil)
    /// Whether it was told to end.
    let isTold = Watched(false)
    /// Whether it answers an error to that.
    let refusesEnding = Watched(false)
    /// What it was told last by an action.
    let lastMessage = Watched("")
    static let disk = String(repeating: "a", count: 32)

    var port: Int { Int(node.address.port) }

    static func start(
        _ proxies: TestProxies, _ id: String = "t1", asking number: Int = 1
    ) async throws -> StubTarget {
        let port = try FreePort.take()
        let target = StubTarget(
            Node(
                id: try #require(NodeID(id)), role: .target,
                address: try #require(NodeAddress(host: "127.0.0.1", port: port))))
        let server = try Server(
            proxies.loops, handler: target,
            configuration: Server.Configuration(port: Int(port)))
        target.server.withLock { $0 = server }
        let reply = try await proxies.ask(
            number, .post, "/v1/cluster/autoreg", target.joinRequest)
        #expect(reply.status == 200, "\(reply.text)")
        return target
    }

    var joinRequest: String {
        String(
            decoding: JoinRequest(node: node, clusterID: "").encoded, as: UTF8.self)
    }

    private init(_ node: Node) {
        self.node = node
    }

    func stop() async {
        await server.withLock { $0 }?.shutDown(within: 0)
    }

    func handle(_ exchange: Exchange) async throws {
        let request = RequestTarget(exchange.request.target)
        if exchange.request.method == .put, request.path.hasSuffix("/setconfig") {
            // Willing, and lost when it comes to it.
            guard try request.query.flag(QueryName.dryRun) else {
                throw ConnectionError.disconnected
            }
            return exchange.respond(
                .ok, type: "application/json", body: Array(#"{"verdict":"safe"}"#.utf8))
        }
        if exchange.request.method == .put {
            let body = try await exchange.collect(upTo: 1 << 16)
            lastMessage.set(String(decoding: body, as: UTF8.self))
            guard !refusesEnding.value else { return exchange.respond(.internalServerError) }
            isTold.set(true)
            return exchange.respond(.ok)
        }
        if try request.query.value("what") == "decommission" {
            var progress = RemovalProgress()
            progress.disks = [
                .init(mountpath: "/mp", disk: Self.disk, isDisabled: false, isOrdered: false)
            ]
            return exchange.respond(.ok, type: "application/json", body: progress.document)
        }
        var json = JSONWriter()
        json.value(node)
        exchange.respond(.ok, type: "application/json", body: json.bytes)
    }
}

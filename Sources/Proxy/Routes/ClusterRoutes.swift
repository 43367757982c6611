import API
import Base
import Cluster
import HTTP

/// `/v1/cluster`: joining, and what the whole cluster knows (contract §7).
struct ClusterRoutes: Sendable {
    let daemon: DaemonRoutes
    let admission: Admission
    let forwarder: Forwarder
    let followers: Followers

    func serve(_ exchange: Exchange, _ rest: [String], _ query: Query) async throws {
        switch (exchange.request.method, rest) {
        case (.get, []):
            let what = try query.value(QueryName.what) ?? ""
            guard ["smap", "bmd"].contains(what) else {
                throw Failure(
                    .unknownDocument, "no document '\(what)' of the cluster",
                    next: "what=smap or bmd")
            }
            try await daemon.serve(exchange, query, what: what)
        case (.post, ["autoreg"]), (.post, ["keepalive"]): try await admit(exchange, query)
        case (.get, _), (.put, _), (.post, _), (.delete, _):
            throw Failure.notImplemented(
                "\(exchange.request.method.name) \(exchange.request.rawPath)")
        default:
            throw Failure.methodNotAllowed(
                exchange.request.method, [.get, .put, .post, .delete])
        }
    }

    private func admit(_ exchange: Exchange, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        var request = try JoinRequest(decoding: body)
        if try query.flag(QueryName.nonElectable) { request.node.flags.insert(.nonElectable) }
        switch try await forwarder.forward(exchange.forwardable(body)) {
        case .relayed(let answer): exchange.respond(answer)
        case .local:
            var origin = exchange.origin()
            origin.actor = request.node.id.text
            let reply = try await admission.admit(request, for: origin)
            exchange.respond(json: reply.encoded, position: reply.position.text)
        }
    }

    /// Another proxy says how far its followers are.
    func takeReport(_ exchange: Exchange) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let report = try FollowerReport(decoding: body)
        followers.reported(by: report.proxy, report.followers)
        exchange.respond(.ok)
    }
}

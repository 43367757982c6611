import API
import Cluster
import HTTP

/// `PUT /v1/cluster` with a message: what is done to the whole cluster, on the primary (contract §7.2).
struct ClusterActions: Sendable {
    let forwarder: Forwarder
    let shutdown: ClusterShutdown

    /// What an action came to.
    enum Reply: Sendable {
        case empty
        case text(String)
        case json([UInt8])
    }

    func serve(_ exchange: Exchange, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let message = try ActionMessage(decoding: body)
        let action = try message.decoded(allowed: [.shutdown])
        let request = exchange.forwardable(body)
        let isDryRun = try query.flag(QueryName.dryRun)
        let reply = try await forwarder.onPrimary(request) { () -> Reply in
            switch action {
            case .shutdown:
                guard !isDryRun else { return .json(shutdown.forecast.encoded) }
                return await shutdown.tell(
                    last: exchange.request.headers[named: HeaderName.forwardedBy])
            default: throw Failure.notImplemented("the action '\(action.rawValue)'")
            }
        }
        switch reply {
        case .relayed(let answer): return exchange.respond(answer)
        case .local(.empty): exchange.respond(.ok)
        case .local(.text(let text)):
            exchange.respond(.ok, type: "text/plain; charset=utf-8", body: Array(text.utf8))
        case .local(.json(let document)):
            exchange.respond(.ok, type: "application/json", body: document)
        }
        guard action == .shutdown, !isDryRun else { return }
        // The answer is on its way before the primary, the last one, ends.
        try? await exchange.flush()
        shutdown.end()
    }
}

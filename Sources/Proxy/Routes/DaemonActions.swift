import API
import Cluster
import HTTP
import Statistics

/// `PUT /v1/daemon` with a message: what a proxy is asked to do with itself (contract §6.2).
struct DaemonActions: Sendable {
    let shutdown: NodeShutdown
    let config: ConfigRoutes
    let upkeep: NodeUpkeep

    func serve(_ exchange: Exchange, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let message = try ActionMessage(decoding: body)
        switch try Route.action(of: message, on: .daemonAction, query) {
        case let action where action.isOfConfig:
            try await config.putDaemon(
                exchange, try ConfigRequest(action, message, query: query))
        case .shutdown: try await shutdown.serve(exchange, query, message)
        case .rotateLogs: try await upkeep.rotate(exchange, message, query)
        case .resetStatistics: try await upkeep.reset(exchange, message, query)
        case let action: throw Failure.notImplemented("the action '\(action.rawValue)'")
        }
    }
}

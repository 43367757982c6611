import API
import Base
import Cluster
import HTTP

/// `POST /v1/cluster/register` sent to the target itself, as the documented curl line does (contract §7.3): taken to
/// a proxy, and its answer back.
struct RegisterRoute: Sendable {
    let proxies: ProxyCaller

    func respond(_ exchange: Exchange, _ target: TargetContext) async throws {
        let body = try await exchange.collect(upTo: Limits.actionBytesMax)
        // Registering twice is registering once, so the next proxy may be asked whatever became of this.
        exchange.relay(
            try await proxies.send(
                .post, exchange.request.target, for: exchange.remoteAddress, body: body,
                requestID: exchange.requestID))
    }
}

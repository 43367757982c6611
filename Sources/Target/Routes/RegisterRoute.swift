import API
import Base
import Cluster
import HTTP

/// `POST /v1/cluster/register` sent to the target itself, as the documented curl line does (contract §7.3): taken to
/// a proxy, and its answer back.
struct RegisterRoute: Sendable {
    let proxies: ProxyChoice
    let client: Client

    private static let timeouts = Client.Timeouts(connectSeconds: 1, responseSeconds: 10)

    func respond(_ exchange: Exchange, _ target: TargetContext) async throws {
        guard exchange.request.method == .post else {
            throw Failure.methodNotAllowed(exchange.request.method, ["POST"])
        }
        let body = try await exchange.collect(upTo: Limits.actionBytesMax)
        let order = proxies.order(in: target.publisher.current.state.map)
        for proxy in order {
            do throws(ClientError) {
                let response = try await client.send(
                    .post, proxy, exchange.request.target, body: body, timeouts: Self.timeouts)
                let reply = try await response.collect(upTo: Limits.failureBytesMax)
                return exchange.respond(
                    Answer(
                        response.status, contentType: response.headers["content-type"] ?? "",
                        body: reply))
            } catch {
                // Registering twice is registering once, so the next proxy may be asked whatever became of this.
                target.log.info("no proxy at \(proxy) to register with: \(error)")
            }
        }
        throw Failure(
            .primaryUnreachable, "none of \(order.count) proxies answered",
            next: "send the request to a proxy of the cluster")
    }
}

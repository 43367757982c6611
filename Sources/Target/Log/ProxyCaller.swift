import API
import Base
import Cluster
import HTTP

/// Asks the proxies for something that any of them can do or pass on, one after the other until one answers.
struct ProxyCaller: Sendable {
    let choice: ProxyChoice
    let client: Client
    let publisher: StatePublisher
    let log: Logger

    private static let timeouts = Client.Timeouts(connectSeconds: 1, responseSeconds: 10)

    /// Sends a request that may be repeated: a proxy that was lost with it is no reason not to ask the next.
    ///
    /// - Returns: the first answer, whatever its status.
    func send(
        _ method: Method, _ target: String, body: [UInt8] = []
    ) async throws(Failure) -> Answer {
        let order = choice.order(in: publisher.current.state.map)
        for proxy in order {
            do throws(ClientError) {
                let response = try await client.send(
                    method, proxy, target, body: body, timeouts: Self.timeouts)
                let reply = try await response.collect(upTo: Limits.failureBytesMax)
                return Answer(
                    response.status, contentType: response.headers["content-type"] ?? "",
                    body: reply)
            } catch {
                log.info("\(method.name) \(target): no answer from \(proxy): \(error)")
            }
        }
        throw Failure(
            .primaryUnreachable, "none of \(order.count) proxies answered",
            next: "start the proxies, or send the request to one that runs")
    }
}

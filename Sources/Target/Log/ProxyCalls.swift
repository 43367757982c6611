import API
import Base
import Cluster
import HTTP

/// Requests that a target takes to a proxy on a client's behalf, because only the log can answer them.
struct ProxyCalls: Sendable {
    let choice: ProxyChoice
    let client: Client
    let config: LiveConfig

    /// Sends a request that must not be made twice to the first proxy that can be reached.
    ///
    /// - Parameters:
    ///   - target: path and query, encoded.
    ///   - map: where the proxies are.
    ///   - headers: beside those that the client needs.
    ///   - requestID: names the request on all nodes.
    /// - Returns: the proxy's answer, whatever it is.
    /// - Throws: that no proxy could be reached, and nothing has happened; or that one has got the request and was lost.
    func put(
        _ target: String, in map: ClusterMap, headers: [(String, String)], requestID: String
    ) async throws(Failure) -> Answer {
        let order = choice.order(in: map)
        for proxy in order {
            do throws(ClientError) {
                let response = try await client.send(
                    .put, proxy, target,
                    headers: headers + [(HeaderName.requestID, requestID)],
                    timeouts: Client.Timeouts(
                        connectSeconds: TargetLimits.proxyConnectSeconds,
                        // The proxy waits for the primary as long, and says so itself.
                        responseSeconds: config.values.seconds("client.client_timeout")
                            + TargetLimits.proxyConnectSeconds),
                    mayRepeat: false)
                let body = try await response.collect(upTo: Limits.failureBytesMax)
                return Answer(
                    response.status, contentType: response.headers["content-type"] ?? "",
                    body: body,
                    headers: response.headers.pairs.filter {
                        $0.name.lowercased() == HeaderName.position.lowercased()
                    })
            } catch {
                if case .unreachable = error { continue }
                var failure = Failure(
                    .outcomeUnknown,
                    "proxy \(proxy) was lost after it had got the request; the change may or may not "
                        + "have been made", cause: error.description,
                    next: "look before you repeat it")
                failure.requestID = requestID
                throw failure
            }
        }
        throw Failure(
            .primaryUnreachable, "none of \(order.count) proxies answered",
            next: "send the request to a proxy of the cluster")
    }
}

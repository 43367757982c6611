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
    /// - Parameters:
    ///   - method: of the request.
    ///   - target: path and query, encoded.
    ///   - client: the address of whoever asked this target; empty when nobody has.
    ///   - body: of the request.
    ///   - requestID: names the request on all nodes; empty for no name.
    ///   - term: the only term in which it may be made; `nil` for any.
    /// - Returns: the first answer, whatever its status; but a refusal says nothing of a copy that was lost before.
    /// - Throws: that none has answered.
    func send(
        _ method: Method, _ target: String, for client: String = "", body: [UInt8] = [],
        requestID: String = "", term: String? = nil
    ) async throws(Failure) -> Answer {
        let order = choice.order(in: publisher.current.state.map)
        let isRead = method == .get || method == .head || RequestTarget(target).isRehearsal
        let headers = [
            (HeaderName.requestID, requestID), (HeaderName.clientAddress, client),
            (HeaderName.term, term ?? ""),
        ].filter { !$0.1.isEmpty }
        var doubt: Failure?
        for proxy in order {
            let answer: Answer
            do throws(ClientError) {
                let response = try await self.client.send(
                    method, proxy, target, headers: headers, body: body, timeouts: Self.timeouts)
                let reply = try await response.collect(upTo: Limits.failureBytesMax)
                answer = Answer(
                    response.status, contentType: response.headers["content-type"] ?? "",
                    body: reply,
                    headers: response.headers.pairs.filter {
                        $0.name.lowercased() == HeaderName.survives.lowercased()
                    })
            } catch {
                log.info("\(method.name) \(target): no answer from \(proxy): \(error)")
                if case .unreachable = error { continue }
                if !isRead { doubt = lost(proxy, error, requestID, term) }
                continue
            }
            // That the node is not there any more may be what the lost copy came to.
            let isEcho =
                answer.status != .ok && Failure(decoding: answer.body)?.code == .nodeNotFound
            if answer.status != .ok, !isEcho, let doubt { throw doubt }
            return answer
        }
        throw doubt
            ?? Failure(
                .primaryUnreachable, "none of \(order.count) proxies answered",
                next: "start the proxies, or send the request to one that runs")
    }

    /// Sends a request that may be made twice, until a proxy has done it or refused it for good: one that cannot do it now, because
    /// it is cut off from the others, is no reason not to ask the next.
    ///
    /// - Parameters:
    ///   - method: of the request.
    ///   - target: path and query, encoded.
    ///   - body: of the request.
    /// - Returns: the first answer that is none of the kind "not now".
    /// - Throws: what the last one said, or that none has answered.
    func sendUntilDone(
        _ method: Method, _ target: String, body: [UInt8] = []
    ) async throws(Failure) -> Answer {
        let order = choice.order(in: publisher.current.state.map)
        var last = Failure(
            .primaryUnreachable, "none of \(order.count) proxies answered",
            next: "start the proxies")
        for proxy in order {
            do throws(ClientError) {
                let response = try await client.send(
                    method, proxy, target, body: body, timeouts: Self.timeouts)
                let reply = try await response.collect(upTo: Limits.failureBytesMax)
                if response.status.rawValue < 500 {
                    return Answer(
                        response.status, contentType: response.headers["content-type"] ?? "",
                        body: reply)
                }
                last =
                    Failure(decoding: reply)
                    ?? Failure(.unknown, "\(proxy) answered \(response.status.rawValue)")
            } catch {
                log.info("\(method.name) \(target): no answer from \(proxy): \(error)")
            }
        }
        throw last
    }

    private func lost(
        _ proxy: Endpoint, _ error: ClientError, _ requestID: String, _ term: String?
    ) -> Failure {
        var failure = Failure(
            .outcomeUnknown,
            "proxy \(proxy) was lost after it had got the request; the change may or may not "
                + "have been made", cause: error.description,
            next: "look before you repeat it: GET /v1/cluster?what=history&request_id="
                + PercentCoding.encoded(requestID)
                + (term.map { "&\(QueryName.since)=\($0)" } ?? "") + " at a proxy")
        failure.requestID = requestID
        return failure
    }

    /// Sends a request that must not be made twice, to the first proxy that can be reached.
    ///
    /// - Parameters:
    ///   - method: of the request.
    ///   - target: path and query, encoded.
    ///   - client: the address of whoever asked this target.
    ///   - requestID: names the request on all nodes.
    ///   - term: the only term in which it may be made, as its client has it.
    ///   - seconds: how long the proxy may take.
    /// - Returns: the proxy's answer, whatever its status, with the position in it.
    /// - Throws: that no proxy could be reached, and nothing has happened; or that one has got the request and was lost.
    func sendOnce(
        _ method: Method, _ target: String, for client: String, requestID: String, term: String?,
        seconds: Double
    ) async throws(Failure) -> Answer {
        let order = choice.order(in: publisher.current.state.map)
        for proxy in order {
            do throws(ClientError) {
                let response = try await self.client.send(
                    method, proxy, target,
                    headers: [
                        (HeaderName.clientAddress, client), (HeaderName.requestID, requestID),
                    ] + (term.map { [(HeaderName.term, $0)] } ?? []),
                    timeouts: Client.Timeouts(
                        connectSeconds: TargetLimits.proxyConnectSeconds, responseSeconds: seconds),
                    mayRepeat: false)
                let body = try await response.collect(upTo: Limits.failureBytesMax)
                return Answer(
                    response.status, contentType: response.headers["content-type"] ?? "",
                    body: body,
                    headers: response.headers.pairs.filter {
                        [HeaderName.position, HeaderName.notice].map { $0.lowercased() }
                            .contains($0.name.lowercased())
                    })
            } catch {
                if case .unreachable = error {
                    log.info("\(method.name) \(target): no answer from \(proxy): \(error)")
                    continue
                }
                throw lost(proxy, error, requestID, term)
            }
        }
        throw Failure(
            .primaryUnreachable, "none of \(order.count) proxies answered",
            next: "start the proxies, or send the request to one that runs")
    }
}

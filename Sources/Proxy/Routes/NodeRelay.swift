import API
import Base
import Cluster
import HTTP

/// Sends what a client wants of one node to that node, and its answer back: for clients that know a proxy only, as those of
/// AIStore do (`/v1/reverse/daemon`, contract §16.6).
struct NodeRelay: Sendable {
    let published: PublishedState
    let client: Client
    let config: LiveConfig

    /// What the node is to hear as the client has said it; all else of the head is between the two ends of a connection.
    private static let carried = [
        HeaderName.term, HeaderName.session, HeaderName.sequence, HeaderName.ifMatch,
        HeaderName.position,
    ]

    func serve(_ exchange: Exchange, _ elements: [String]) async throws {
        let node = try node(of: exchange.request)
        let body = try await exchange.collect(upTo: Limits.recoveryBodyBytes)
        exchange.relay(try await send(exchange, to: node, elements, body))
    }

    /// The node that a header names. Its address is that of the map: a URL that a client makes up is not asked.
    private func node(of request: RequestHead) throws(Failure) -> Node {
        let names = [HeaderName.nodeID, HeaderName.laterNodeID]
        let said = names.compactMap { request.headers[named: $0] }.filter { !$0.isEmpty }
        guard let text = said.first else {
            throw Failure(
                .badHeader, "the request does not say which node is meant",
                next: "send its id in the header \(HeaderName.nodeID)")
        }
        guard said.allSatisfy({ $0 == text }) else {
            throw Failure(
                .badHeader, "\(names.joined(separator: " and ")) name different nodes",
                next: "nothing was done; send one of them")
        }
        guard let id = NodeID(text), let node = published.now.state.map[id] else {
            throw Failure(
                .badNode, "no node '\(text.excerpt)' is on the map",
                next: "GET /v1/daemon?what=smap lists nodes; \(HeaderName.nodeURL) is not followed")
        }
        return node
    }

    private func send(
        _ exchange: Exchange, to node: Node, _ elements: [String], _ body: [UInt8]
    ) async throws(Failure) -> Answer {
        let request = exchange.request
        let isRead = request.method == .get || request.method == .head
        let requestID =
            request.headers[named: HeaderName.requestID] ?? SystemRandom.identifier(length: 16)
        var headers = [
            (HeaderName.requestID, requestID), (HeaderName.clientAddress, exchange.remoteAddress),
        ]
        for name in Self.carried {
            if let value = request.headers[named: name] { headers.append((name, value)) }
        }
        let path = elements.map { "/\(PercentCoding.encoded($0))" }.joined()
        let query = request.rawQuery.isEmpty ? "" : "?\(request.rawQuery)"
        do throws(ClientError) {
            let response = try await client.send(
                // So that the answer has the length that GET has.
                request.method == .head ? .get : request.method, node.endpoint,
                "/v1\(path)\(query)", headers: headers, body: body,
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: config.values.seconds("client.client_timeout")),
                mayRepeat: isRead)
            let body = try await response.collect(upTo: Limits.relayedBytes)
            let ours: Set = ["content-length", "connection", "date", "content-type", "keep-alive"]
            return Answer(
                response.status, contentType: response.headers["content-type"] ?? "", body: body,
                headers: response.headers.pairs.filter { !ours.contains($0.name.lowercased()) })
        } catch {
            let unreachable: FailureCode =
                node.role == .target ? .targetUnreachable : .proxyUnreachable
            if case .unreachable = error {
                throw Failure(
                    unreachable, "\(node.id) cannot be reached at \(node.address.url)",
                    cause: error.description, next: "nothing was done; is it running?")
            }
            if isRead || RequestTarget(exchange.request.target).isRehearsal {
                throw Failure(
                    unreachable, "\(node.id) at \(node.address.url) did not answer",
                    cause: error.description, next: "try again, or ask the node itself")
            }
            var failure = Failure(
                .outcomeUnknown, "\(node.id) was lost after it had got the request",
                cause: error.description,
                next: "look before you repeat it: GET /v1/cluster?what=history&"
                    + "\(QueryName.requestID)=\(PercentCoding.encoded(requestID)) for what is "
                    + "written down, else the node itself")
            failure.requestID = requestID
            throw failure
        }
    }
}

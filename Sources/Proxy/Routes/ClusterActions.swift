import API
import Cluster
import HTTP

/// `PUT /v1/cluster` with a message: what is done to the whole cluster, on the primary (contract §7.2).
struct ClusterActions: Sendable {
    let forwarder: Forwarder
    let shutdown: ClusterShutdown
    let maintenance: Maintenance
    let rebalance: Rebalance
    let client: Client
    let published: PublishedState
    let config: ConfigRoutes
    let batch: BatchRoute
    let upkeep: ClusterUpkeep

    /// What an action came to.
    enum Reply: Sendable {
        /// `survives`: of a change of who takes part, which failures are survived now.
        case done(text: String = "", notice: String? = nil, survives: String? = nil)
        case json([UInt8])
        /// Another node's answer.
        case relayed(Answer)
    }

    func serve(_ exchange: Exchange, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let message = try ActionMessage(decoding: body)
        try await serve(exchange, query, message, body)
    }

    /// What came where questions are asked (`isQuestion`) is passed on as the change that it is.
    func serve(
        _ exchange: Exchange, _ query: Query, _ message: ActionMessage, _ body: [UInt8],
        isQuestion: Bool = false
    ) async throws {
        let action = try Route.action(of: message, on: .clusterAction, query)
        if action.isOfConfig {
            return try await config.putCluster(
                exchange, try ConfigRequest(action, message, query: query))
        }
        let isDryRun = try query.flag(QueryName.dryRun)
        // Later clients end nodes by way of the cluster; the word for all of them is another.
        let isOfNodes = action == .shutdown && message.action != Action.shutdown.rawValue
        if action == .rotateLogs || action == .resetStatistics {
            return try await upkeep.serve(exchange, action, message, query)
        }
        if action == .batch { return try await batch.serve(exchange, query, message, body) }
        // What is wrong with the request itself is said here, with or without a primary.
        let work = try Work(action, message, query, isOfNodes: isOfNodes)
        let ending: Maintenance.Request? =
            if case .nodes(let wanted) = work, action == .shutdown { wanted } else { nil }
        let terms: Exchange.Terms =
            if let ending { ending.ids.count > 1 ? .versions : .none } else {
                action == .shutdown ? .none : .all
            }
        var forwarded = try exchange.forwardable(body, heeding: terms, isChange: true)
        forwarded.isSentAgain = action != .shutdown
        if isQuestion {
            forwarded.method = .put
            forwarded.target = "/v1/cluster" + (isDryRun ? "?\(QueryName.dryRun)=true" : "")
        }
        let request = forwarded
        let reply = try await forwarder.onPrimary(request) { () -> Reply in
            let last = exchange.request.headers[named: HeaderName.forwardedBy]
            if let ending {
                return try await end(ending, request.origin, last: last, isDryRun: isDryRun)
            }
            return try await carryOut(work, request.origin, last: last, isDryRun: isDryRun)
        }
        switch reply {
        case .relayed(let answer), .local(.relayed(let answer)): return exchange.relay(answer)
        case .local(.done(let text, let notice, let survives)):
            let headers = [(HeaderName.notice, notice), (HeaderName.survives, survives)]
            if text.isEmpty {
                exchange.respond(.ok) { writer in
                    for case (let name, let value?) in headers { writer.add(named: name, value) }
                }
            } else {
                exchange.respond(
                    .ok, type: "text/plain; charset=utf-8", body: Array(text.utf8)
                ) { writer in
                    for case (let name, let value?) in headers { writer.add(named: name, value) }
                }
            }
        case .local(.json(let document)):
            exchange.respond(.ok, type: "application/json", body: document)
        }
        guard action == .shutdown, !isDryRun, !isOfNodes else { return }
        // The answer is on its way before the primary, the last one, ends.
        try? await exchange.flush()
        shutdown.end()
    }

    /// On the primary: ends nodes, or says what that would come to.
    private func end(
        _ wanted: Maintenance.Request, _ origin: MetadataService.Origin, last: String?,
        isDryRun: Bool
    ) async throws -> Reply {
        if isDryRun {
            return .json(try await maintenance.forecast(wanted, for: origin).encoded)
        }
        if wanted.ids.count == 1, published.now.state.map[wanted.ids[0]] != nil {
            return .relayed(try await endOne(wanted, origin))
        }
        let notice = try await maintenance.perform(wanted, for: origin, last: last)
        return .done(notice: notice, survives: maintenance.departure.survival.headline)
    }

    /// What a message asks for, read.
    private enum Work {
        case wholeShutdown
        case job(Rebalance.Request)
        case nodes(Maintenance.Request)

        /// `frc=true` in the query says what `force` says in the value.
        init(
            _ action: Action, _ message: ActionMessage, _ query: Query, isOfNodes: Bool
        ) throws(Failure) {
            switch action {
            case .shutdown where !isOfNodes:
                do throws(Failure) {
                    _ = try ActionValue(message.value, keys: [])
                } catch {
                    var failure = error
                    failure.next =
                        #"this ends all nodes; one: {"action":"shutdown-node","value":{"sid":"ID"}}"#
                    throw failure
                }
                self = .wholeShutdown
            case .start, .stop: self = .job(try Rebalance.Request(action, message))
            default:
                var request = try Maintenance.Request(action, message)
                if try query.flag(QueryName.force) { request.isForced = true }
                self = .nodes(request)
            }
        }
    }

    /// On the primary: whatever else the cluster is asked for.
    private func carryOut(
        _ work: Work, _ origin: MetadataService.Origin, last: String?, isDryRun: Bool
    ) async throws -> Reply {
        switch work {
        case .wholeShutdown:
            // One that was frozen, and is replaced, ends nobody for a request of long ago, and foresees nothing.
            try await shutdown.metadata.confirm(origin)
            guard !isDryRun else { return .json(shutdown.forecast.encoded) }
            return await shutdown.tell(last: last)
        case .job(let wanted):
            if isDryRun {
                return .json(try await rebalance.forecast(wanted, for: origin).encoded)
            }
            let id = try await rebalance.perform(wanted, for: origin)
            return id.isEmpty ? .done() : .done(text: id, notice: Rebalance.notice)
        case .nodes(let wanted):
            if isDryRun {
                return .json(try await maintenance.forecast(wanted, for: origin).encoded)
            }
            let notice = try await maintenance.perform(wanted, for: origin, last: last)
            return .done(notice: notice, survives: maintenance.departure.survival.headline)
        }
    }

    /// The node leaves the map by a request of its own, under the same id and in the same term: one that was frozen, or is
    /// late, must not leave when somebody has been told that the request never will be made (decision 0027).
    private func endOne(
        _ wanted: Maintenance.Request, _ origin: MetadataService.Origin
    ) async throws -> Answer {
        guard let node = try wanted.nodes(in: published.now.state).first else {
            preconditionFailure("a request names a node at least")
        }
        let term = origin.terms.bound ?? forwarder.group.bound(after: published.now.state)
        let isItself = node.id == shutdown.metadata.id
        if isItself, let heir = try await maintenance.handOver(wanted, [node], for: origin) {
            throw Maintenance.handedOver(node.id, to: heir)
        }
        // Who does not know the word yet is asked without it as long as it says nothing.
        let force = wanted.isForced ? #","force":true"# : ""
        let message = #"{"action":"shutdown","value":{"unregister":true\#(force)}}"#
        do throws(ClientError) {
            let response = try await client.send(
                .put, node.endpoint, "/v1/daemon",
                headers: [(HeaderName.requestID, origin.requestID)]
                    + (isItself ? [] : [(HeaderName.term, term.text)]),
                body: Array(message.utf8),
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: config.service.live.values.seconds("client.client_timeout"))
            )
            let body = try await response.collect(upTo: Limits.nodeDocumentBytes)
            // A refusal names force as the client spells it; one that is not known here is passed on as it is.
            var refusal = response.status == .ok ? nil : Failure(decoding: body)
            if refusal?.code == .unknown { refusal = nil }
            return Answer(
                response.status, contentType: response.headers["content-type"] ?? "",
                body: refusal?.spelled(.value).encoded ?? body,
                headers: response.headers.pairs.filter {
                    $0.name.lowercased() == HeaderName.survives.lowercased()
                })
        } catch {
            guard case .unreachable = error else {
                var failure = Failure(
                    .outcomeUnknown, "\(node.id) was lost after it had got the request",
                    cause: error.description,
                    next: Failure.inquiry(origin.requestID, since: term))
                failure.requestID = origin.requestID
                throw failure
            }
            throw Failure(
                .addressUnreachable, "\(node.id) cannot be reached at \(node.address.url)",
                cause: error.description, next: "is it running?")
        }
    }
}

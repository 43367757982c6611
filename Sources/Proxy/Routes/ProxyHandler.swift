import API
import Base
import Cluster
import Consensus
import HTTP
import Statistics

/// Every request to a proxy: takes the path apart, and turns failures into error objects.
///
/// Redirects and signs of life are answered in the synchronous half; whatever needs the group, a body or another
/// node is asynchronous.
struct ProxyHandler: Handler {
    let id: NodeID
    let published: PublishedState
    let redirector: Redirector
    let buckets: BucketRoutes
    let daemon: DaemonRoutes
    let cluster: ClusterRoutes
    let health: HealthRoutes
    let follow: FollowServer
    let receiver: StreamReceiver
    let statistics: NodeStatistics
    let metrics: MetricsRoute

    func respond(to exchange: Exchange) -> HTTP.Outcome {
        let request = exchange.request
        let target = RequestTarget(request.target)
        do throws(Failure) {
            let resource = try Resource(path: target.path)
            exchange.operation = Operation(resource, request.method)
            switch resource {
            case .object(let bucket, let name):
                return try redirector.redirect(exchange, bucket: bucket, object: name, target)
                    ? .done : .async
            case .health where !health.needsReadiness(target.query):
                try health.serve(exchange, target.query)
                return .done
            default: return .async
            }
        } catch {
            fail(exchange, error)
            return .done
        }
    }

    func handle(_ exchange: Exchange) async throws {
        do {
            try await route(exchange)
        } catch let error as ConnectionError {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            guard !exchange.isAnswered else { throw error }
            fail(exchange, Failure(any: error))
        }
    }

    private func route(_ exchange: Exchange) async throws {
        let target = RequestTarget(exchange.request.target)
        guard let read = try certainRead(exchange, target) else {
            return try await route(exchange, target)
        }
        let forwarder = cluster.forwarder
        if read.reach != .anywhere, forwarder.group.status.leader == nil {
            // Whoever sent it here asks another: waiting is for the one whom the client has asked.
            throw forwarder.group.noPrimary()
        }
        if forwarder.isCutOff, let answer = await forwarder.readAround(read) {
            return exchange.respond(answer)
        }
        do {
            try await route(exchange, target)
        } catch let failure as Failure where failure.code == .noPrimary && !exchange.isAnswered {
            guard let answer = await forwarder.readAround(read) else { throw failure }
            exchange.respond(answer)
        }
    }

    /// The request as it can be sent on, when it asks for the newest of what the cluster agrees on, and not for what is this
    /// proxy's own or waits for something.
    private func certainRead(
        _ exchange: Exchange, _ target: RequestTarget
    ) throws(Failure) -> Forwarder.Request? {
        let (method, query) = (exchange.request.method, target.query)
        guard method == .get || method == .head,
            try query.value(QueryName.consistency) ?? "" != "stale",
            try query.value(QueryName.waitVersion) == nil
        else { return nil }
        switch try Resource(path: target.path) {
        case .buckets(let name): guard name == nil || method == .head else { return nil }
        case .daemon(let rest):
            guard rest.isEmpty, Self.agreed.contains(try query.value(QueryName.what) ?? "")
            else { return nil }
        case .cluster(let rest):
            let what = try query.value(QueryName.what) ?? ""
            guard rest.first == "sessions" || (rest.isEmpty && Self.agreed.contains(what))
            else { return nil }
        default: return nil
        }
        return try exchange.forwardable([])
    }

    /// Documents that are the same at every proxy.
    private static let agreed: Set = [
        "smap", "bmd", "bucketmd", "cluster_config", "rmd", "history", "mountpath_events",
        "target_ips",
    ]

    private func route(_ exchange: Exchange, _ target: RequestTarget) async throws {
        try await redirector.metadata.catchUp(with: exchange)
        switch try Resource(path: target.path) {
        case .object(let bucket, let name):
            try await redirector.resolve(exchange, bucket: bucket, object: name, target)
        case .buckets(let name): try await buckets.serve(exchange, name: name, target.query)
        case .daemon(let rest): try await daemon.serve(exchange, rest, target.query)
        case .cluster(let rest): try await cluster.serve(exchange, rest, target.query)
        case .health: try health.serve(exchange, target.query)
        case .help(let rest):
            try exchange.require(.get)
            let page = HelpPage(map: published.now.state.map, node: health.node)
            exchange.respond(
                .ok, type: "text/plain; charset=utf-8", body: Array(try page.text(for: rest).utf8))
        case .metrics: try await metrics.serve(exchange)
        case .followLog:
            try exchange.require(.post)
            try await follow.serve(exchange, target.query)
        case .logFollowers:
            try exchange.require(.post)
            try await cluster.takeReport(exchange)
        case .raftStream:
            try exchange.require(.post)
            try await receiver.serve(exchange)
        case .unserved(let name): throw Failure.notImplemented("/v1/\(name)")
        }
    }

    func concluded(_ exchange: Exchange, isWhole: Bool) {
        statistics.concluded(exchange, isWhole: isWhole)
    }

    private func fail(_ exchange: Exchange, _ failure: Failure) {
        let request = exchange.request
        exchange.respond(
            failure.at(
                method: request.method.name, path: request.rawPath,
                remoteAddress: exchange.remoteAddress, node: id.text,
                mapVersion: published.now.state.map.version
            ).answer)
    }
}

extension Exchange {
    func require(_ methods: Method...) throws(Failure) {
        guard methods.contains(request.method) else {
            throw .methodNotAllowed(request.method, methods)
        }
    }

    /// What a change takes notice of besides its message.
    enum Terms: Sendable {
        /// It belongs to no session and rests on nothing: it is a step that takes several changes, or none of the log.
        case none
        /// `If-Match`, and a session.
        case all
    }

    /// On whose behalf the request acts. A proxy that has forwarded it tells who the client is.
    ///
    /// - Throws: for headers that this request cannot heed; they are never passed over.
    func origin(heeding heeded: Terms = .none) throws(Failure) -> MetadataService.Origin {
        let headers = request.headers
        let isRead = request.method == .get || request.method == .head
        let terms =
            isRead
            ? ChangeTerms()
            : try ChangeTerms(
                session: headers[named: HeaderName.session],
                sequence: headers[named: HeaderName.sequence],
                match: headers[named: HeaderName.ifMatch])
        guard terms.call == nil || heeded == .all else {
            throw Failure(
                .badHeader, "this request cannot be part of a session",
                next: "it is no single change of the log: see what became of it, and repeat it")
        }
        guard terms.preconditions.isEmpty || heeded != .none else {
            throw Failure(
                .badHeader, "this request does not depend on versions",
                next: "leave out \(HeaderName.ifMatch)")
        }
        let client = headers[named: HeaderName.clientAddress]
        return MetadataService.Origin(
            actor: headers[named: HeaderName.callerID] ?? "client",
            clientAddress: String((client ?? remoteAddress).prefix(255)),
            requestID: String(
                (headers[named: HeaderName.requestID] ?? SystemRandom.identifier(length: 16))
                    .prefix(255)),
            terms: terms)
    }

    /// What is needed to send the request on to the primary.
    func forwardable(
        _ body: [UInt8], heeding terms: Terms = .none
    ) throws(Failure) -> Forwarder.Request {
        let isForwarded = request.headers[named: HeaderName.forwardedBy] != nil
        let isDetour = request.headers[named: HeaderName.detour] != nil
        return Forwarder.Request(
            method: request.method, target: request.target, body: body,
            origin: try origin(heeding: terms),
            reach: isDetour ? .primary : isForwarded ? .here : .anywhere)
    }

    func respond(json body: [UInt8], position: String) {
        respond(.ok, type: "application/json", body: body) { writer in
            writer.add(named: HeaderName.position, position)
        }
    }
}

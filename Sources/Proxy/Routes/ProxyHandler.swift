import API
import Base
import Cluster
import Consensus
import HTTP
import Statistics

/// Every request to a proxy: takes the path apart, and turns failures into error objects.
///
/// Redirects and signs of life are answered in the synchronous half; whatever needs the group, a body or another
/// node is asynchronous. A class: as a value it has a dozen kilobytes, which each request would copy.
final class ProxyHandler: Handler {
    let id: NodeID
    let published: PublishedState
    let redirector: Redirector
    let buckets: BucketRoutes
    let daemon: DaemonRoutes
    let cluster: ClusterRoutes
    let relay: NodeRelay
    let health: HealthRoutes
    let follow: FollowServer
    let receiver: StreamReceiver
    let statistics: NodeStatistics
    let metrics: MetricsRoute
    /// Whether the state here is wrong, or may be, and must not be shown.
    let hidesState: @Sendable () -> Bool

    init(
        id: NodeID, published: PublishedState, redirector: Redirector, buckets: BucketRoutes,
        daemon: DaemonRoutes, cluster: ClusterRoutes, relay: NodeRelay, health: HealthRoutes,
        follow: FollowServer,
        receiver: StreamReceiver, statistics: NodeStatistics, metrics: MetricsRoute,
        hidesState: @escaping @Sendable () -> Bool
    ) {
        (self.id, self.published, self.redirector) = (id, published, redirector)
        (self.buckets, self.daemon, self.cluster) = (buckets, daemon, cluster)
        (self.relay, self.health, self.follow, self.receiver) = (relay, health, follow, receiver)
        (self.statistics, self.metrics, self.hidesState) = (statistics, metrics, hidesState)
    }

    func respond(to exchange: Exchange) -> HTTP.Outcome {
        let request = exchange.request
        let target = RequestTarget(request.target)
        do throws(Failure) {
            let resource = try Resource(path: target.path)
            exchange.operation = Operation(resource, request.method)
            if hidesState() { try Self.refuse(resource, target) }
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
            exchange.isForwarded = isForwarded(exchange)
            fail(exchange, error)
            return .done
        }
    }

    /// A proxy whose state is wrong talks to the others, and says how it is; whatever comes from the state it keeps to itself.
    static func refuse(_ resource: Resource, _ target: RequestTarget) throws(Failure) {
        switch resource {
        case .health, .metrics, .raftStream, .help, .openAPI: return
        case .daemon where try target.query.value(QueryName.what) == "raft": return
        default:
            throw Failure(
                .starting,
                "this proxy's state differs from that of others: it finds out whose is right, or is getting theirs",
                next: "ask another proxy, or this one again in a moment")
        }
    }

    func handle(_ exchange: Exchange) async throws {
        exchange.isOfMember = isOfMember(exchange)
        exchange.isForwarded = isForwarded(exchange)
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

    /// Whether what the request says of its sender, and of whom it was sent for, may be believed: it comes from the address
    /// of a node on the map. An address that is a name says nothing against it.
    private func isOfMember(_ exchange: Exchange) -> Bool {
        let headers = exchange.request.headers
        guard
            headers[named: HeaderName.clientAddress] != nil
                || headers[named: HeaderName.callerID] != nil
        else { return false }
        let address = exchange.remoteAddress
        let host = address[..<(address.lastIndex(of: ":") ?? address.endIndex)]
        return published.now.state.map.nodes.values.contains {
            $0.address.host == host || !$0.address.isNumeric
        }
    }

    /// Whether another proxy has passed the request on. Whoever only says so is a client, and is counted as one.
    private func isForwarded(_ exchange: Exchange) -> Bool {
        exchange.request.headers[named: HeaderName.forwardedBy] != nil && isOfMember(exchange)
    }

    private func route(_ exchange: Exchange) async throws {
        let target = RequestTarget(exchange.request.target)
        guard let read = try certainRead(exchange, target) else {
            return try await route(exchange, target)
        }
        let forwarder = cluster.forwarder
        if read.reach != .anywhere, forwarder.group.leaderView.leader == nil {
            // Whoever sent it here asks another: waiting is for the one whom the client has asked.
            throw forwarder.group.noPrimary()
        }
        if forwarder.isCutOff, let answer = await forwarder.readAround(read) {
            return exchange.relay(answer)
        }
        do {
            try await route(exchange, target)
        } catch let failure as Failure where failure.code == .noPrimary && !exchange.isAnswered {
            guard let answer = await forwarder.readAround(read) else { throw failure }
            exchange.relay(answer)
        }
    }

    /// The request as it can be sent on, when it asks for the newest of what the cluster agrees on, and not for what is this
    /// proxy's own or waits for something.
    private func certainRead(
        _ exchange: Exchange, _ target: RequestTarget
    ) throws(Failure) -> Forwarder.Request? {
        let (method, query) = (exchange.request.method, target.query)
        guard method == .get || method == .head,
            try query.consistency() != .stale,
            try query.value(QueryName.waitVersion) == nil
        else { return nil }
        var isOfHead = false
        switch try Resource(path: target.path) {
        case .buckets(let name):
            guard name == nil || method == .head else { return nil }
            // The one document that there is in headers only.
            isOfHead = name != nil
        case .daemon(let rest):
            guard rest.isEmpty, Self.agreed.contains(try query.value(QueryName.what) ?? "")
            else { return nil }
        case .cluster(let rest):
            let what = try query.value(QueryName.what) ?? ""
            guard rest.first == "sessions" || (rest.isEmpty && Self.agreed.contains(what))
            else { return nil }
        default: return nil
        }
        var request = try exchange.forwardable([])
        // So that the answer has the length that GET has.
        if !isOfHead { request.method = .get }
        return request
    }

    /// Documents that are the same at every proxy.
    private static let agreed: Set = [
        "smap", "bmd", "bucketmd", "cluster_config", "rmd", "history", "mountpath_events",
        "target_ips",
    ]

    private func route(_ exchange: Exchange, _ target: RequestTarget) async throws {
        let query = target.query
        let match = try Route.match(
            exchange.request.method, try Resource(path: target.path), at: .proxy)
        try match.check(
            query, exchange.request.method, hasBody: exchange.request.hasBody)
        try await redirector.metadata.catchUp(with: exchange)
        switch match.name {
        case .object, .objectRemoval, .objectAction:
            try await redirector.resolve(
                exchange, bucket: match.values[0], object: match.values[1], target)
        case .buckets: try await buckets.names(exchange, query)
        case .bucketObjects: try await buckets.get(exchange, match.values[0], query)
        case .bucketProperties: try await buckets.head(exchange, match.values[0], query)
        case .bucketAction: try await buckets.post(exchange, match.values[0], query)
        case .bucketRemoval: try await buckets.delete(exchange, match.values[0], query)
        case .bucketChange: try await buckets.patch(exchange)
        case .daemon: try await daemon.get(exchange, query)
        case .daemonAction: try await daemon.actions.serve(exchange, query)
        case .daemonConfig:
            try await daemon.config.putDaemon(exchange, try ConfigRequest(.setConfig, query: query))
        case .daemonConfigReset:
            try await daemon.config.putDaemon(
                exchange, try ConfigRequest(.resetConfig, query: query))
        case .forcePrimary: try await daemon.setPrimary(exchange, match.values[0], query)
        case .adoptGeneration: try await daemon.recovery.adopt(exchange)
        case .cluster: try await cluster.get(exchange, query)
        case .clusterInquiry: try await cluster.inquire(exchange, query)
        case .clusterAction: try await cluster.actions.serve(exchange, query)
        case .clusterConfig:
            try await cluster.config.putCluster(
                exchange, try ConfigRequest(.setConfig, query: query))
        case .clusterConfigReset:
            try await cluster.config.putCluster(
                exchange, try ConfigRequest(.resetConfig, query: query))
        case .sessions, .session:
            try await cluster.sessions.serve(exchange, match.values, query)
        case .setPrimary: try await cluster.setPrimary(exchange, match.values[0], query)
        case .relayedRead, .relayedChange:
            try await relay.serve(exchange, ["daemon"] + match.values)
        case .attachRemote, .detachRemote: throw Failure.remoteClusters
        case .register: try await cluster.register(exchange, match, query)
        case .join: try await cluster.admit(exchange, query)
        case .keepalive: try await cluster.admit(exchange, query, named: match.values.first)
        case .unregister: try await cluster.remove(exchange, match.values[0], query)
        case .mountpathNote: try await cluster.takeNote(exchange)
        case .removalReport: try await cluster.takeRemovalReport(exchange)
        case .health: try health.serve(exchange, query)
        case .help, .helpRow:
            let page = await cluster.queries.help(
                for: match.values, published.now.state.map, on: exchange.loop)
            exchange.respond(
                .ok, type: "text/plain; charset=utf-8",
                body: Array(try page.text(for: match.values).utf8))
        case .openAPI:
            exchange.respond(.ok, type: "application/json", body: OpenAPI.document(for: .proxy))
        case .metrics: try await metrics.serve(exchange)
        case .followLog: try await follow.serve(exchange, query)
        case .logFollowers: try await cluster.takeReport(exchange)
        case .raftStream: try await receiver.serve(exchange)
        case .mountpaths, .rejoin, .followHint: throw match.stray
        }
    }

    func concluded(_ exchange: Exchange, isWhole: Bool) {
        statistics.concluded(exchange, isWhole: isWhole)
    }

    private func fail(_ exchange: Exchange, _ failure: Failure) {
        let request = exchange.request
        statistics.count(failure)
        let state = published.now.state
        var answer = failure.at(
            method: request.method.name, path: request.rawPath,
            remoteAddress: exchange.remoteAddress, node: id.text, mapVersion: state.map.version
        ).answer
        if failure.code == .termPassed {
            // Which term it would have to be bound to.
            let now = cluster.forwarder.group.bound(after: state)
            answer.headers.append((HeaderName.position, now.text))
        }
        exchange.respond(answer)
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
        /// `If-Match`: what it does besides its one change of the log cannot be repeated.
        case versions
        /// `If-Match`, and a session.
        case all
    }

    /// On whose behalf the request acts. A node that has passed it on tells who the client is.
    ///
    /// - Parameters:
    ///   - heeded: what it takes notice of besides its message.
    ///   - isChange: whether it changes something although its method is that of a read.
    /// - Returns: who asks, and on what conditions.
    /// - Throws: for headers that this request cannot heed; they are never passed over.
    func origin(
        heeding heeded: Terms = .none, isChange: Bool = false
    ) throws(Failure) -> MetadataService.Origin {
        let headers = request.headers
        let isRead = !isChange && (request.method == .get || request.method == .head)
        let terms =
            isRead
            ? ChangeTerms()
            : try ChangeTerms(
                session: headers[named: HeaderName.session],
                sequence: headers[named: HeaderName.sequence],
                term: headers[named: HeaderName.term],
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
        // An empty name is none: nothing could be looked up by it.
        let name = headers[named: HeaderName.requestID] ?? ""
        let requestID = name.isEmpty ? SystemRandom.identifier(length: 16) : name
        guard requestID.utf8.count <= LogRecord.textBytesMax else {
            throw Failure(
                .badHeader, "\(HeaderName.requestID) has \(requestID.utf8.count) bytes",
                next: "at most \(LogRecord.textBytesMax); the request was not made")
        }
        let client =
            (isOfMember ? headers[named: HeaderName.clientAddress] : nil) ?? remoteAddress
        let caller = isOfMember ? headers[named: HeaderName.callerID] : nil
        return MetadataService.Origin(
            // Nodes name themselves; whatever somebody else calls himself, he is a client.
            actor: caller.flatMap { NodeID($0) }?.text ?? MetadataService.Origin.client,
            clientAddress: client.utf8.count <= LogRecord.textBytesMax ? client : remoteAddress,
            requestID: requestID, isNamed: !name.isEmpty, terms: terms)
    }

    /// The same of what is no single change of the log, so that no term of it can be named for it.
    func unboundOrigin() throws(Failure) -> MetadataService.Origin {
        let origin = try origin()
        guard origin.terms.bound == nil else {
            throw Failure(
                .badHeader,
                "this request is no change of the log, and is not bound to a term of it",
                next: "leave out \(HeaderName.term)")
        }
        return origin
    }

    /// What is needed to send the request on to the primary.
    func forwardable(
        _ body: [UInt8], heeding terms: Terms = .none, isChange: Bool = false
    ) throws(Failure) -> Forwarder.Request {
        let isForwarded = request.headers[named: HeaderName.forwardedBy] != nil
        let isDetour = request.headers[named: HeaderName.detour] != nil
        return Forwarder.Request(
            method: request.method, target: request.target, body: body,
            origin: try origin(heeding: terms, isChange: isChange),
            reach: isDetour ? .primary : isForwarded ? .here : .anywhere)
    }

    func respond(json body: [UInt8], position: String) {
        respond(.ok, type: "application/json", body: body) { writer in
            writer.add(named: HeaderName.position, position)
        }
    }
}

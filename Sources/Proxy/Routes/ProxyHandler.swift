import API
import Base
import Cluster
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
    /// Whether the state here is wrong and must not be shown.
    let isQuarantined: @Sendable () -> Bool

    func respond(to exchange: Exchange) -> HTTP.Outcome {
        let request = exchange.request
        let target = RequestTarget(request.target)
        do throws(Failure) {
            let resource = try Resource(path: target.path)
            exchange.operation = Operation(resource, request.method)
            if isQuarantined() { try Self.refuse(resource, target) }
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

    /// A proxy whose state is wrong talks to the others, and says how it is; whatever comes from the state it keeps to itself.
    static func refuse(_ resource: Resource, _ target: RequestTarget) throws(Failure) {
        switch resource {
        case .health, .metrics, .raftStream, .help: return
        case .daemon where try target.query.value(QueryName.what) == "raft": return
        default:
            throw Failure(
                .starting,
                "this proxy's state differs from that of the others: it is getting theirs",
                next: "ask another proxy, or this one again in a moment")
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

    /// On whose behalf the request acts. A proxy that has forwarded it tells who the client is.
    func origin() -> MetadataService.Origin {
        let headers = request.headers
        let client = headers[named: HeaderName.clientAddress]
        return MetadataService.Origin(
            actor: headers[named: HeaderName.callerID] ?? "client",
            clientAddress: String((client ?? remoteAddress).prefix(255)),
            requestID: String(
                (headers[named: HeaderName.requestID] ?? SystemRandom.identifier(length: 16))
                    .prefix(255)))
    }

    /// What is needed to send the request on to the primary.
    func forwardable(_ body: [UInt8]) -> Forwarder.Request {
        let isForwarded = request.headers[named: HeaderName.forwardedBy] != nil
        let isDetour = request.headers[named: HeaderName.detour] != nil
        return Forwarder.Request(
            method: request.method, target: request.target, body: body, origin: origin(),
            reach: isDetour ? .primary : isForwarded ? .here : .anywhere)
    }

    func respond(json body: [UInt8], position: String) {
        respond(.ok, type: "application/json", body: body) { writer in
            writer.add(named: HeaderName.position, position)
        }
    }
}

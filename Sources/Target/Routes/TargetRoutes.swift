import API
import Base
import Cluster
import HTTP
import Statistics

/// Answers every request to a target: finds the resource, and turns what goes wrong into a failure.
struct TargetRoutes: Handler {
    let target: TargetContext

    func respond(to exchange: Exchange) -> HTTP.Outcome {
        WarmGet.respond(to: exchange, target) ? .done : .async
    }

    func handle(_ exchange: Exchange) async throws {
        do {
            try await route(exchange)
        } catch let error as ConnectionError {
            throw error
        } catch {
            // Half an answer cannot be mended; the connection is cut.
            guard !exchange.isAnswered else { throw error }
            let failure = Failure(any: error)
            target.statistics.count(failure)
            if failure.code == .internalError || failure.code == .inputOutput {
                let request = exchange.request
                target.log.error(
                    "\(request.method.name) \(request.rawPath): \(failure.message):"
                        + " \(failure.cause ?? "")")
            }
            exchange.respond(Self.answer(failure, exchange.request, exchange, target))
        }
    }

    func concluded(_ exchange: Exchange, isWhole: Bool) {
        target.statistics.concluded(exchange, isWhole: isWhole)
    }

    private func route(_ exchange: Exchange) async throws {
        let request = RequestTarget(exchange.request.target)
        let resource = try Resource(path: request.path)
        exchange.operation = Operation(resource, exchange.request.method)
        let (query, method) = (request.query, exchange.request.method)
        let match = try Route.match(method, resource, at: .target)
        try match.check(query, method, hasBody: exchange.request.hasBody)
        try exchange.checkHeaders(of: match)
        switch match.name {
        case .object, .objectRemoval, .objectAction:
            try await ObjectRoutes(target: target, exchange: exchange, query: query)
                .respond(match.values[0], match.values[1])
        case .buckets, .bucketObjects, .bucketProperties, .bucketAction:
            try await BucketRoutes(target: target, exchange: exchange, query: query)
                .respond(match)
        case .daemon:
            try await DaemonRoutes(target: target, exchange: exchange, query: query).respond()
        case .daemonAction:
            try await DaemonActions(target: target, exchange: exchange, query: query).respond()
        case .rejoin:
            try await RejoinRoute(target: target, exchange: exchange, query: query).respond()
        case .daemonConfig, .daemonConfigReset:
            let action = match.name == .daemonConfig ? Action.setConfig : .resetConfig
            try await ConfigRoute(target: target, exchange: exchange)
                .change(try ConfigRequest(action, query: query))
        case .mountpaths:
            try await MountpathRoutes(target: target, exchange: exchange, query: query).respond()
        case .register: try await target.register.respond(exchange, target)
        case .health:
            try await HealthRoute(target: target, exchange: exchange, query: query).respond()
        case .help, .helpRow:
            let page = HelpPage(
                map: target.publisher.current.state.map, node: target.node,
                mountpath: target.store.mountpaths.all.first?.path,
                disabled: target.store.mountpaths.disabled.first?.path)
            exchange.respond(
                .ok, type: "text/plain; charset=utf-8",
                body: Array(try page.text(for: match.values).utf8))
        case .openAPI: exchange.respond(document: OpenAPI.document(for: .target))
        case .metrics: try await MetricsRoute(target: target, exchange: exchange).respond()
        case .followHint:
            try FollowHint(target: target, exchange: exchange, query: query).respond()
        case .bucketRemoval, .bucketChange, .forcePrimary, .adoptGeneration, .clusterInquiry,
            .sessions, .session,
            .cluster, .clusterAction, .clusterConfig,
            .clusterConfigReset, .setPrimary, .attachRemote, .detachRemote, .join, .keepalive,
            .unregister, .mountpathNote, .removalReport, .followLog, .logFollowers, .raftStream,
            .relayedRead, .relayedChange:
            throw match.stray
        }
    }

    /// The whole answer to a request that failed.
    static func answer(
        _ failure: Failure, _ request: RequestHead?, _ exchange: Exchange?, _ target: TargetContext
    ) -> Answer {
        failure.at(
            method: request?.method.name ?? "", path: request?.path ?? "",
            remoteAddress: exchange?.remoteAddress ?? "", node: target.node.id.text,
            mapVersion: target.publisher.current.state.map.version
        ).answer
    }
}

extension Exchange {
    /// A JSON document.
    func respond(document: [UInt8]) {
        respond(.ok, type: "application/json", body: document)
    }
}

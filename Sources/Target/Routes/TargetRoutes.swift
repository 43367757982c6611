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
        guard request.query.text.utf8.count <= Limits.queryBytesMax else {
            throw Failure(.badQuery, "the query is too long")
        }
        let resource = try Resource(path: request.path)
        exchange.operation = Operation(resource, exchange.request.method)
        switch resource {
        case .object(let bucket, let name):
            try await ObjectRoutes(target: target, exchange: exchange, query: request.query)
                .respond(bucket, name)
        case .buckets(let name):
            try await BucketRoutes(target: target, exchange: exchange, query: request.query)
                .respond(name)
        case .daemon(["mountpaths"]) where exchange.request.method != .get:
            try await MountpathRoutes(target: target, exchange: exchange, query: request.query)
                .respond()
        case .daemon([]) where exchange.request.method == .put:
            try await DaemonActions(target: target, exchange: exchange, query: request.query)
                .respond()
        case .daemon(let path)
        where exchange.request.method == .put && ConfigRequest.action(ofPath: path) != nil:
            let action = ConfigRequest.action(ofPath: path) ?? .setConfig
            try await ConfigRoute(target: target, exchange: exchange)
                .change(try ConfigRequest(action, query: request.query))
        case .daemon(let path):
            try await DaemonRoutes(target: target, exchange: exchange, query: request.query)
                .respond(path)
        case .health:
            try await HealthRoute(target: target, exchange: exchange, query: request.query)
                .respond()
        case .help(let path): try help(path, exchange)
        case .metrics:
            try await MetricsRoute(target: target, exchange: exchange).respond()
        case .cluster(["register"]):
            try await target.register.respond(exchange, target)
        case .cluster, .followLog, .logFollowers, .raftStream:
            throw Failure(
                .unknownResource, "invalid request: a target does not serve \(request.path)",
                next: "ask a proxy of the cluster")
        case .unserved(let name):
            throw Failure(.notImplemented, "/v1/\(name) is not supported by this build")
        }
    }

    private func help(_ path: [String], _ exchange: Exchange) throws {
        guard exchange.request.method == .get else {
            throw Failure.methodNotAllowed(exchange.request.method, ["GET"])
        }
        let page = HelpPage(map: target.publisher.current.state.map, node: target.node)
        exchange.respond(
            .ok, type: "text/plain; charset=utf-8", body: Array(try page.text(for: path).utf8))
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

import API
import Base
import Cluster
import Consensus
import HTTP
import Statistics

/// `/v1/daemon`: this proxy's own view (contract §6, §8).
struct DaemonRoutes: Sendable {
    let node: Node
    let metadata: MetadataService
    let raft: RaftDocument
    let statistics: StatisticsRoutes
    let log: LogTail
    let longPoll = LongPoll()
    let config: ConfigRoutes
    let actions: DaemonActions
    let recovery: RecoveryRoutes

    func serve(_ exchange: Exchange, _ rest: [String], _ query: Query) async throws {
        if exchange.request.method == .put, rest.isEmpty {
            return try await actions.serve(exchange, query)
        }
        if exchange.request.method == .put, let action = ConfigRequest.action(ofPath: rest) {
            return try await config.putDaemon(exchange, try ConfigRequest(action, query: query))
        }
        if exchange.request.method == .post, rest == ["recovery"] {
            return try await recovery.adopt(exchange)
        }
        if exchange.request.method == .put, rest.first == "proxy" {
            return try await setPrimary(exchange, rest, query)
        }
        if rest.first == "mountpaths" {
            throw Failure(
                .unknownResource, "a proxy has no mountpaths",
                next: "ask the target itself: GET /v1/daemon?what=smap lists targets")
        }
        guard exchange.request.method == .get else {
            throw Failure.notImplemented("\(exchange.request.method.name) /v1/daemon")
        }
        guard rest.isEmpty else {
            throw Failure(.badPath, "/v1/daemon has no element '\(rest[0])' to read")
        }
        try await serve(exchange, query, what: try query.value(QueryName.what) ?? "")
    }

    func serve(_ exchange: Exchange, _ query: Query, what: String) async throws {
        switch what {
        case "smap":
            let now = try await view(exchange, query, .smap)
            exchange.respond(json: now.state.map.document, of: now, version: .map)
        case "bmd", "bucketmd":
            let now = try await view(exchange, query, .bmd)
            exchange.respond(json: now.state.bucketDocument, of: now, version: .buckets)
        case "snode":
            var json = JSONWriter()
            // Flags live in the cluster map (contract §8.1).
            json.value(
                Node(id: node.id, role: node.role, address: node.address, member: node.member))
            json.newline()
            exchange.respond(.ok, type: "application/json", body: json.bytes)
        case "config":
            let now = try await view(exchange, query, .config)
            exchange.respond(json: config.document(for: now.snapshot), of: now)
        case "cluster_config":
            let now = try await view(exchange, query, .config)
            exchange.respond(
                json: config.clusterDocument(for: now.snapshot), of: now, version: .config)
        case "rmd":
            let now = try await view(query)
            exchange.respond(json: Rebalance.document(now.state.rebalance), of: now)
        case "smapvote":
            var json = JSONWriter()
            json.voteBundle(
                try await view(query).state, isVoting: metadata.group.status.leader == nil)
            json.newline()
            exchange.respond(.ok, type: "application/json", body: json.bytes)
        case let what where StatisticsRoutes.served.contains(what):
            try await statistics.serve(exchange, what: what)
        case "log": try exchange.respond(log: log, query)
        case "recovery": try await recovery.facts(exchange)
        case "branches": try await recovery.branches(exchange, query)
        case "raft": exchange.respond(.ok, type: "application/json", body: raft.encoded)
        default:
            throw Failure(
                .unknownDocument, "no document '\(what)'",
                next: "what=smap, bmd, rmd, snode, smapvote, config, cluster_config, "
                    + "stats, status, sysinfo, log, raft, recovery or branches")
        }
    }

    /// Contract §7.5, §7.6: by force, here; otherwise it is the whole cluster's business.
    private func setPrimary(
        _ exchange: Exchange, _ rest: [String], _ query: Query
    ) async throws {
        guard rest.count == 2, let id = NodeID(rest[1]) else {
            throw Failure(.badNode, "no proxy's id stands behind /v1/daemon/proxy/")
        }
        guard try query.flag(QueryName.force) else {
            throw Failure(
                .badRequest, "a proxy is made primary through the cluster, or here by force",
                next: "PUT /v1/cluster/proxy/\(id); or frc=true when no majority is left")
        }
        try await recovery.force(exchange, id, query)
    }

    /// The same, once the document has the version that the query asks for.
    private func view(
        _ exchange: Exchange, _ query: Query, _ document: VersionWait.Document
    ) async throws(Failure) -> MetadataView {
        guard let wait = try VersionWait(query, for: document) else { return try await view(query) }
        let (published, loop) = (metadata.published, exchange.loop)
        let reached = try await longPoll.wait(exchange, seconds: wait.seconds) { seconds in
            await loop.within(nanoseconds: UInt64(seconds * 1e9)) {
                await published.first(where: wait.isReached(in:))
            } ?? nil
        }
        guard reached != nil else { throw wait.failure(published.now.state) }
        return try await view(query)
    }

    /// A map is asked for most when something is wrong. So without a majority this proxy shows what it has, and
    /// says so; its position stands in a header either way.
    func view(_ query: Query) async throws(Failure) -> MetadataView {
        do throws(Failure) {
            return try await metadata.state(for: query)
        } catch {
            guard try query.value(QueryName.consistency) ?? "" == "", error.status == 503 else {
                throw error
            }
            return metadata.stale
        }
    }
}

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
    let documents: BucketDocuments
    let config: ConfigRoutes
    let actions: DaemonActions
    let history: HistoryRoute
    let recovery: RecoveryRoutes

    func get(_ exchange: Exchange, _ query: Query) async throws {
        try await serve(exchange, query, try query.nodeQuestion(at: .proxy))
    }

    func serve(_ exchange: Exchange, _ query: Query, _ question: NodeQuestion) async throws {
        if let version = try VersionQuestion(query) {
            return try await past(exchange, query, question, version)
        }
        switch question {
        case .smap:
            let now = try await view(exchange, query, .smap)
            exchange.respond(json: now.state.map.document, of: now, version: .map)
        case .bmd:
            let now = try await view(exchange, query, .bmd)
            let document = await documents.document("bmd", of: now.state, \.bucketDocument)
            exchange.respond(json: document, of: now, version: .buckets)
        case .snode:
            var json = JSONWriter()
            // Flags live in the cluster map (contract §8.1).
            json.value(
                Node(id: node.id, role: node.role, address: node.address, member: node.member))
            json.newline()
            exchange.respond(.ok, type: "application/json", body: json.bytes)
        case .config:
            let now = try await view(exchange, query, .config)
            exchange.respond(json: config.document(for: now.snapshot), of: now)
        case .clusterConfig:
            let now = try await view(exchange, query, .config)
            exchange.respond(
                json: config.clusterDocument(for: now.snapshot), of: now, version: .config)
        case .rmd:
            let now = try await view(query)
            exchange.respond(json: Rebalance.document(now.state.rebalance), of: now)
        case .smapvote:
            let isVoting = metadata.group.leaderView.leader == nil
            let now = try await view(query)
            let bundle = await documents.document(
                "smapvote \(isVoting)", of: now.state
            ) { $0.voteBundle(isVoting: isVoting) }
            exchange.respond(json: bundle, of: now)
        case .stats, .status, .sysinfo: try await statistics.serve(exchange, question)
        case .log: try exchange.respond(log: log, query)
        case .raft: exchange.respond(.ok, type: "application/json", body: raft.encoded)
        case .remote: exchange.respond(.ok, type: "application/json", body: RemoteClusters.none)
        case .recovery: try await recovery.facts(exchange)
        case .branches: try await recovery.branches(exchange, query)
        case .mountpaths, .disk, .xactions, .kept, .decommission, .cachedState, .cachedStateFile:
            throw Failure(.unknownDocument, "a proxy has no \(question.rawValue)")
        }
    }

    /// Contract §7.5, §7.6: by force, here; otherwise it is the whole cluster's business.
    func setPrimary(_ exchange: Exchange, _ text: String, _ query: Query) async throws {
        guard let id = NodeID(text) else {
            throw Failure(
                .badNode, "'\(text.excerpt)' is not a node's id",
                next: "GET /v1/daemon?what=smap lists nodes")
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
            guard try query.consistency() == nil, error.status == 503 else {
                throw error
            }
            return metadata.stale
        }
    }
}

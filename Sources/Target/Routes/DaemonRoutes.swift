import API
import Base
import Cluster
import HTTP
import Statistics

/// `/v1/daemon`: what this target knows and is.
struct DaemonRoutes {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    func respond() async throws {
        let question = try query.nodeQuestion(at: .target)
        guard try VersionQuestion(query) == nil else {
            throw Failure(
                .badQuery, "a target keeps no earlier version of anything",
                next: "ask a proxy: the history is part of its log")
        }
        try target.checkConsistency(query)
        switch question {
        case .smap: exchange.respond(document: try await state(.smap).map.document)
        case .bmd:
            exchange.respond(
                document: await target.documents.document(
                    "bmd", of: try await state(.bmd), \.bucketDocument))
        case .snode: respond { $0.value(target.plainNode) }
        case .config:
            // A target tells its settings before it knows a cluster; one that is asked to wait needs to know one.
            if try VersionWait(query, for: .config) != nil { _ = try await state(.config) }
            exchange.respond(document: ConfigRoute.document(of: target))
        case .smapvote:
            // Targets have no vote.
            exchange.respond(
                document: await target.documents.document("smapvote", of: try state()) {
                    $0.voteBundle(isVoting: false)
                })
        case .mountpaths: respond { mountpaths(&$0) }
        case .stats, .status, .sysinfo, .disk:
            try await StatisticsRoute(target: target, exchange: exchange).respond(question)
        case .xactions: try await xactions()
        case .log: try exchange.respond(log: target.log.tail, query)
        case .remote: exchange.respond(document: RemoteClusters.none)
        case .kept: try await kept()
        case .decommission: exchange.respond(document: target.removal.progress.document)
        case .cachedState:
            try await CachedStateRoute(target: target, exchange: exchange).describe()
        case .cachedStateFile:
            try await CachedStateRoute(target: target, exchange: exchange).file()
        case .clusterConfig, .rmd, .raft, .recovery, .branches:
            throw Failure(.unknownDocument, "a target has no \(question.rawValue)")
        }
    }

    private func state() throws -> ClusterState {
        let published = target.publisher.current
        guard published.isKnown else { throw Failure.starting }
        return published.state
    }

    /// The state as it is, or once it has the version that the query asks for.
    private func state(_ document: VersionWait.Document) async throws -> ClusterState {
        guard let wait = try VersionWait(query, for: document) else { return try state() }
        let (publisher, loop) = (target.publisher, exchange.loop)
        let reached = try await target.longPoll.wait(exchange, seconds: wait.seconds) {
            await publisher.state(within: $0, on: loop, where: wait.isReached(in:))
        }
        guard let reached else { throw wait.failure(publisher.current.state) }
        return reached.state
    }

    /// What the jobs of this target have done (contract §11.5). The only ones of this version are rebalances that are
    /// recorded and not run.
    private func xactions() async throws {
        let query = try XactionQuery(
            decoding: try await exchange.collect(upTo: Limits.actionBytesMax))
        let state = target.publisher.current.state
        if query.namesNone(of: state) { throw query.notFound }
        respond { $0.xactions(query, of: target.node.id, state) }
    }

    /// What a forced recovery left without a bucket, and where this target stands.
    private func kept() async throws {
        let state = target.publisher.current.state
        let directories = target.store.directories
        guard !target.scanPool.isSaturated else { throw Failure.overloaded("scans") }
        let kept = try await target.scanPool.run { () throws(FileError) in
            try directories.kept(in: state)
        }
        respond { json in
            json.object { json in
                json.member("position", state.position.text)
                json.key("kept")
                json.array { json in for directory in kept { json.value(directory) } }
            }
        }
    }

    private func mountpaths(_ json: inout JSONWriter) {
        json.object { json in
            json.key("available")
            let set = target.store.mountpaths
            json.array { json in for mountpath in set.all { json.value(mountpath.path) } }
            json.key("disabled")
            json.array { json in for entry in set.disabled { json.value(entry.path) } }
        }
    }

    private func respond(_ body: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        body(&json)
        json.newline()
        exchange.respond(document: json.bytes)
    }
}

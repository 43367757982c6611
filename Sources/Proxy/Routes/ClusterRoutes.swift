import API
import Base
import Cluster
import HTTP

/// `/v1/cluster`: joining, and what the whole cluster knows (contract §7).
struct ClusterRoutes: Sendable {
    let daemon: DaemonRoutes
    let admission: Admission
    let departure: Departure
    let actions: ClusterActions
    let transfer: PrimaryTransfer
    let queries: ClusterQueries
    let forwarder: Forwarder
    let followers: Followers
    let config: ConfigRoutes
    let history: HistoryRoute
    let sessions: SessionRoutes

    func serve(_ exchange: Exchange, _ rest: [String], _ query: Query) async throws {
        switch (exchange.request.method, rest) {
        case (.get, []):
            try await get(exchange, query)
        case (.post, []): try await post(exchange, query)
        case (.post, ["autoreg"]), (.post, ["keepalive"]): try await admit(exchange, query)
        case (.post, ["mountpaths"]): try await takeNote(exchange)
        case (.post, ["register"]): try await register(exchange, query)
        case (.delete, let rest) where rest.count == 2 && rest[0] == "daemon":
            try await remove(exchange, try Self.nodeID(rest[1]), query)
        case (_, let rest) where rest.first == "sessions":
            try await sessions.serve(exchange, Array(rest.dropFirst()), query)
        case (.put, []): try await actions.serve(exchange, query)
        case (.put, let rest) where rest.count == 2 && rest[0] == "proxy":
            let id = try Self.nodeID(rest[1])
            if try query.flag(QueryName.force) {
                return try await daemon.recovery.force(exchange, id, query)
            }
            try await onPrimary(exchange) { _ in
                try await transfer.transfer(to: id)
                return []
            }
        case (.put, let rest) where ConfigRequest.action(ofPath: rest) != nil:
            let action = ConfigRequest.action(ofPath: rest) ?? .setConfig
            try await config.putCluster(exchange, try ConfigRequest(action, query: query))
        case (.get, _), (.put, _), (.post, _), (.delete, _):
            throw Failure.notImplemented(
                "\(exchange.request.method.name) \(exchange.request.rawPath)")
        default:
            throw Failure.methodNotAllowed(
                exchange.request.method, [.get, .put, .post, .delete])
        }
    }

    private func get(_ exchange: Exchange, _ query: Query) async throws {
        switch try query.value(QueryName.what) ?? "" {
        case let what where ["smap", "bmd", "snode", "smapvote", "cluster_config"].contains(what):
            try await daemon.serve(exchange, query, what: what)
        case "config": try await daemon.serve(exchange, query, what: "cluster_config")
        case "history":
            let now = try await daemon.view(query)
            exchange.respond(
                json: try await history.document(query, upTo: now.snapshot), of: now)
        case "watch": try await history.watch(exchange, query)
        case "mountpath_events":
            let now = try await daemon.metadata.state(for: query)
            exchange.respond(json: now.state.mountpathEvents, of: now)
        case "recovery":
            try await daemon.recovery.overview(exchange, try await daemon.view(query).snapshot)
        case "recovery_plan": try await daemon.recovery.plan(exchange, query)
        case "target_ips":
            // Three networks, here all the same (contract §10.8).
            let hosts = try await daemon.view(query).state.map.nodes(.target).map(\.address.host)
            let text = hosts.flatMap { [$0, $0, $0] }.joined(separator: ",")
            exchange.respond(.ok, type: "text/plain; charset=utf-8", body: Array(text.utf8))
        case let what where ClusterQueries.served.contains(what):
            try await queries.serve(exchange, what: what, of: try await daemon.view(query).state)
        case let what:
            throw Failure(
                .unknownDocument, "no document '\(what)' of the cluster",
                next:
                    "what=smap, bmd, snode, smapvote, cluster_config, history, watch, target_ips, "
                    + "mountpath_events, recovery, recovery_plan, "
                    + ClusterQueries.served.joined(separator: ", "))
        }
    }

    /// A question with more in it than fits a query.
    private func post(_ exchange: Exchange, _ query: Query) async throws {
        guard try query.value(QueryName.what) == "recovery_plan" else {
            throw Failure.notImplemented("POST /v1/cluster")
        }
        try await daemon.recovery.plan(exchange, query)
    }

    private static func nodeID(_ text: String) throws(Failure) -> NodeID {
        guard let id = NodeID(text) else {
            throw Failure(.badNode, "'\(text)' is not a node's id")
        }
        return id
    }

    // MARK: Membership

    private func admit(_ exchange: Exchange, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        var request = try JoinRequest(decoding: body)
        if try query.flag(QueryName.nonElectable) { request.node.flags.insert(.nonElectable) }
        let joining = request
        try await onPrimary(exchange, body) { origin in
            var origin = origin
            origin.actor = joining.node.id.text
            return try await admission.admit(joining, for: origin).encoded
        }
    }

    private func register(_ exchange: Exchange, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        var node = try JoinRequest(decoding: body).node
        if try query.flag(QueryName.nonElectable) { node.flags.insert(.nonElectable) }
        let registered = node
        try await onPrimary(exchange, body) { origin in
            _ = try await admission.register(registered, for: origin)
            return []
        }
    }

    private func remove(_ exchange: Exchange, _ id: NodeID, _ query: Query) async throws {
        let isForced = try query.flag(QueryName.force)
        let isDryRun = try query.flag(QueryName.dryRun)
        try await onPrimary(exchange) { origin in
            if isDryRun {
                return try await departure.forecast(
                    id, action: "unregister", isForced: isForced
                ).encoded
            }
            try await departure.remove(id, isForced: isForced, for: origin)
            return []
        }
    }

    /// Serves a request here when this is the primary, else takes it there.
    private func onPrimary(
        _ exchange: Exchange, _ body: [UInt8]? = nil,
        _ serve: (MetadataService.Origin) async throws -> [UInt8]
    ) async throws {
        let terms: Exchange.Terms = exchange.request.method == .delete ? .all : .none
        let body =
            if let body { body } else {
                try await exchange.collect(upTo: API.Limits.actionBytesMax)
            }
        let request = try exchange.forwardable(body, heeding: terms)
        switch try await forwarder.onPrimary(request, { try await serve(request.origin) }) {
        case .relayed(let answer): exchange.respond(answer)
        case .local(let reply) where reply.isEmpty: exchange.respond(.ok)
        case .local(let reply): exchange.respond(.ok, type: "application/json", body: reply)
        }
    }

    /// A target says what has become of one of its mountpaths.
    private func takeNote(_ exchange: Exchange) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let report = try MountpathReport(decoding: body)
        try await onPrimary(exchange, body) { origin in
            var origin = origin
            origin.actor = report.target.text
            _ = try await daemon.metadata.change(
                .noteMountpath(report.target, report.note), for: origin)
            return []
        }
    }

    /// Another proxy says how far its followers are.
    func takeReport(_ exchange: Exchange) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        followers.reported(try FollowerReport(decoding: body))
        exchange.respond(.ok)
    }
}

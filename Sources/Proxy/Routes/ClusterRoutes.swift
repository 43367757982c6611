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
    let sessions: SessionRoutes

    func get(_ exchange: Exchange, _ query: Query) async throws {
        let question = try query.clusterQuestion()
        switch question {
        case .smap: try await daemon.serve(exchange, query, .smap)
        case .bmd: try await daemon.serve(exchange, query, .bmd)
        case .snode: try await daemon.serve(exchange, query, .snode)
        case .smapvote: try await daemon.serve(exchange, query, .smapvote)
        case .clusterConfig: try await daemon.serve(exchange, query, .clusterConfig)
        case .remote: try await daemon.serve(exchange, query, .remote)
        case .recovery:
            try await daemon.recovery.overview(exchange, try await daemon.view(query).snapshot)
        case .recoveryPlan: try await daemon.recovery.plan(exchange, query)
        case .history:
            if let id = try query.value(QueryName.requestID) {
                // What the cluster does by itself has no id, and is no answer to anybody's question.
                guard !id.isEmpty else {
                    throw Failure(
                        .badQuery, "'\(QueryName.requestID)' is empty",
                        next: "the request_id of the answer, or the \(HeaderName.requestID) sent")
                }
                for name in [QueryName.of, QueryName.before, QueryName.limit] {
                    try query.refuse(name, because: "not for a question about one request")
                }
                return try await RequestInquiry(daemon: daemon, forwarder: forwarder)
                    .serve(exchange, query, id)
            }
            try query.refuse(
                QueryName.since, because: "for a question about one request (request_id)")
            let now = try await daemon.view(query)
            exchange.respond(
                json: try await daemon.history.document(query, upTo: now.snapshot), of: now)
        case .watch: try await daemon.history.watch(exchange, query)
        case .decommission:
            let node = try query.value(QueryName.node).map { text throws(Failure) in
                guard let id = NodeID(text) else {
                    throw Failure(.badQuery, "'\(text.excerpt)' is not the id of a node")
                }
                return id
            }
            // Certain, unless somebody says otherwise: by this answer a target removes user data.
            try await queries.decommissions(
                exchange, try await daemon.metadata.state(for: query), of: node)
        case .mountpathEvents:
            let now = try await daemon.view(query)
            exchange.respond(json: now.state.mountpathEvents, of: now)
        case .targetAddresses:
            // Three networks, here all the same (contract §10.8).
            let hosts = try await daemon.view(query).state.map.nodes(.target).map(\.address.host)
            let text = hosts.flatMap { [$0, $0, $0] }.joined(separator: ",")
            exchange.respond(.ok, type: "text/plain; charset=utf-8", body: Array(text.utf8))
        case .xactionStatistics:
            let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
            // In the documents' form the same request starts and stops as well (contract §11.5).
            if let order = try XactionQuery.order(in: body) {
                // 'what' has done its part, and is no word of the order.
                let isDryRun = try query.flag(QueryName.dryRun)
                let words = isDryRun ? "?\(QueryName.dryRun)=true" : ""
                return try await actions.serve(
                    exchange, RequestTarget("/v1/cluster\(words)").query, order, order.encoded,
                    isQuestion: true)
            }
            try await queries.xactionStatistics(
                exchange, try await daemon.view(query).state, body)
        case .stats, .sysinfo, .mountpaths, .xactionStatus, .xactionStatuses, .runningXactions:
            try await queries.serve(exchange, question, of: try await daemon.view(query).state)
        }
    }

    func setPrimary(_ exchange: Exchange, _ text: String, _ query: Query) async throws {
        let id = try Self.nodeID(text)
        if try query.flag(QueryName.force) {
            return try await daemon.recovery.force(exchange, id, query)
        }
        guard !exchange.request.hasBody else {
            throw Failure(
                .badRequest, "the body is for a forced recovery (frc=true)",
                next: "nothing was changed; leave it out")
        }
        for name in [QueryName.can, QueryName.override, QueryName.token] {
            try query.refuse(name, because: "for a forced recovery (frc=true)")
        }
        let isDryRun = try query.flag(QueryName.dryRun)
        // Who leads after a primary was lost has been settled; nobody asked to move that.
        try await onPrimary(exchange, isSentAgain: false) { origin in
            if isDryRun { return Reply(try await forecast(primary: id).encoded) }
            try await transfer.transfer(to: id, for: origin)
            return Reply()
        }
    }

    /// A question with more in it than fits a query.
    func inquire(_ exchange: Exchange, _ query: Query) async throws {
        guard try query.clusterQuestion() == .recoveryPlan else {
            throw Failure(
                .unknownDocument, "only what=recovery_plan is asked for by POST",
                next: "GET /v1/cluster?what=…")
        }
        try await daemon.recovery.plan(exchange, query)
    }

    private static func nodeID(_ text: String) throws(Failure) -> NodeID {
        guard let id = NodeID(text) else {
            throw Failure(
                .badNode, "'\(text.excerpt)' is not a node's id",
                next: "GET /v1/daemon?what=smap lists nodes")
        }
        return id
    }

    // MARK: Membership

    /// Where the path names the node, later versions say no more than that it is there.
    func admit(_ exchange: Exchange, _ query: Query, named name: String? = nil) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let id = try name.map { text throws(Failure) in try Self.nodeID(text) }
        if let id, body.isEmpty { return try await confirm(exchange, id) }
        var request = try JoinRequest(decoding: body)
        if let id, request.node.id != id {
            throw Failure(
                .badNode, "the path names \(id), and the body \(request.node.id)",
                next: "name the same node, or none in the path")
        }
        try Self.heedNonElectable(query, &request.node)
        let joining = request
        let isDryRun = try query.flag(QueryName.dryRun)
        try await onPrimary(exchange, body) { origin in
            if isDryRun { return Reply(try await forecast(joining: joining).encoded) }
            var origin = origin
            origin.actor = joining.node.id.text
            let reply = try await admission.admit(joining, for: origin)
            return Reply(reply.encoded, survives: departure.survival.headline)
        }
    }

    /// A gateway that may not become primary (contract §7.3); nobody makes a target one.
    private static func heedNonElectable(_ query: Query, _ node: inout Node) throws(Failure) {
        guard try query.flag(QueryName.nonElectable) else { return }
        guard node.role == .proxy else {
            throw Failure(
                .badQuery, "'\(QueryName.nonElectable)' is for proxies, and \(node.id) is a target",
                next: "nothing was changed; leave it out")
        }
        node.flags.insert(.nonElectable)
    }

    /// Tells a node that the map has it. One that it does not have has to say more: where it is, and of which cluster.
    private func confirm(_ exchange: Exchange, _ id: NodeID) async throws {
        let now = try await daemon.metadata.linearizable()
        guard now.state.map[id] != nil else {
            var failure = Failure(Rejection.noSuchNode(id))
            failure.next = "POST /v1/cluster/keepalive with the node as the body: it joins"
            throw failure
        }
        let reply = JoinReply(
            clusterID: now.state.map.clusterID, position: now.state.position)
        exchange.respond(.ok, type: "application/json", body: reply.encoded)
    }

    func register(_ exchange: Exchange, _ match: Route.Match, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        var node = try JoinRequest(decoding: body).node
        try Self.heedNonElectable(query, &node)
        let registered = node
        let isDryRun = try query.flag(QueryName.dryRun)
        try await onPrimary(exchange, body) { origin in
            if isDryRun { return Reply(try await forecast(registering: registered).encoded) }
            _ = try await admission.register(registered, for: origin)
            return registration(of: registered, byAdmin: match.path == Route.joinByAdmin)
        }
    }

    /// What a node's registration is answered with. A target's has the id of the rebalance that it starts for a body (contract
    /// §7.3), and there is none; later clients read a document.
    private func registration(of node: Node, byAdmin: Bool) -> Reply {
        let survival = departure.survival
        guard byAdmin else {
            return Reply(
                node.role == .proxy ? survival.encoded : [], survives: survival.headline)
        }
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.member("daemon_id", node.id.text)
            json.member("rebalance_id", "")
            survival.write(membersOfReply: &json)
        }
        json.newline()
        return Reply(json.bytes, survives: survival.headline)
    }

    func remove(_ exchange: Exchange, _ text: String, _ query: Query) async throws {
        let id = try Self.nodeID(text)
        let isForced = try query.flag(QueryName.force)
        let isDryRun = try query.flag(QueryName.dryRun)
        try await onPrimary(exchange) { origin in
            if isDryRun {
                return Reply(
                    try await departure.forecast(id, isForced: isForced, for: origin).encoded)
            }
            let node = try await departure.remove(id, isForced: isForced, for: origin)
            let survival = departure.survival
            return Reply(
                node?.role == .proxy ? survival.encoded : [], survives: survival.headline)
        }
    }

    /// What the primary answers: a document, or nothing; and, to a change of who takes part, which failures are survived now.
    private struct Reply: Sendable {
        var body: [UInt8]
        var survives: String?

        init(_ body: [UInt8] = [], survives: String? = nil) {
            self.body = body
            self.survives = survives
        }
    }

    /// Serves a request here when this is the primary, else takes it there.
    private func onPrimary(
        _ exchange: Exchange, _ body: [UInt8]? = nil, isSentAgain: Bool = true,
        _ serve: (MetadataService.Origin) async throws -> Reply
    ) async throws {
        let terms: Exchange.Terms = exchange.request.method == .delete ? .all : .none
        let body =
            if let body { body } else {
                try await exchange.collect(upTo: API.Limits.actionBytesMax)
            }
        var forwarded = try exchange.forwardable(body, heeding: terms)
        forwarded.isSentAgain = isSentAgain
        let request = forwarded
        switch try await forwarder.onPrimary(request, { try await serve(request.origin) }) {
        case .relayed(let answer): exchange.relay(answer)
        case .local(let reply) where reply.body.isEmpty:
            exchange.respond(.ok) { writer in
                if let survives = reply.survives {
                    writer.add(named: HeaderName.survives, survives)
                }
            }
        case .local(let reply):
            exchange.respond(.ok, type: "application/json", body: reply.body) { writer in
                if let survives = reply.survives {
                    writer.add(named: HeaderName.survives, survives)
                }
            }
        }
    }

    /// A target says what has become of one of its mountpaths.
    func takeNote(_ exchange: Exchange) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let report = try MountpathReport(decoding: body)
        try await onPrimary(exchange, body) { origin in
            var origin = origin
            origin.actor = report.target.text
            _ = try await daemon.metadata.change(for: origin) { _ throws(Failure) in
                // The target repeats what has no answer. An earlier primary may have written it down.
                let state = try await daemon.metadata.linearizable().state
                let isKnown = state.mountpathNotes[report.target]?.contains(where: report.note.says)
                return isKnown == true
                    ? .batch([]) : .noteMountpath(report.target, report.note)
            }
            return Reply()
        }
    }

    /// A target says that it has removed what it was told to.
    func takeRemovalReport(_ exchange: Exchange) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let report = try RemovalReport(decoding: body)
        try await onPrimary(exchange, body) { origin in
            var origin = origin
            origin.actor = report.target.text
            _ = try await daemon.metadata.change(
                .endDecommission(report.target, report.report), for: origin)
            return Reply()
        }
    }

    /// Another proxy says how far its followers are.
    func takeReport(_ exchange: Exchange) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let report = try FollowerReport(decoding: body)
        guard daemon.metadata.published.now.state.map[report.proxy]?.role == .proxy else {
            throw Failure(
                .badNode, "no proxy \(report.proxy) is on the map, whose followers these would be")
        }
        guard report.followers.count <= Limits.followersMax else {
            throw Failure(
                .badBody,
                "\(report.followers.count) followers; a proxy has \(Limits.followersMax) at most")
        }
        followers.reported(report)
        exchange.respond(.ok)
    }
}

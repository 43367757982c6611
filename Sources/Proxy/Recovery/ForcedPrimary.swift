import API
import Base
import Cluster
import Consensus
import HTTP

/// `PUT /v1/daemon/proxy/ID?frc=true&can=URL` (contract §7.6): makes a proxy primary by force. Plan, apply, verify.
///
/// What the request comes to depends on how things stand, and it may be repeated whatever became of it:
/// 1. ID is the primary already: nothing is done.
/// 2. The cluster at `can` is of a later generation, with ID its primary: this proxy was left behind. Its log is set
///    aside, and it joins that cluster anew.
/// 3. No majority answers: ID goes on with what it has, as a new generation, together with those whose logs begin its own.
/// 4. Otherwise nothing is done, and the answer says why.
struct ForcedPrimary: Sendable {
    struct Request: Sendable {
        var id: NodeID
        var can: Endpoint?
        var token = ""
        var isDryRun = false
        var files: [RecoveryFacts] = []
        var overridesQuorum = false
    }

    let survey: RecoverySurvey
    let adoption: AdoptionService
    let departure: Departure
    let rejoin: Rejoin
    let verification: RecoveryVerification
    let client: Client
    let log: Logger

    /// What forecasts call it.
    static let action = "force-primary"

    private var node: Node { survey.node }
    private var group: RaftGroup { survey.group }

    enum Reply {
        case relayed(HTTP.Answer)
        /// A plan, or a report of what was done; `isWhole` when nothing is left to do.
        case document([UInt8], isWhole: Bool)
        /// A report, and this process is to begin anew when it has been sent.
        case rejoins([UInt8])
    }

    func serve(
        _ request: Request, _ forwardable: Forwarder.Request, on loop: EventLoop
    ) async throws -> Reply {
        var request = request
        // What makes no sense at one node makes none at any, however things stand there.
        try await checkIsProxy(request)
        // One that was left behind is asked to rejoin; where, its map may still know.
        if request.can == nil, group.status.supersededBy != nil {
            request.can = survey.published.now.state.map[request.id]?.endpoint
        }
        let there = try await witness(request)
        if let there, there.generation > group.status.generation {
            return try await leave(for: there, request)
        }
        if group.primary?.id == request.id, try await survey.own().leader != nil {
            return try await report(request, on: loop)
        }
        if request.id == node.id { return try await begin(request, forwardable.origin, on: loop) }
        return try await send(request, there, forwardable)
    }

    /// - Throws: that ID is a target, or nobody's; and that the proxy at `can` is another one, when `can` leads here.
    private func checkIsProxy(_ request: Request) async throws(Failure) {
        let list = "GET /v1/daemon?what=smap lists nodes"
        if let known = survey.published.now.state.map[request.id] {
            guard known.role == .proxy else {
                throw Failure(
                    .badNode, "\(request.id) is a target; only a proxy can be primary", next: list)
            }
            return
        }
        guard request.id != node.id else { return }
        guard let can = request.can else {
            throw Failure(
                .nodeNotFound, "there is no node \(request.id)",
                next: "\(list); can=URL names one that is not there")
        }
        guard can != node.endpoint else { throw Self.otherProxy(node.id.text, at: can, request) }
    }

    private static func otherProxy(
        _ found: String, at can: Endpoint, _ request: Request
    ) -> Failure {
        Failure(
            .badNode, "the proxy at \(can) is \(found), not \(request.id)",
            next: "name the proxy by its id, and by its URL under 'can'")
    }

    /// What the proxy named by `can` says of itself.
    private func witness(_ request: Request) async throws -> RecoveryFacts? {
        guard let can = request.can, can != node.endpoint else { return nil }
        let facts: RecoveryFacts
        do {
            let response = try await client.send(
                .get, can, "/v1/daemon?what=recovery",
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds, responseSeconds: Limits.fanOutSeconds))
            let body = try await response.collect(upTo: Limits.recoveryBodyBytes)
            facts = try RecoveryFacts(decoding: body)
        } catch {
            throw Failure(
                .addressUnreachable, "no proxy of a cluster answers at \(can)", cause: "\(error)",
                next: "'can' is the URL of the proxy that is to be primary")
        }
        let clusterID = survey.published.now.state.map.clusterID
        guard clusterID.isEmpty || facts.clusterID == clusterID else {
            throw Failure(
                .wrongCluster,
                "the proxy at \(can) belongs to cluster \(facts.clusterID), this one to \(clusterID)",
                next: "two clusters are not merged; a proxy with an empty directory can join either"
            )
        }
        return facts
    }

    // MARK: 1. Done already

    private func report(_ request: Request, on loop: EventLoop) async throws -> Reply {
        // It leads, and can lead to nothing.
        if request.id == node.id, let found = group.status.unreadable {
            throw group.failure(.unreadable(found))
        }
        // Asked again: what is missing of the recovery that made it primary is still waited for.
        if request.id == node.id, !request.isDryRun, let record = await verification.current() {
            let report = await verification.report(of: record, on: loop)
            return .document(report.encoded(changed: false), isWhole: report.isDone)
        }
        if request.isDryRun {
            var forecast = Forecast(Self.action, departure.survival)
            forecast.changes.append("nothing: \(request.id) is the primary")
            return .document(forecast.encoded, isWhole: true)
        }
        var json = JSONWriter()
        json.object { json in
            json.member("done", true)
            json.member("changed", false)
            json.member("reason", "\(request.id) is the primary already")
        }
        json.newline()
        return .document(json.bytes, isWhole: true)
    }

    // MARK: 2. Left behind

    private func leave(for there: RecoveryFacts, _ request: Request) async throws -> Reply {
        guard !survey.published.now.state.map.clusterID.isEmpty else {
            throw Failure(
                .starting, "this proxy belongs to no cluster yet, and has nothing to set aside",
                next: "start it with --join URL")
        }
        let isPrimary = there.node == request.id.text && there.leader == there.member
        guard isPrimary else {
            throw Failure(
                .badNode,
                "the proxy at \(there.url) is \(there.node) of generation \(there.generation), and "
                    + (there.leader == there.member ? "not \(request.id)" : "not the primary"),
                next: "name the primary of that generation, and its URL")
        }
        let plan = rejoin.plan(for: there, seed: request.can)
        if request.isDryRun {
            return .document(plan.forecast(departure.survival), isWhole: true)
        }
        try await rejoin.begin(plan)
        log.warning(
            "sets its log aside as \(plan.branch), and joins generation \(there.generation) anew")
        return .rejoins(plan.report)
    }

    // MARK: 3. Going on alone

    private func begin(
        _ request: Request, _ origin: MetadataService.Origin, on loop: EventLoop
    ) async throws -> Reply {
        var wish = RecoverySurvey.Wish()
        wish.candidate = node.id.text
        wish.can = request.can
        wish.files = request.files
        wish.overridesQuorum = request.overridesQuorum
        let plan = RecoveryPlan(try await survey.question(wish, on: loop))
        if request.isDryRun {
            let targets = survey.published.now.state.map.candidates.count
            let document = plan.forecast(
                activeTargets: targets, refusedBy: refusal(of: request, plan))
            return .document(document, isWhole: true)
        }
        if let refusal = refusal(of: request, plan) { throw refusal }
        try await apply(plan, origin)
        await adoption.tell()
        guard let record = await verification.current() else {
            throw Failure(.stopping, "this proxy is stopping")
        }
        let report = await verification.report(of: record, on: loop)
        return .document(report.encoded(changed: true, plan), isWhole: report.isDone)
    }

    /// Why a plan is not carried out, or not by this request; `nil` when it is.
    private func refusal(of request: Request, _ plan: RecoveryPlan) -> Failure? {
        if let refusal = plan.refusal { return Failure(refusal, plan) }
        if request.token.isEmpty {
            // What can be named is lost only by a request that has seen it.
            guard plan.losesSomething || plan.question.overridesQuorum || plan.takesLearner else {
                return nil
            }
            return Failure(
                .recoveryRefused,
                "without a plan's token this is not done: \(plan.reasons.joined(separator: "; "))",
                cause: plan.losses, next: plan.next)
        }
        guard request.token != plan.token else { return nil }
        return Failure(
            .planChanged, "the logs, or who answers, are not what they were in the plan",
            cause: "the token is \(plan.token) now",
            next: "look at the plan again: "
                + "\(node.address.url)/v1/cluster?what=recovery_plan&candidate=\(node.id)")
    }

    private func apply(
        _ plan: RecoveryPlan, _ origin: MetadataService.Origin
    ) async throws(Failure) {
        guard let facts = plan.chosen?.facts else { return }
        let recovery = ForcedRecovery(
            plan, facts, candidate: node.id, nonce: SystemRandom.word(), for: origin,
            survey.published.now.state)
        log.warning(
            "begins generation \(recovery.successor) by force, from entry \(facts.last); without "
                + plan.names(recovery.givenUp).joined(separator: ", "))
        switch await group.raft.recover(recovery) {
        case .done: break
        case .refused(.recovery(let refusal)): throw Failure(refusal, at: node)
        case .refused(let refusal): throw group.failure(refusal)
        case .unknown:
            var failure = Failure(
                .outcomeUnknown, "this proxy has stopped meanwhile",
                next: "start it, and send the request again")
            failure.requestID = origin.requestID
            throw failure
        }
    }

    // MARK: Elsewhere

    private func send(
        _ request: Request, _ there: RecoveryFacts?, _ forwardable: Forwarder.Request
    ) async throws -> Reply {
        guard forwardable.reach == .anywhere else {
            throw Failure(
                .badNode, "this is \(node.id), not \(request.id)",
                next: "send the request to \(request.id) itself")
        }
        var endpoint: Endpoint?
        if let there, there.node == request.id.text { endpoint = request.can }
        endpoint = endpoint ?? survey.published.now.state.map[request.id]?.endpoint
        guard let endpoint else {
            throw Self.otherProxy(
                there?.node ?? "nobody", at: request.can ?? node.endpoint, request)
        }
        do throws(ClientError) {
            let response = try await client.send(
                .put, endpoint, forwardable.target,
                headers: [
                    (HeaderName.forwardedBy, node.id.text),
                    (HeaderName.requestID, forwardable.origin.requestID),
                    (HeaderName.clientAddress, forwardable.origin.clientAddress),
                ], body: forwardable.body,
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: Limits.fanOutWholeSeconds + Limits.recoveryVerifySeconds),
                mayRepeat: false)
            let body = try await response.collect(upTo: Limits.relayedBytes)
            return .relayed(
                HTTP.Answer(
                    response.status, contentType: response.headers["content-type"] ?? "",
                    body: body))
        } catch {
            // A rehearsal that is lost leaves no doubt.
            guard request.isDryRun || error.isUnreachable else {
                var failure = Failure(
                    .outcomeUnknown,
                    "\(request.id) was lost after it had got the request; it may go on by force",
                    cause: error.description,
                    next: "GET \(endpoint)/v1/cluster?what=recovery shows what was done; "
                        + "sent again, the request does no harm"
                )
                failure.requestID = forwardable.origin.requestID
                throw failure
            }
            throw Failure(
                .proxyUnreachable, "\(request.id) does not answer at \(endpoint)",
                cause: error.description,
                next:
                    "only a living proxy can go on; GET /v1/cluster?what=recovery_plan says which do"
            )
        }
    }
}

extension ForcedRecovery {
    /// What a plan asks the core for.
    init(
        _ plan: RecoveryPlan, _ facts: RecoveryFacts, candidate: NodeID, nonce: UInt64,
        for origin: MetadataService.Origin, _ state: ClusterState
    ) {
        let successor = Generation(counter: facts.generation.counter + 1, nonce: nonce)
        let expected = Position(
            generation: facts.generation, term: facts.last.term, index: facts.last.index)
        // Who begins anew is a new member: what the map and the group have of it is its old log.
        let givenUp = plan.dead + plan.rejoining.map(\.member)
        func nodes(_ members: [MemberID]) -> [NodeID] {
            plan.names(members).compactMap { NodeID($0) }
        }
        let record = RecoveryRecord(
            generation: .init(counter: successor.counter, nonce: successor.nonce),
            base: LogPosition(expected), chain: facts.chain ?? 0, candidate: candidate,
            survivors: nodes(plan.survivors.map(\.member)), dead: nodes(givenUp),
            committed: facts.commit.rawValue,
            tail: facts.tail.map {
                .init(
                    index: $0.mark.index.rawValue, term: $0.mark.term.rawValue, command: $0.action)
            }, token: plan.token)
        let log = LogRecord(
            .recover(record), actor: origin.actor, clientAddress: origin.clientAddress,
            requestID: origin.requestID, stateIndex: state.position.index, stateHash: state.hash)
        self.init(
            expected: expected, successor: successor, configuration: plan.configuration,
            givenUp: givenUp, record: log.encoded,
            overridesLeader: plan.question.overridesQuorum,
            acceptsLearner: facts.configuration.isLearner(facts.member))
    }
}

extension ClientError {
    fileprivate var isUnreachable: Bool { if case .unreachable = self { true } else { false } }
}

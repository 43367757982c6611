import API
import Base
import Cluster
import HTTP

/// Changes of the configuration: worked out and proposed on the primary, or taken there; and, for this run only, at
/// every node in turn.
struct ConfigService: Sendable {
    let node: Node
    let live: LiveConfig
    let metadata: MetadataService
    let forwarder: Forwarder
    let departure: Departure
    let client: Client

    enum Reply: Sendable {
        /// Where the log stood when the change was made.
        case done(position: String)
        /// Everything is so already, with everything that was acknowledged up to there.
        case unchanged(position: String)
        case forecast(Forecast)
        case relayed(Answer)

        /// Whether things are as they were asked to be.
        var isDone: Bool {
            switch self {
            case .done, .unchanged: true
            case .relayed(let answer): answer.status == .ok
            case .forecast: false
            }
        }
    }

    // MARK: In the log

    /// Makes a change that is kept, of the cluster's settings or of one node's.
    /// What this node says of itself in its document, the facts, may be sent back.
    func change(
        _ asked: ConfigRequest, _ facts: ConfigDocument.Facts, for exchange: Exchange
    ) async throws -> Reply {
        let scope: ConfigChange.Scope = asked.node.map { .node($0) } ?? .cluster
        // What is wrong at any rate is said here, with or without a primary.
        let request = try asked.narrowed(in: scope, over: live.values, facts)
        if request.isEmpty {
            _ = try exchange.origin(heeding: .all)
            let now = metadata.published.now
            guard request.isDryRun else { return .unchanged(position: now.position) }
            let report = try ConfigReport(Self.plan(request, scope, of: now.state))
            return .forecast(forecast(report, of: request))
        }
        var forwarded = try exchange.forwardable([], heeding: .all)
        forwarded.method = .put
        forwarded.target = "/v1/cluster/\(request.pathAndQuery)"
        let published = metadata.published
        forwarded.recalled = { entry in
            // It has changed options, and they are as it asks: whatever else there was, this is what it is told.
            let plan = try? Self.plan(request, scope, of: published.now.state)
            let isSo = entry.subjects.contains(.config) && plan?.changesNothing == true
            return isSo ? .made(at: entry.position) : nil
        }
        let origin = forwarded.origin
        switch try await forwarder.onPrimary(
            forwarded, { try await propose(request, scope, for: origin) })
        {
        case .local(let answer): return answer
        case .relayed(let answer):
            await catchUp(with: answer)
            return .relayed(answer)
        }
    }

    private func propose(
        _ request: ConfigRequest, _ scope: ConfigChange.Scope, for origin: MetadataService.Origin
    ) async throws(Failure) -> Reply {
        if request.isDryRun { return .forecast(try await rehearse(request, scope, for: origin)) }
        // What a session comes to is written down in any case.
        let known = try? Self.plan(request, scope, of: metadata.published.now.state)
        if origin.terms.call == nil, known?.changesNothing == true {
            // Others may have been told of a change that this proxy, which may have been replaced, does not know.
            let now = try await metadata.linearizable()
            try origin.check(now.state)
            if try Self.plan(request, scope, of: now.state).changesNothing {
                return .unchanged(position: now.position)
            }
        }
        let outcome = try await metadata.changeConfig(for: origin) { now throws(Failure) in
            try await metadata.judged(now, for: origin) { now throws(Failure) in
                let plan = try Self.plan(request, scope, of: now.state)
                // Somebody else has made it meanwhile: an entry that changes nothing.
                return plan.changesNothing ? .batch([]) : .setConfig(plan.change)
            }
        }
        return .done(position: outcome.position.text)
    }

    /// What the change would do to the state as it is.
    private func rehearse(
        _ request: ConfigRequest, _ scope: ConfigChange.Scope, for origin: MetadataService.Origin
    ) async throws(Failure) -> Forecast {
        let state = try await metadata.linearizable().state
        var forecast = Forecast(request.action.rawValue, departure.survival(of: state))
        let plan: ConfigPlan
        do throws(Failure) {
            plan = try Self.plan(request, scope, of: state)
        } catch {
            guard error.code != .nodeNotFound else { throw error }
            forecast.heed(origin.terms, in: state)
            guard forecast.code != nil || error.code != .optionRefused else { throw error }
            // Names and values make sense by themselves: it is others that they contradict.
            forecast.add(ConfigReport(blockedBy: error, version: state.config.version))
            return forecast
        }
        forecast.heed(origin.terms, in: state)
        forecast.add(ConfigReport(plan))
        return forecast
    }

    /// What settings for this run would do here.
    func forecast(_ report: ConfigReport, of request: ConfigRequest) -> Forecast {
        Forecast(report, request.action, departure.survival)
    }

    private static func plan(
        _ request: ConfigRequest, _ scope: ConfigChange.Scope, of state: ClusterState
    ) throws(Failure) -> ConfigPlan {
        if case .node(let id) = scope {
            guard let node = state.map[id] else { throw Failure(Rejection.noSuchNode(id)) }
            try request.requireReader(node.role, over: state.config.values(of: id))
        }
        return try request.plan(in: scope, of: state.config)
    }

    /// Who has changed something through this proxy finds it here at once.
    private func catchUp(with answer: Answer) async {
        guard let text = answer[HeaderName.position], let position = LogPosition(text: text)
        else { return }
        let seconds = live.values.seconds("timeout.cplane_operation")
        _ = await forwarder.loop.within(nanoseconds: UInt64(seconds * 1e9)) {
            await metadata.published.first { $0.position >= position }
        }
    }

    // MARK: For this run

    /// Has every node of the map, or one, take settings for its present run. None does unless all could.
    func spread(
        _ asked: ConfigRequest, _ facts: ConfigDocument.Facts, _ requestID: String
    ) async throws -> Reply {
        let scope: ConfigChange.Scope = asked.node.map { .node($0) } ?? .cluster
        let request = try asked.narrowed(in: scope, over: live.values, facts)
        let map = metadata.published.now.state.map
        var nodes = Array(map.nodes.values)
        if let id = request.node {
            guard let node = map[id] else { throw Failure(Rejection.noSuchNode(id)) }
            try request.requireReader(
                node.role, over: metadata.published.now.state.config.values(of: id))
            nodes = [node]
        }
        guard !request.isEmpty || request.isDryRun else {
            return .unchanged(position: metadata.published.now.position)
        }
        let rehearsal = await ask(nodes, request)
        let refused = nodes.filter { rehearsal[$0.id]?.isWilling != true }
        let refusal = refused.first.map {
            Self.failure(
                refused, rehearsal[$0.id], "nothing was changed on any node", of: nodes.count)
        }
        if request.isDryRun {
            // All nodes say the same but for values of their own; this one speaks for them.
            var local = request
            local.node = nil
            guard var report = try local.applyTransient(to: live) else {
                return .done(position: metadata.published.now.position)
            }
            if let refusal { report.refusal = refusal }
            return .forecast(forecast(report, of: request))
        }
        if let refusal { throw refusal }
        let results = await tell(nodes, request, rehearsal)
        let failed = nodes.filter { results[$0.id]?.isWilling != true }
        if let first = failed.first {
            var failure = Self.failure(
                failed, results[first.id], "the other nodes have made the change",
                of: nodes.count)
            // All were willing a moment ago, so what is missing is an answer, or a node that has begun anew.
            failure.code = .outcomeUnknown
            failure.status = failure.code.status
            failure.next =
                "what=config of each node shows what it acts on; sent again, the request does no harm"
            failure.requestID = requestID
            throw failure
        }
        return .done(position: metadata.published.now.position)
    }

    /// What a node has said to a transient change.
    private enum Word: Sendable {
        /// In that edition of its settings; `nil` where it does not say.
        case willing(edition: String?)
        case refused(Failure)
        case silent(String)

        var isWilling: Bool { if case .willing = self { true } else { false } }

        /// Whether the node's settings had been changed since it was asked.
        var isDisturbed: Bool {
            if case .refused(let failure) = self { failure.code == .configChanged } else { false }
        }
    }

    private static func failure(
        _ nodes: [Node], _ word: Word?, _ rest: String, of count: Int
    ) -> Failure {
        let names = nodes.map(\.id.text).joined(separator: ", ")
        switch word {
        case .refused(var failure):
            failure.message = "\(names) of \(count) nodes refused: \(failure.message); \(rest)"
            return failure
        case .silent(let cause):
            return Failure(
                .targetUnreachable, "\(names) of \(count) nodes did not answer; \(rest)",
                cause: cause,
                next:
                    "start them; without transient=true a majority of the proxies is enough, and it is kept"
            )
        case .willing, nil: return Failure(.internalError, "no answer was counted")
        }
    }

    private func ask(_ nodes: [Node], _ request: ConfigRequest) async -> [NodeID: Word] {
        await each(nodes) { await ask($0, request, isDryRun: true) }
    }

    /// Has nodes do what they would. Each does it as things were when it was asked: so a copy that was lost on a link, or lies at
    /// one that is frozen, does not undo what was said to it later.
    private func tell(
        _ nodes: [Node], _ request: ConfigRequest, _ rehearsal: [NodeID: Word]
    ) async -> [NodeID: Word] {
        let begun = MonotonicTime.now()
        var words = rehearsal
        while true {
            let asked = words
            let told = await each(nodes) { node in
                guard case .willing(let edition)? = asked[node.id] else {
                    return asked[node.id] ?? .silent("it was not asked")
                }
                return await ask(node, request, isDryRun: false, edition)
            }
            // Somebody else was quicker, a moment ago, and whoever comes last prevails: at all nodes. So all are asked and told
            // anew; were it only those that somebody else was at, some nodes would keep what the one wants, and some what the other
            // does. Of two who were nowhere disturbed from when they asked until they had told, one came after the other everywhere.
            guard told.values.contains(where: \.isDisturbed),
                Double(MonotonicTime.now().since(begun)) / 1e9 < patience
            else { return told }
            // Two that are in step would disturb each other for ever.
            let pause = Double(SystemRandom.word() % 1_000) / 1_000 * Limits.disturbedSeconds
            guard await forwarder.loop.sleep(nanoseconds: UInt64(pause * 1e9)) else { return told }
            words = await ask(nodes, request)
        }
    }

    private func each(
        _ nodes: [Node], _ body: @escaping @Sendable (Node) async -> Word
    ) async -> [NodeID: Word] {
        await withTaskGroup(of: (NodeID, Word).self) { tasks in
            for node in nodes { tasks.addTask { (node.id, await body(node)) } }
            var words: [NodeID: Word] = [:]
            for await (id, word) in tasks { words[id] = word }
            return words
        }
    }

    private var patience: Double { live.values.seconds("timeout.cplane_operation") }

    private func ask(
        _ node: Node, _ request: ConfigRequest, isDryRun: Bool, _ edition: String? = nil
    ) async -> Word {
        do {
            let response = try await client.send(
                .put, node.endpoint, "/v1/daemon/\(request.transient(isDryRun: isDryRun))",
                headers: [(HeaderName.callerID, self.node.id.text)]
                    + (edition.map { [(HeaderName.settingsEdition, $0)] } ?? []),
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds, responseSeconds: patience))
            let body = try await response.collect(upTo: Limits.nodeDocumentBytes)
            guard response.status == .ok else {
                return Failure(decoding: body).map { .refused($0) }
                    ?? .silent("it answered \(response.status.rawValue)")
            }
            let now = response.headers[named: HeaderName.settingsEdition]
            return isDryRun ? try Self.word(inReport: body, now) : .willing(edition: nil)
        } catch {
            return .silent("\(error)")
        }
    }

    private static func word(inReport body: [UInt8], _ edition: String?) throws -> Word {
        guard case .object(let report) = try JSONValue(parsing: body),
            report["verdict"]?.string == Forecast.Verdict.blocked.rawValue
        else { return .willing(edition: edition) }
        let code = report["code"]?.string.flatMap(FailureCode.init(rawValue:)) ?? .badValue
        return .refused(
            Failure(
                code, report["reason"]?.string ?? "it says no", next: report["next"]?.string))
    }
}

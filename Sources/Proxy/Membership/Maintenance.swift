import API
import Base
import Cluster
import Consensus
import HTTP

/// Takes nodes out of service, and back in, on the primary (contract §7.10): one, or several by one entry of the log.
///
/// No object is moved in this version. What would put objects out of reach is therefore refused, unless the request says
/// `skip_rebalance` or `force`: then whoever asked knows.
struct Maintenance: Sendable {
    let group: RaftGroup
    let metadata: MetadataService
    let departure: Departure
    let transfer: PrimaryTransfer
    let departed: DepartedNodes
    let client: Client
    let loop: EventLoop
    let log: Logger

    /// Does what is asked for. `last` is the proxy that a client waits at; when it is to end, it is told when all others
    /// have been.
    ///
    /// - Throws: what refuses the request, or that it is done in part.
    /// - Returns: what the operator has to hear besides; `nil` for nothing.
    func perform(
        _ request: Request, for origin: MetadataService.Origin, last: String? = nil
    ) async throws(Failure) -> String? {
        let state = try await metadata.linearizable().state
        let remainder = try await remainder(of: request, in: state, origin)
        var notices = [Self.notice(of: remainder)]
        var begun: [Open] = []
        var failure: Failure?
        if let rest = remainder.request {
            do throws(Failure) {
                let made = try await performAll(rest, for: origin, last: last)
                notices.append(made.notice)
                begun = made.open
            } catch {
                guard error.code == .partlyDone, !remainder.isEmpty else {
                    throw error.spelled(.value)
                }
                failure = error
            }
        }
        let left = await finish(remainder, request, for: origin, last: last)
        if failure != nil || !left.isEmpty {
            throw Self.partlyDone(request, failure, open: begun, left: left, origin)
        }
        let said = notices.compactMap { $0 }
        return said.isEmpty ? nil : said.joined(separator: "; ")
    }

    /// A node with which something is left to do, and what the operator has to hear of it.
    typealias Open = (node: Node, text: String)

    /// What was made of a request, and with whom it is not done yet.
    private struct Made {
        var notice: String?
        var open: [Open] = []
    }

    /// That a request is done in part: `failure` and `open` tell of what was begun now, `left` of what an earlier copy began.
    private static func partlyDone(
        _ request: Request, _ failure: Failure?, open: [Open], left: [Open],
        _ origin: MetadataService.Origin
    ) -> Failure {
        let texts = left.map(\.text)
        var whole: Failure
        if let failure {
            whole = failure
            let causes = [failure.cause].compactMap { $0 } + texts
            whole.cause = causes.isEmpty ? nil : causes.joined(separator: "; ")
        } else {
            whole = Failure(
                .partlyDone, texts.joined(separator: "; "),
                cause: open.isEmpty ? nil : open.map(\.text).joined(separator: "; "),
                next: again(origin))
            whole.requestID = origin.requestID
            whole.notDone = open.map(\.node.id.text)
        }
        whole.notDone += left.map(\.node.id.text)
        whole.done = request.ids.map(\.text).filter { !whole.notDone.contains($0) }
        return whole.spelled(.value)
    }

    private func performAll(
        _ request: Request, for origin: MetadataService.Origin, last: String?
    ) async throws(Failure) -> Made {
        switch request.action {
        case .shutdown:
            try await shutDown(request, for: origin, last: last)
            return Made()
        case .decommission: return try await decommission(request, for: origin, last: last)
        default: return Made(notice: try await setMaintenance(request, for: origin))
        }
    }

    private func setMaintenance(
        _ request: Request, for origin: MetadataService.Origin
    ) async throws(Failure) -> String? {
        let isOn = request.action == .startMaintenance
        _ = try await metadata.changeAll(for: origin) { _ throws(Failure) in
            let state = try await metadata.linearizable().state
            let nodes = try request.nodes(in: state, for: origin)
            try request.checkLoss(of: nodes, in: state)
            if isOn, !request.isForced {
                try await departure.checkQuorum(without: nodes, in: state.map)
            }
            return nodes.map { .setMaintenance($0.id, isOn: isOn) }
        }
        guard isOn else { return nil }
        let map = metadata.published.now.state.map
        // A proxy in maintenance may be ended at any time, so it must not be counted on any more.
        let voting = await departure.voting(among: request.ids.compactMap { map[$0] })
        guard !voting.isEmpty else { return nil }
        return
            "\(Text.list(voting, "votes", "vote")) still: leave \(voting.count == 1 ? "it" : "them") "
            + "running until GET /v1/daemon?what=raft shows otherwise"
    }

    /// Targets that are to remove their user data are told so by an entry of the log, and leave the map when they have; all
    /// others leave at once (contract §7.10), by the same entry.
    private func decommission(
        _ request: Request, for origin: MetadataService.Origin, last: String?
    ) async throws(Failure) -> Made {
        let map = metadata.published.now.state.map
        let before = request.ids.compactMap { map[$0] }
        let clearing = request.clearing(before)
        let leaving = before.without(clearing)
        _ = try await metadata.changeAll(for: origin) { _ throws(Failure) in
            let state = try await metadata.linearizable().state
            let nodes = try request.nodes(in: state, for: origin)
            try request.checkLoss(of: nodes, in: state)
            let clearing = request.clearing(nodes)
            let orders = try await orders(request, to: clearing)
            if !request.isForced {
                try await departure.checkQuorum(without: nodes, in: state.map)
            }
            return nodes.map { node in
                orders[node.id].map { .decommission(node.id, $0) } ?? .removeNode(node.id)
            }
        }
        let staying = await departure.unreleased(leaving)
        let untold =
            request.endsProcess ? await end(leaving.without(staying), last: last) : []
        let open =
            untold
            + clearing.map { ($0, "\($0.id) leaves when it has removed its user data") }
        try Departure.check(
            staying, done: before.without(staying).without(open.map(\.node)), open: open,
            for: origin)
        let notices =
            untold.map(\.text) + (clearing.isEmpty ? [] : [Self.notice(of: clearing)])
        return Made(
            notice: notices.isEmpty ? nil : notices.joined(separator: "; "), open: open)
    }

    // MARK: What it would mean

    func forecast(
        _ request: Request, for origin: MetadataService.Origin
    ) async throws(Failure) -> Forecast {
        let state = try await metadata.linearizable().state
        var forecast = Forecast(request.action.rawValue, departure.survival(of: state))
        let remainder = try await remainder(of: request, in: state, origin)
        // What the same request has left to do is done when it is repeated.
        let ended = await present(
            remainder.gone.filter { $0.requestID == origin.requestID }.map(\.node),
            endedBy: request)
        for departed in remainder.gone {
            let isEnded = ended.contains { $0.id == departed.node.id }
            forecast.changes.append(
                isEnded
                    ? "\(departed.node.id) has left already; its process ends"
                    : "nothing with \(departed.node.id): it has left already")
        }
        for (id, _) in remainder.returned {
            forecast.changes.append("nothing with \(id): this request has told it already")
        }
        guard let request = remainder.request else { return forecast }
        let nodes = try request.known(in: state)
        forecast.heed(origin.terms, in: state)
        do throws(Failure) {
            try request.check(nodes, in: state)
        } catch {
            forecast.block(error)
        }
        request.warn(nodes, in: state, &forecast)
        switch request.action {
        case .shutdown: await describe(shutdownOf: nodes, request, in: state, &forecast)
        case .decommission:
            let clearing = request.clearing(nodes)
            let leaving = nodes.without(clearing)
            // The change asks the targets first which disks they have.
            let orders = await orders(request, to: clearing, &forecast)
            if !leaving.isEmpty {
                await departure.describe(leaving, in: state, request.isForced, &forecast)
            }
            if !clearing.isEmpty {
                describe(removalAt: clearing, orders, behind: leaving, in: state, &forecast)
            }
            if request.endsProcess { forecast.describe(endOf: nodes) }
        default: await describe(nodes, request, in: state, &forecast)
        }
        return forecast.spelled(.value)
    }

    private func describe(
        _ nodes: [Node], _ request: Request, in state: ClusterState, _ forecast: inout Forecast
    ) async {
        let isOn = request.action == .startMaintenance
        let what =
            isOn
            ? Text.list(nodes, "takes no part any more", "take no part any more")
            : Text.list(nodes, "takes part again", "take part again")
        let version = state.map.version
        forecast.changes.append("\(what) (Smap \(version) to \(version + UInt64(nodes.count)))")
        func changed(_ node: Node) -> Node {
            guard request.ids.contains(node.id) else { return node }
            var changed = node
            if isOn {
                changed.flags.insert(.maintenance)
            } else {
                changed.flags.remove(.maintenance)
            }
            return changed
        }
        if nodes.contains(where: { $0.role == .proxy }) {
            let voters = await departure.forecast(of: state.map.nodes(.proxy).map(changed))
            departure.describe(voters, without: isOn ? nodes : [], request.isForced, &forecast)
        }
        if nodes.contains(where: { $0.role == .target }) {
            forecast.survival.activeTargets = Survival.Count(
                now: state.map.candidates.count,
                then: state.map.nodes(.target).count { changed($0).isActive })
        }
    }
}

import API
import Base
import Cluster
import Consensus
import HTTP

/// Takes nodes out of service, and back in, on the primary (contract §7.10).
///
/// No object is moved in this version. What would put objects out of reach is therefore refused, unless the request says
/// `skip_rebalance` or `force`: then whoever asked knows.
struct Maintenance: Sendable {
    let group: RaftGroup
    let metadata: MetadataService
    let departure: Departure
    let client: Client
    let loop: EventLoop
    let log: Logger

    /// What is asked for.
    struct Request: Sendable {
        let action: Action
        let id: NodeID
        let skipsRebalance: Bool
        let isForced: Bool
        /// Decommission: whether what users have on a target is removed, and whether the node's process ends.
        let removesUserData: Bool
        let endsProcess: Bool

        var acceptsLoss: Bool { skipsRebalance || isForced }

        init(_ action: Action, _ message: ActionMessage) throws(Failure) {
            let keys = [
                "sid", "skip_rebalance", "force", "rm_user_data", "keep_initial_config",
                "no_shutdown",
            ]
            let form = #"send {"action":"\#(action.rawValue)","value":{"sid":"ID"}}"#
            guard let value = try ActionValue(message.value, keys: keys),
                let text = try value.string("sid"), !text.isEmpty
            else { throw Failure(.badValue, "'value.sid' does not name a node", next: form) }
            guard let id = NodeID(text) else {
                throw Failure(.badNode, "'\(text)' is not a node's id", next: form)
            }
            self.action = action
            self.id = id
            removesUserData = try value.bool("rm_user_data") ?? false
            if removesUserData, action != .decommission {
                throw Failure(
                    .badValue,
                    "'rm_user_data' goes with a decommission, not with \(action.rawValue)")
            }
            // The files a node was started with are the operator's, and stay in either case.
            _ = try value.bool("keep_initial_config")
            // AIStore's later spelling ends the process unless it is told not to; its first one never did.
            endsProcess =
                try value.bool("no_shutdown").map { !$0 }
                ?? (message.action == "decommission-node")
            skipsRebalance = try value.bool("skip_rebalance") ?? false
            isForced = try value.bool("force") ?? false
        }
    }

    /// - Returns: what the operator has to hear besides; `nil` for nothing.
    func perform(
        _ request: Request, for origin: MetadataService.Origin
    ) async throws(Failure) -> String? {
        if request.action == .decommission { return try await decommission(request, for: origin) }
        let isOn = request.action == .startMaintenance
        _ = try await metadata.change(for: origin) { _ throws(Failure) in
            let state = try await metadata.linearizable().state
            let node = try Self.permitted(request, in: state)
            if isOn, node.role == .proxy, !request.isForced {
                try await departure.checkQuorum(without: node, in: state.map)
            }
            return .setMaintenance(node.id, isOn: isOn)
        }
        if isOn, let node = metadata.published.now.state.map[request.id] {
            await waitUntilVoteless(node)
        }
        return nil
    }

    /// A target that is to remove its user data is told so by an entry of the log, and leaves the map when it has; anything else
    /// leaves at once (contract §7.10).
    private func decommission(
        _ request: Request, for origin: MetadataService.Origin
    ) async throws(Failure) -> String? {
        let before = metadata.published.now.state.map[request.id]
        if request.removesUserData, before?.role != .proxy {
            _ = try await metadata.change(for: origin) { _ throws(Failure) in
                let node = try Self.permitted(request, in: try await metadata.linearizable().state)
                return .decommission(node.id, try await order(request, to: node))
            }
            return Self.notice(of: request.id)
        }
        try await departure.remove(
            request.id, isForced: request.isForced, for: origin
        ) { state throws(Failure) in _ = try Self.permitted(request, in: state) }
        guard request.endsProcess, let before else { return nil }
        let trouble = await end(before)
        if let trouble { log.warning(trouble) }
        return trouble
    }

    /// The node that a request is about, when nothing is lost by it that nobody has agreed to.
    private static func permitted(
        _ request: Request, in state: ClusterState
    ) throws(Failure) -> Node {
        let node = try node(request, in: state)
        if let loss = loss(request, node, in: state), !request.acceptsLoss {
            throw Failure(
                .objectsAtRisk, "cannot take this step with \(node.id): \(loss)",
                next: #"add "skip_rebalance":true to 'value' if that is meant"#)
        }
        return node
    }

    func forecast(_ request: Request) async throws(Failure) -> Forecast {
        let state = try await metadata.linearizable().state
        let node = try Self.node(request, in: state)
        if request.removesUserData, node.role == .target {
            return await forecast(removal: request, node, in: state)
        }
        var forecast =
            request.action == .decommission
            ? try await departure.forecast(
                node.id, action: request.action.rawValue, isForced: request.isForced)
            : Forecast(request.action.rawValue)
        if request.action != .decommission {
            try await describe(request, node, in: state, &forecast)
        }
        if request.action == .decommission, request.endsProcess {
            forecast.changes.append("the process of \(node.id) ends")
        }
        Self.warn(request, node, in: state, &forecast)
        return forecast
    }

    private func forecast(
        removal request: Request, _ node: Node, in state: ClusterState
    ) async -> Forecast {
        var forecast = Forecast(request.action.rawValue)
        await describe(removalAt: node, request, in: state, &forecast)
        Self.warn(request, node, in: state, &forecast)
        return forecast
    }

    private static func warn(
        _ request: Request, _ node: Node, in state: ClusterState, _ forecast: inout Forecast
    ) {
        guard let loss = loss(request, node, in: state) else { return }
        forecast.warn(request.acceptsLoss ? .unsafe : .blocked, loss)
        if !request.acceptsLoss {
            forecast.next = #"add "skip_rebalance":true to 'value' if that is meant"#
        }
    }

    // MARK: What it would mean

    private static func node(
        _ request: Request, in state: ClusterState
    ) throws(Failure) -> Node {
        guard let node = state.map[request.id] else {
            throw Failure(Rejection.noSuchNode(request.id))
        }
        guard state.map.primary != node.id || request.action == .stopMaintenance else {
            throw Failure(Rejection.isPrimary(node.id))
        }
        let isIn = node.flags.contains(.maintenance)
        if request.action == .startMaintenance, isIn {
            throw Failure(Rejection.maintenanceIs(true, node.id))
        }
        if request.action == .stopMaintenance, !isIn {
            throw Failure(Rejection.maintenanceIs(false, node.id))
        }
        return node
    }

    /// Which objects would be out of reach; `nil` when none.
    private static func loss(
        _ request: Request, _ node: Node, in state: ClusterState
    ) -> String? {
        guard node.role == .target, !state.buckets.buckets.isEmpty else { return nil }
        let unmoved = "no object is moved by this version"
        switch request.action {
        case .startMaintenance where node.isActive:
            return "\(unmoved), so objects on \(node.id) are unavailable until its maintenance ends"
        case .stopMaintenance:
            return
                "\(unmoved), so objects that were written to other targets meanwhile in its place "
                + "are hidden, and older ones of the same names on \(node.id) are seen instead"
        case .decommission where request.removesUserData:
            return "\(unmoved), so the only copies of objects on \(node.id) are removed for good"
        case .decommission where node.isActive:
            return
                "\(unmoved), so objects on \(node.id) are lost to the cluster; its disks keep them"
        default: return nil
        }
    }

    private func describe(
        _ request: Request, _ node: Node, in state: ClusterState, _ forecast: inout Forecast
    ) async throws(Failure) {
        let isOn = request.action == .startMaintenance
        forecast.changes.append(
            "\(node.id) \(isOn ? "takes no part any more" : "takes part again") "
                + "(Smap \(state.map.version) to \(state.map.version + 1))")
        var changed = node
        if isOn { changed.flags.insert(.maintenance) } else { changed.flags.remove(.maintenance) }
        switch node.role {
        case .proxy:
            let proxies = state.map.nodes(.proxy).map { $0.id == node.id ? changed : $0 }
            departure.describe(
                await departure.forecast(of: proxies), request.isForced, &forecast)
        case .target:
            let count = state.map.candidates.count
            let rest = state.map.candidates.count { $0.id != node.id }
            forecast.activeTargets = Forecast.Count(
                now: count, then: rest + (changed.isActive ? 1 : 0))
        }
    }

    /// A proxy in maintenance may be ended at any time, so it must not be counted on any more.
    private func waitUntilVoteless(_ node: Node) async {
        guard node.role == .proxy else { return }
        let member = MemberID(node.member)
        _ = await loop.within(nanoseconds: UInt64(Limits.releaseSeconds * 1e9)) {
            await group.statusChanges.first {
                $0.map { !$0.configuration.isVoter(member) } ?? false
            }
        }
    }
}

import API
import Base
import Cluster

extension Maintenance {
    /// What is asked for: that nodes go out of service or come back, leave for good, or end (contract §7.10). Pure.
    struct Request: Sendable {
        let action: Action
        /// In the order in which they are named.
        var ids: [NodeID]
        let skipsRebalance: Bool
        var isForced: Bool
        /// Decommission: whether what users have on targets is removed, and whether the nodes' processes end.
        let removesUserData: Bool
        let endsProcess: Bool

        var acceptsLoss: Bool { skipsRebalance || isForced }

        init(_ action: Action, _ message: ActionMessage) throws(Failure) {
            let keys = [
                "sid", "sids", "skip_rebalance", "force", "rm_user_data", "keep_initial_config",
                "no_shutdown",
            ]
            let form =
                #"send {"action":"\#(message.action)","value":{"sid":"ID"}}, or "sids":["ID","ID"]"#
            guard let value = try ActionValue(message.value, keys: keys) else {
                throw Failure(.badValue, "'value' names no node", next: form)
            }
            self.action = action
            ids = try NodeChoice(value, form: form).ids
            removesUserData = try value.bool("rm_user_data") ?? false
            if removesUserData, action != .decommission {
                throw Failure(
                    .badValue,
                    "'rm_user_data' goes with a decommission, not with \(action.rawValue)",
                    next: "nothing was changed; leave it out")
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
}

extension Maintenance.Request {
    /// The nodes, as far as all of them are on the map, the state is the one that the request rests on, and none stands in the
    /// way.
    ///
    /// - Throws: what does, by name.
    func nodes(
        in state: ClusterState, for origin: MetadataService.Origin? = nil
    ) throws(Failure) -> [Node] {
        let nodes = try known(in: state)
        try origin?.check(state)
        try check(nodes, in: state)
        return nodes
    }

    /// The nodes, as far as all of them are on the map.
    ///
    /// - Throws: which are not.
    func known(in state: ClusterState) throws(Failure) -> [Node] {
        let unknown = ids.filter { state.map[$0] == nil }
        guard unknown.isEmpty else {
            guard unknown.count > 1 else { throw Failure(Rejection.noSuchNode(unknown[0])) }
            throw Failure(
                .nodeNotFound, "there are no nodes \(Text.list(unknown))",
                next: "GET /v1/daemon?what=smap lists nodes; nothing was changed")
        }
        return ids.compactMap { state.map[$0] }
    }

    /// - Throws: what stands in the way, by name.
    func check(_ nodes: [Node], in state: ClusterState) throws(Failure) {
        switch action {
        case .startMaintenance:
            try checkIsNoPrimary(state)
            try check(nodes.filter { $0.flags.contains(.maintenance) }, areIn: true)
        case .stopMaintenance:
            try check(nodes.filter { !$0.flags.contains(.maintenance) }, areIn: false)
        // A primary that is to end hands over first.
        case .shutdown: break
        default: try checkIsNoPrimary(state)
        }
    }

    private func checkIsNoPrimary(_ state: ClusterState) throws(Failure) {
        guard let primary = state.map.primary, ids.contains(primary) else { return }
        throw Failure(Rejection.isPrimary(primary))
    }

    private func check(_ others: [Node], areIn isIn: Bool) throws(Failure) {
        guard let first = others.first else { return }
        guard others.count > 1 else { throw Failure(Rejection.maintenanceIs(isIn, first.id)) }
        throw Failure(
            .badNode, "nodes \(Text.list(others)) are \(isIn ? "" : "not ")in maintenance",
            next: "leave them out; nothing was changed")
    }

    /// Of these nodes the targets that are told to remove what users have; the others leave at once.
    func clearing(_ nodes: [Node]) -> [Node] {
        removesUserData ? nodes.filter { $0.role == .target } : []
    }

    /// Which objects would be out of reach; `nil` when none.
    func loss(of nodes: [Node], in state: ClusterState) -> String? {
        guard !state.buckets.buckets.isEmpty else { return nil }
        let targets = nodes.filter { $0.role == .target }
        let active = targets.filter(\.isActive)
        let unmoved = "no object is moved by this version"
        switch action {
        case .startMaintenance where !active.isEmpty:
            return "\(unmoved), so objects on \(Text.list(active)) are unavailable until the "
                + "maintenance ends"
        case .stopMaintenance where !targets.isEmpty:
            return
                "\(unmoved), so objects that were written to other targets meanwhile in place of "
                + "\(Text.list(targets)) are hidden, and older ones of the same names are seen instead"
        case .decommission where removesUserData && !targets.isEmpty:
            return "\(unmoved), so the only copies of objects on \(Text.list(targets)) are removed "
                + "for good"
        case .decommission where !removesUserData && !active.isEmpty:
            return "\(unmoved), so objects on \(Text.list(active)) are lost to the cluster; their "
                + "disks keep them"
        default: return nil
        }
    }

    /// - Throws: what would be lost that nobody has agreed to.
    func checkLoss(of nodes: [Node], in state: ClusterState) throws(Failure) {
        guard let loss = loss(of: nodes, in: state), !acceptsLoss else { return }
        throw refusal(of: nodes, loss)
    }

    private func refusal(of nodes: [Node], _ loss: String) -> Failure {
        Failure(
            .objectsAtRisk, "cannot take this step with \(Text.list(nodes)): \(loss)",
            next: Self.acceptance)
    }

    func warn(_ nodes: [Node], in state: ClusterState, _ forecast: inout Forecast) {
        guard let loss = loss(of: nodes, in: state) else { return }
        if acceptsLoss { forecast.warn(loss) } else { forecast.block(refusal(of: nodes, loss)) }
    }

    private static let acceptance = #"add "skip_rebalance":true to 'value' if that is meant"#
}

extension Text {
    static func list(_ nodes: [Node]) -> String { list(nodes.map(\.id)) }
    static func list(_ ids: [NodeID]) -> String { list(ids.map(\.text)) }

    /// What nodes do, in a sentence.
    static func list(_ nodes: [Node], _ one: String, _ several: String) -> String {
        "\(list(nodes)) \(nodes.count == 1 ? one : several)"
    }
}

extension [Node] {
    func without(_ others: [Node]) -> [Node] {
        let ids = Set(others.map(\.id))
        return filter { !ids.contains($0.id) }
    }
}

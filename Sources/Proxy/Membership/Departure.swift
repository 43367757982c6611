import API
import Base
import Cluster
import Consensus
import HTTP

/// Takes nodes off the map, on the primary (contract §7.4): not before it is certain that those who stay can decide
/// without them, and not without waiting until they do.
struct Departure: Sendable {
    let group: RaftGroup
    let metadata: MetadataService
    let published: PublishedState
    let loop: EventLoop

    /// Takes a node off the map. Its process goes on, and can be registered again.
    ///
    /// A proxy that may end when this returns must have no vote any more: so it returns when the group has let go of it.
    ///
    /// - Returns: the node; `nil` when an earlier copy of the request has taken it off, within a session.
    func remove(
        _ id: NodeID, isForced: Bool, for origin: MetadataService.Origin
    ) async throws(Failure) -> Node? {
        // What is awaited is what the entry was made from: a fresh primary may publish that a moment later.
        guard let node = try await takeOff([id], isForced: isForced, for: origin).first else {
            return nil
        }
        try Self.check(await unreleased([node]), for: origin)
        return node
    }

    /// Takes nodes off the map, all of them or none, and leaves it to the caller to wait for the group.
    ///
    /// `permits` is asked about the newest state first, and throws what speaks against it.
    ///
    /// - Returns: the nodes; none when an earlier copy of the request has taken them off, within a session.
    @discardableResult
    func takeOff(
        _ ids: [NodeID], isForced: Bool, for origin: MetadataService.Origin,
        if permits: @Sendable (ClusterState) throws(Failure) -> Void = { _ in }
    ) async throws(Failure) -> [Node] {
        let taken = Watched<[Node]>([])
        _ = try await metadata.changeAll(for: origin) { _ throws(Failure) in
            let state = try await metadata.linearizable().state
            var nodes: [Node] = []
            for id in ids {
                guard let node = state.map[id] else { throw Failure(Rejection.noSuchNode(id)) }
                nodes.append(node)
            }
            try origin.check(state)
            try permits(state)
            if let primary = state.map.primary, ids.contains(primary) {
                throw Failure(Rejection.isPrimary(primary))
            }
            if !isForced { try await checkQuorum(without: nodes, in: state.map) }
            taken.set(nodes)
            return ids.map { .removeNode($0) }
        }
        return taken.value
    }

    /// What ``remove(_:isForced:for:)`` would do.
    func forecast(
        _ id: NodeID, isForced: Bool, for origin: MetadataService.Origin
    ) async throws(Failure) -> Forecast {
        let state = try await metadata.linearizable().state
        guard let node = state.map[id] else { throw Failure(Rejection.noSuchNode(id)) }
        var forecast = Forecast("unregister", survival(of: state))
        forecast.heed(origin.terms, in: state)
        if state.map.primary == id { forecast.block(Failure(Rejection.isPrimary(id))) }
        await describe([node], in: state, isForced, &forecast)
        return forecast
    }

    // MARK: What is survived

    /// Which failures are survived as things are, and as they will be when the group has settled to that map. Waits for nobody:
    /// who was heard a moment ago counts as living.
    ///
    /// Nothing is said of the voters where another proxy leads: only the primary hears all of them all the time, the others each
    /// other now and then.
    func survival(of state: ClusterState) -> Survival {
        let view = group.leaderView
        var voters: Survival.Voters?
        if view.role == .leader || view.leader == nil {
            voters =
                VoterForecast(
                    state.map.nodes(.proxy), group.status.configuration,
                    missing: Set(group.missingVoters().map(\.member))
                ).voters(name)
        }
        return Survival(voters: voters, activeTargets: .init(state.map.candidates.count))
    }

    /// The same now, for the reply to a change that has been made.
    var survival: Survival { survival(of: published.now.state) }

    /// Puts into a forecast what becomes of the map, the voters and the targets when these nodes leave.
    func describe(
        _ nodes: [Node], in state: ClusterState, _ isForced: Bool, _ forecast: inout Forecast
    ) async {
        let version = state.map.version
        forecast.changes.append(
            Text.list(nodes, "leaves the map", "leave the map")
                + " (Smap \(version) to \(version + UInt64(nodes.count)))")
        if let voters = await self.forecast(without: nodes, in: state.map) {
            describe(voters, without: nodes, isForced, &forecast)
        }
        Self.describe(targets: nodes.filter { $0.role == .target }, in: state, &forecast)
    }

    /// Refuses what would leave voters behind of whom no majority lives, at any step of the way.
    func checkQuorum(without nodes: [Node], in map: ClusterMap) async throws(Failure) {
        guard let voters = await forecast(without: nodes, in: map),
            let refusal = refusal(voters, without: nodes)
        else { return }
        throw refusal
    }

    /// Why nodes must not go, when the voters would come to that; `nil` when they may.
    private func refusal(_ voters: VoterForecast, without nodes: [Node]) -> Failure? {
        guard let stuck = voters.stuck else { return nil }
        let missing = voters.voters(name).missing.joined(separator: ", ")
        return Failure(
            .quorumAtRisk,
            "without \(Text.list(nodes.filter { $0.role == .proxy })) the \(stuck.voters.count) voting "
                + "proxies that are left have no majority: \(missing) not heard",
            next: ForceSpelling.query.quorumHint)
    }

    /// What the voters come to without some proxies; `nil` when there is none among the nodes.
    func forecast(without nodes: [Node], in map: ClusterMap) async -> VoterForecast? {
        let leaving = Set(nodes.filter { $0.role == .proxy }.map(\.id))
        guard !leaving.isEmpty else { return nil }
        return await forecast(of: map.nodes(.proxy).filter { !leaving.contains($0.id) })
    }

    /// What the voters come to when the map has these proxies.
    func forecast(of proxies: [Node]) async -> VoterForecast {
        VoterForecast(proxies, group.status.configuration, missing: await silentVoters())
    }

    /// The voters when the map is that one, for people.
    func voters(of map: ClusterMap) async -> Survival.Voters {
        await forecast(of: map.nodes(.proxy)).voters(name)
    }

    /// The voters that this primary does not hear now. A voter that has just died looks alive by any threshold, so each has
    /// to be heard anew; heartbeats see to that.
    private func silentVoters() async -> Set<MemberID> {
        let begun = MonotonicTime.now()
        while true {
            let status = group.status
            let silent = status.configuration.voters.filter {
                $0 != status.id && group.contacts.last($0).contact.at <= begun
            }
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            guard !silent.isEmpty, elapsed < Limits.heardAnewSeconds else { return Set(silent) }
            await loop.sleep(nanoseconds: UInt64(Limits.primaryRetrySeconds * 1e9))
        }
    }

    private func name(_ member: MemberID) -> String {
        group.directory.node(of: member)?.id.text ?? "\(member)"
    }

    /// Puts into a forecast what becomes of the voters when nodes go; nobody's going stands in the way of those who come.
    func describe(
        _ voters: VoterForecast, without nodes: [Node], _ isForced: Bool,
        _ forecast: inout Forecast
    ) {
        let counts = voters.voters(name)
        forecast.survival.voters = counts
        if let change = voters.change(name) { forecast.changes.append(change) }
        if !nodes.isEmpty, let refusal = refusal(voters, without: nodes) {
            if isForced {
                forecast.warn(
                    refusal.message,
                    next: "start \(counts.missing.joined(separator: ", ")) first")
            } else {
                forecast.block(refusal)
            }
        } else if counts.survivesThen < counts.survivesNow {
            forecast.warn(
                "\(counts.survivesNow) more proxies may fail now, \(counts.survivesThen) then",
                next: "have another voting proxy join first: martlet proxy --join")
        }
    }

    private static func describe(
        targets: [Node], in state: ClusterState, _ forecast: inout Forecast
    ) {
        guard !targets.isEmpty else { return }
        let ids = Set(targets.map(\.id))
        let count = state.map.candidates.count
        let rest = state.map.candidates.count { !ids.contains($0.id) }
        forecast.survival.activeTargets = Survival.Count(now: count, then: rest)
        guard !state.buckets.buckets.isEmpty, rest < count else { return }
        forecast.warn(
            rest == 0
                ? "no target is left: no object can be read or written"
                : "objects on \(Text.list(targets)) are not moved: they answer 404 until "
                    + "\(targets.count == 1 ? "it is" : "they are") back")
    }

    // MARK: Letting go

    /// Waits until the group does without the proxies among nodes that are off the map, whether they vote or learn.
    ///
    /// - Returns: those that it has not let go of in time.
    func unreleased(_ nodes: [Node]) async -> [Node] {
        await held(nodes) { $0.contains($1) }
    }

    /// Waits until none of the proxies among nodes votes.
    ///
    /// - Returns: those that vote still, after a bounded time.
    func voting(among nodes: [Node]) async -> [Node] {
        await held(nodes) { $0.isVoter($1) }
    }

    private func held(
        _ nodes: [Node], by isHeld: @escaping @Sendable (Configuration, MemberID) -> Bool
    ) async -> [Node] {
        let proxies = nodes.filter { $0.role == .proxy && $0.member != 0 }
        guard !proxies.isEmpty else { return [] }
        _ = await loop.within(nanoseconds: UInt64(Limits.releaseSeconds * 1e9)) {
            await group.statusChanges.first { status in
                status.map { status in
                    proxies.allSatisfy { !isHeld(status.configuration, MemberID($0.member)) }
                } ?? false
            }
        }
        let configuration = group.status.configuration
        return proxies.filter { isHeld(configuration, MemberID($0.member)) }
    }

    /// Says who is staying, beside nodes of the same request with which all is done, and others of which `open` tells what is
    /// left.
    ///
    /// - Throws: that some are off the map, and take part in the group still; the rest may follow.
    static func check(
        _ staying: [Node], done: [Node] = [], open: [(node: Node, text: String)] = [],
        for origin: MetadataService.Origin
    ) throws(Failure) {
        guard let first = staying.first else { return }
        let isOne = staying.count == 1
        var failure = Failure(
            .outcomeUnknown,
            Text.list(staying, "is", "are")
                + " off the map, and \(isOne ? "takes" : "take") part in "
                + "the group still as far as is known here",
            next:
                "do not end \(isOne ? first.id.text : "them") yet: GET /v1/daemon?what=raft shows "
                + "when \(isOne ? "it has" : "they have") left the group")
        failure.requestID = origin.requestID
        if !isOne || !done.isEmpty || !open.isEmpty {
            failure.code = .partlyDone
            failure.done = done.map(\.id.text)
            failure.notDone = (staying + open.map(\.node)).map(\.id.text)
            if !open.isEmpty { failure.cause = open.map(\.text).joined(separator: "; ") }
        }
        throw failure
    }
}

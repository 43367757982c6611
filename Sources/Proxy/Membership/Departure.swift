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
    /// `permits` is asked about the newest state first, and throws what speaks against it.
    ///
    /// A proxy that may end when this returns must have no vote any more: so it returns when the group has let go of it.
    func remove(
        _ id: NodeID, isForced: Bool, for origin: MetadataService.Origin,
        if permits: @Sendable (ClusterState) throws(Failure) -> Void = { _ in }
    ) async throws(Failure) {
        let before = published.now.state.map[id]
        _ = try await metadata.change(for: origin) { _ throws(Failure) in
            let state = try await metadata.linearizable().state
            try permits(state)
            guard let node = state.map[id] else { throw Failure(Rejection.noSuchNode(id)) }
            if !isForced { try await checkQuorum(without: node, in: state.map) }
            return .removeNode(id)
        }
        // Within a session it may have left with an earlier copy of the request, and be known no more.
        guard let before, before.role == .proxy, before.member != 0 else { return }
        try await waitUntilReleased(before, for: origin)
    }

    /// What ``remove(_:isForced:for:)`` would do.
    func forecast(
        _ id: NodeID, action: String, isForced: Bool
    ) async throws(Failure) -> Forecast {
        let state = try await metadata.linearizable().state
        guard let node = state.map[id] else { throw Failure(Rejection.noSuchNode(id)) }
        var forecast = Forecast(action)
        let version = state.map.version
        forecast.changes.append("\(id) leaves the map (Smap \(version) to \(version + 1))")
        if state.map.primary == id {
            forecast.warn(.blocked, "\(id) is the primary")
            forecast.next = "make another proxy primary first"
        }
        switch node.role {
        case .proxy:
            if let voters = await self.forecast(without: node, in: state.map) {
                describe(voters, isForced, &forecast)
            }
        case .target: Self.describe(targets: state, without: node, &forecast)
        }
        return forecast
    }

    /// Refuses what would leave voters behind of whom no majority lives.
    func checkQuorum(without node: Node, in map: ClusterMap) async throws(Failure) {
        guard let voters = await forecast(without: node, in: map), let stuck = voters.stuck
        else { return }
        let missing = voters.voters(name).missing.joined(separator: ", ")
        throw Failure(
            .quorumAtRisk,
            "without \(node.id) the \(stuck.voters.count) voting proxies that are left have no "
                + "majority: \(missing) not heard",
            next: "start them first, or take them off the map; frc=true does it anyway")
    }

    /// What the voters come to without a proxy; `nil` for a target.
    func forecast(without node: Node, in map: ClusterMap) async -> VoterForecast? {
        guard node.role == .proxy else { return nil }
        return await forecast(of: map.nodes(.proxy).filter { $0.id != node.id })
    }

    /// What the voters come to when the map has these proxies.
    func forecast(of proxies: [Node]) async -> VoterForecast {
        VoterForecast(proxies, group.status.configuration, missing: await silentVoters())
    }

    /// The voters when the map is that one, for people.
    func voters(of map: ClusterMap) async -> Forecast.Voters {
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

    /// Puts what becomes of the voters into a forecast.
    func describe(_ voters: VoterForecast, _ isForced: Bool, _ forecast: inout Forecast) {
        let counts = voters.voters(name)
        forecast.voters = counts
        if voters.now != voters.then {
            forecast.changes.append("\(counts.now) proxies vote now, \(counts.then) then")
        }
        if let stuck = voters.stuck {
            forecast.warn(
                isForced ? .unsafe : .blocked,
                "no majority of the \(stuck.voters.count) voting proxies that are left answers")
            forecast.next = "start \(counts.missing.joined(separator: ", ")) first"
        } else if counts.survivesThen < counts.survivesNow {
            forecast.warn(
                .unsafe,
                "\(counts.survivesNow) more proxies may fail now, \(counts.survivesThen) then")
        }
    }

    private static func describe(
        targets state: ClusterState, without node: Node, _ forecast: inout Forecast
    ) {
        let count = state.map.candidates.count
        let rest = state.map.candidates.count { $0.id != node.id }
        forecast.activeTargets = Forecast.Count(now: count, then: rest)
        guard !state.buckets.buckets.isEmpty, rest < count else { return }
        forecast.warn(
            .unsafe,
            rest == 0
                ? "no target is left: no object can be read or written"
                : "objects on \(node.id) are not moved: they answer 404 until it is back")
    }

    /// Returns when the group does without a proxy, whether it votes or learns.
    ///
    /// - Throws: that it is not known: the map has changed, and the rest may follow.
    func waitUntilReleased(
        _ node: Node, for origin: MetadataService.Origin
    ) async throws(Failure) {
        let member = MemberID(node.member)
        let isReleased = await loop.within(nanoseconds: UInt64(Limits.releaseSeconds * 1e9)) {
            await group.statusChanges.first {
                $0.map { !$0.configuration.contains(member) } ?? false
            }
                != nil
        }
        guard isReleased == true else {
            var failure = Failure(
                .outcomeUnknown,
                "\(node.id) is off the map, and takes part in the group still as far as is known here",
                next: "do not end it yet: GET /v1/daemon?what=raft shows when it has left the group"
            )
            failure.requestID = origin.requestID
            throw failure
        }
    }
}

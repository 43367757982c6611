import API
import Base
import Cluster

/// What a change would come to, found by making it on a copy of the state: what `dry_run=true` answers rests on the same code
/// as the change itself.
struct ChangeRehearsal {
    /// The state behind the change; the present one when it is refused.
    let after: ClusterState
    let refusal: Failure?

    init(_ command: Command, in state: ClusterState) {
        var (copy, changes) = (state, [StateRow.Change]())
        var position = state.position
        position.index += 1
        let outcome = copy.apply(
            LogRecord(command, actor: ""), at: position, time: .now(), changes: &changes)
        switch outcome.result {
        case .success: (after, refusal) = (copy, nil)
        case .failure(let rejection): (after, refusal) = (state, Failure(rejection))
        }
    }
}

extension Forecast {
    /// What a change depends on (`If-Match`), as the state has it.
    mutating func heed(_ terms: ChangeTerms, in state: ClusterState) {
        for stale in terms.preconditions {
            let version = state.version(of: stale.document)
            guard version != stale.version else { continue }
            block(Failure(Rejection.changedMeanwhile(stale.document, version: version)))
        }
    }
}

extension ClusterRoutes {
    /// What setting the primary would do.
    func forecast(primary id: NodeID) async throws(Failure) -> Forecast {
        let state = try await daemon.metadata.linearizable().state
        let map = state.map
        var forecast = Forecast("set-primary", departure.survival(of: state))
        let obstacle = try await transfer.obstacle(to: id, in: map)
        forecast.survival.voters = await departure.voters(of: map)
        guard map.primary != id else {
            forecast.changes.append("nothing: \(id) is the primary")
            return forecast
        }
        if let obstacle { forecast.block(obstacle) }
        let old = map.primary?.text ?? "the primary"
        forecast.changes.append(
            "\(id) becomes primary in place of \(old) (Smap \(map.version) to \(map.version + 1));"
                + " changes wait meanwhile, objects are served")
        return forecast
    }

    /// What registering a node would do.
    func forecast(registering claimed: Node) async throws(Failure) -> Forecast {
        let state = try await daemon.metadata.linearizable().state
        var forecast = Forecast("register", departure.survival(of: state))
        do throws(Failure) {
            let node = try await admission.identified(claimed)
            try await describe(JoinRequest(node: node, clusterID: ""), in: state, &forecast)
        } catch {
            try forecast.take(error)
        }
        return forecast
    }

    /// What a node that asks to be put on the map would come to.
    func forecast(joining request: JoinRequest) async throws(Failure) -> Forecast {
        let state = try await daemon.metadata.linearizable().state
        var forecast = Forecast("join", departure.survival(of: state))
        do throws(Failure) {
            try await describe(request, in: state, &forecast)
        } catch {
            try forecast.take(error)
        }
        return forecast
    }

    /// - Throws: what refuses the node.
    private func describe(
        _ request: JoinRequest, in state: ClusterState, _ forecast: inout Forecast
    ) async throws(Failure) {
        let before = state.map
        guard let node = try await admission.checked(request, in: state) else {
            forecast.changes.append("nothing: \(request.node.id) is on the map already")
            return
        }
        let rehearsal = ChangeRehearsal(.setNode(node), in: state)
        if let refusal = rehearsal.refusal { throw refusal }
        let after = rehearsal.after.map
        let step = before[node.id] == nil ? "joins the map" : "is renewed on the map"
        forecast.changes.append("\(node.id) \(step) (Smap \(before.version) to \(after.version))")
        if node.role == .proxy {
            departure.describe(
                await departure.forecast(of: after.nodes(.proxy)), without: [], true, &forecast)
        } else {
            Self.describe(targets: state, after, node, &forecast)
        }
    }

    private static func describe(
        targets state: ClusterState, _ after: ClusterMap, _ node: Node,
        _ forecast: inout Forecast
    ) {
        let (now, then) = (state.map.candidates.count, after.candidates.count)
        forecast.survival.activeTargets = Survival.Count(now: now, then: then)
        guard then > now, now > 0, !state.buckets.buckets.isEmpty else { return }
        forecast.warn(
            "one object in \(then) belongs on \(node.id) then, and none is moved: those answer 404"
                + " until they are written again")
    }
}

extension BucketRoutes {
    /// What creating or destroying a bucket would do.
    func forecast(
        _ action: Action, of bucket: Bucket, in now: PublishedState.Snapshot, _ terms: ChangeTerms,
        _ command: @Sendable (PublishedState.Snapshot) throws(Failure) -> Command
    ) throws(Failure) -> Forecast {
        let state = now.state
        var forecast = Forecast(action.rawValue, departure.survival(of: state))
        let made: Command
        do throws(Failure) {
            made = try command(now)
        } catch {
            if error.status != 404 { forecast.heed(terms, in: state) }
            try forecast.take(error)
            return forecast
        }
        forecast.heed(terms, in: state)
        let rehearsal = ChangeRehearsal(made, in: state)
        if let refusal = rehearsal.refusal {
            try forecast.take(refusal)
            return forecast
        }
        let isCreated = rehearsal.after.buckets[bucket] != nil
        forecast.changes.append(
            "bucket \(bucket) is \(isCreated ? "created" : "destroyed") (BMD "
                + "\(state.buckets.version) to \(rehearsal.after.buckets.version))")
        if !isCreated {
            forecast.warn("every object in \(bucket) is lost; nothing brings it back")
        } else if state.map.candidates.isEmpty {
            forecast.warn(
                "no target is active: nothing can be stored in it", next: "have a target join")
        }
        return forecast
    }
}

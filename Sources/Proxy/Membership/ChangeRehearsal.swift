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
    mutating func block(_ failure: Failure) {
        warn(.blocked, failure.message)
        next = failure.next
    }
}

extension ClusterRoutes {
    /// What setting the primary would do.
    func forecast(primary id: NodeID) async throws(Failure) -> Forecast {
        let map = try await daemon.metadata.linearizable().state.map
        var forecast = Forecast("set-primary")
        forecast.voters = await departure.voters(of: map)
        guard map.primary != id else {
            forecast.changes.append("nothing: \(id) is the primary")
            return forecast
        }
        if let failure = transfer.obstacle(to: id, in: map) { forecast.block(failure) }
        let old = map.primary?.text ?? "the primary"
        forecast.changes.append(
            "\(id) becomes primary in place of \(old) (Smap \(map.version) to \(map.version + 1));"
                + " changes wait meanwhile, objects are served")
        return forecast
    }

    /// What registering a node would do.
    func forecast(registering claimed: Node) async throws(Failure) -> Forecast {
        let state = try await daemon.metadata.linearizable().state
        var forecast = Forecast("register")
        let node: Node
        do throws(Failure) {
            node = try await admission.identified(claimed)
            if let present = state.map[node.id], present.address != node.address {
                try await admission.checkIsGone(present)
            }
        } catch {
            forecast.block(error)
            return forecast
        }
        let rehearsal = ChangeRehearsal(.setNode(node), in: state)
        if let refusal = rehearsal.refusal {
            forecast.block(refusal)
            return forecast
        }
        let (before, after) = (state.map, rehearsal.after.map)
        if before.version == after.version {
            forecast.changes.append("nothing: \(node.id) is on the map already")
        } else {
            let step = before[node.id] == nil ? "joins the map" : "is renewed on the map"
            forecast.changes.append(
                "\(node.id) \(step) (Smap \(before.version) to \(after.version))")
        }
        if node.role == .proxy {
            forecast.voters = await departure.voters(of: after)
        } else {
            Self.describe(targets: state, after, node, &forecast)
        }
        return forecast
    }

    private static func describe(
        targets state: ClusterState, _ after: ClusterMap, _ node: Node,
        _ forecast: inout Forecast
    ) {
        let (now, then) = (state.map.candidates.count, after.candidates.count)
        forecast.activeTargets = Forecast.Count(now: now, then: then)
        guard then > now, now > 0, !state.buckets.buckets.isEmpty else { return }
        forecast.warn(
            .unsafe,
            "one object in \(then) belongs on \(node.id) then, and none is moved: those answer 404"
                + " until they are written again")
    }
}

extension BucketRoutes {
    /// What creating or destroying a bucket would do.
    static func forecast(
        _ action: Action, _ command: Command, of bucket: Bucket, in state: ClusterState
    ) -> Forecast {
        var forecast = Forecast(action.rawValue)
        let rehearsal = ChangeRehearsal(command, in: state)
        if let refusal = rehearsal.refusal {
            forecast.block(refusal)
            return forecast
        }
        let isCreated = rehearsal.after.buckets[bucket] != nil
        forecast.changes.append(
            "bucket \(bucket) is \(isCreated ? "created" : "destroyed") (BMD "
                + "\(state.buckets.version) to \(rehearsal.after.buckets.version))")
        if !isCreated {
            forecast.warn(.unsafe, "every object in \(bucket) is lost; nothing brings it back")
        } else if state.map.candidates.isEmpty {
            forecast.warn(.unsafe, "no target is active: nothing can be stored in it")
        }
        return forecast
    }
}

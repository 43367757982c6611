import API
import Base
import Cluster
import Consensus
import HTTP
import MetaStore

/// `/v1/health`: whether the process lives, and whether it can serve.
struct HealthRoutes: Sendable {
    let node: Node
    let published: PublishedState
    let group: RaftGroup
    let stopping: Latch
    /// With so much a proxy takes part in changes, as far as the file system tells.
    private static let roomBytes = SpaceLimits().highBytes + SpaceLimits().reserveBytes

    func needsReadiness(_ query: Query) -> Bool { !query.text.isEmpty }

    func serve(_ exchange: Exchange, _ query: Query) throws(Failure) {
        // Signs of life are answered before the table of routes is asked.
        try exchange.require(.get, .head)
        if try query.flag(QueryName.readiness) {
            if let failure = obstacle { throw failure }
        }
        if try query.flag(QueryName.clusterInfo) {
            return exchange.respond(.ok, type: "application/json", body: clusterInfo)
        }
        exchange.respond(.ok)
    }

    /// Why this proxy is not ready; `nil` when it is.
    private var obstacle: Failure? {
        let status = group.status
        let state = published.now.state
        if stopping.isOpen { return Failure(.stopping, "this proxy is stopping") }
        if let reason = status.stopped {
            return Failure(.inputOutput, "this proxy's log has failed: \(reason)")
        }
        if let floor = status.floor {
            return Failure(
                .starting,
                "this proxy's log lacks entries that it had confirmed, up to \(floor.index.rawValue); it does not vote before it "
                    + "has them again")
        }
        // Whom a forced recovery has left behind has nothing to wait for here.
        if let found = status.unreadable, status.supersededBy == nil {
            return .unreadable(found, dataPath: group.dataPath)
        }
        if let space = status.space, space.isShort {
            // The file system says that there is room, and has refused what was written.
            let isQuota = space.freeBytes >= Self.roomBytes
            return .metadataDiskFull(
                isQuota
                    ? "there was no room for what was written, although the file system says that \(space.freeBytes) bytes are left; this proxy "
                        + "takes no changes"
                    : "\(space.freeBytes) bytes are left; this proxy takes no changes",
                next: isQuota
                    ? "look at the quota of its data directory"
                    : "make room on the disk of its data directory")
        }
        if let doubt = status.doubt {
            return Failure(
                .starting,
                "the log tells of another state after entry \(doubt.rawValue) than this proxy had; it serves nothing before "
                    + "the others have said whose is right")
        }
        if let quarantine = status.quarantine {
            return .wrongState(from: quarantine.differsAt.rawValue)
        }
        if state.map.clusterID.isEmpty {
            return Failure(.starting, "this proxy has not received the cluster's metadata yet")
        }
        guard let known = state.map[node.id], known.address == node.address,
            known.member == node.member
        else { return Failure(.starting, "this proxy is not on the cluster map yet") }
        guard status.leader != nil else { return group.noPrimary() }
        guard status.configuration.contains(status.id) else {
            return Failure(.starting, "this proxy's log is not replicated yet")
        }
        let mayVote = state.map.nodes(.proxy).count {
            !$0.flags.contains(.nonElectable) && $0.isActive
        }
        // Until they vote, the cluster does not survive what it is built to survive. A voter whose disk was
        // replaced is no longer one.
        let voting = status.configuration.voters.count {
            state.map.node(member: $0.rawValue) != nil
        }
        let wanted = GroupPlan.voters(of: mayVote)
        guard voting >= wanted else {
            return Failure(.starting, "\(voting) of \(wanted) proxies vote")
        }
        return nil
    }

    /// Contract §8.5.
    private var clusterInfo: [UInt8] {
        var json = JSONWriter()
        json.clusterInfo(published.now.state, isVoting: group.leaderView.leader == nil)
        json.newline()
        return json.bytes
    }
}

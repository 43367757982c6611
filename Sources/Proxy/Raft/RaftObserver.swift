import Base
import Cluster
import Consensus
import Synchronization

/// Passes on what the local member reports: states to those who read them, news to the log.
final class RaftObserver: Sendable {
    let statusChanges: Watched<DriverStatus?>
    let counters = RaftCounters()
    let freshness: Freshness
    /// Whether this member was removed before the process started: its own log may not say so, and then nothing but
    /// joining anew brings it back. One removed while it runs has heard a leader, and knows.
    let isStranded = Watched<Bool>(false)
    private let hasHadLeader = Atomic<Bool>(false)
    private let fence: Fence
    private let published: PublishedState
    private let config: LiveConfig
    private let hashes: StateHashes
    private let stop: Latch
    private let log: Logger

    init(
        published: PublishedState, config: LiveConfig, hashes: StateHashes, fence: Fence,
        freshness: Freshness, stop: Latch, log: Logger
    ) {
        self.fence = fence
        self.freshness = freshness
        self.published = published
        self.config = config
        self.hashes = hashes
        self.stop = stop
        self.log = log
        statusChanges = Watched(nil)
    }

    /// What the member has recovered, before anything happens.
    func start(_ status: DriverStatus, _ state: ClusterState) {
        statusChanges.set(status)
        fence.follow(status.supersededBy)
        publish(state)
    }

    func note(_ notice: RaftMember.Notice) {
        switch notice {
        case .applied(_, let state, _): publish(state)
        case .restored(let state, let position):
            log.info("received the state at \(position)")
            publish(state)
        case .changed(let status):
            let before = statusChanges.value
            freshness.changed(from: before, to: status)
            statusChanges.set(status)
            fence.follow(status.supersededBy)
            counters.changed(from: before, to: status)
            if status.leader != nil {
                hasHadLeader.store(true, ordering: .relaxed)
                if isStranded.value { isStranded.set(false) }
            }
            guard
                (before?.role, before?.term, before?.leader)
                    != (status.role, status.term, status.leader)
            else { return }
            let leader = status.leader.flatMap { published.now.state.map.node(member: $0.rawValue) }
            log.info(
                "\(status.role) in term \(status.term.rawValue), "
                    + (status.leader == nil
                        ? "no primary" : "primary is \(leader?.id.text ?? "not on the map yet")"))
        case .superseded(let generation):
            fence.follow(generation)
            log.error(
                "left behind by a forced recovery: generation \(generation) exists; this proxy "
                    + "votes and leads no more")
        case .removed:
            log.warning("the primary says that this proxy's log is no longer part of the cluster")
            if !hasHadLeader.load(ordering: .relaxed) { isStranded.set(true) }
        case .stopped(.asked): break
        case .stopped(let reason):
            log.error("the log has failed, this proxy ends: \(reason)")
            stop.open()
        }
    }

    private func publish(_ state: ClusterState) {
        hashes.note(state)
        // Before the state is seen: whoever sees it finds its settings in effect.
        config.follow(state.config)
        published.publish(state)
    }
}

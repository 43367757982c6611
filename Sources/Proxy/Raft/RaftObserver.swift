import API
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
    /// The state here is wrong, and must not be shown.
    let isQuarantined = Atomic<Bool>(false)
    let isDoubted = Atomic<Bool>(false)
    /// Why nobody should follow the log from here: there is no room, or it cannot be read any further, and somebody else leads; or
    /// the state is wrong.
    let standsBack = Watched<FailureCode?>(nil)
    private let isBlocked = Atomic<Bool>(false)
    private let isShort = Atomic<Bool>(false)
    private let hasHadLeader = Atomic<Bool>(false)
    private let fence: Fence
    private let published: PublishedState
    private let config: LiveConfig
    private let hashes: StateHashes
    private let stop: Latch
    private let dataPath: String
    private let log: Logger

    init(
        published: PublishedState, config: LiveConfig, hashes: StateHashes, fence: Fence,
        freshness: Freshness, stop: Latch, dataPath: String, log: Logger
    ) {
        self.fence = fence
        self.freshness = freshness
        self.published = published
        self.config = config
        self.hashes = hashes
        self.stop = stop
        self.dataPath = dataPath
        self.log = log
        statusChanges = Watched(nil)
    }

    /// What the member has recovered, before anything happens.
    func start(_ status: DriverStatus, _ state: ClusterState) {
        statusChanges.set(status)
        fence.follow(status.supersededBy)
        if let space = status.space { note(space, status.role) }
        if let quarantine = status.quarantine { note(quarantine) }
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
            settleStanding(status.role)
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
        case .recovering(let floor):
            if let floor {
                log.error(
                    "this proxy's log ends before entry \(floor.index), which it had confirmed: it does not vote "
                        + "before it has it again")
            } else {
                log.info("this proxy's log has all that it had confirmed: it votes again")
            }
        case .forgotten(let member, let promised, let last):
            let name = published.now.state.map.node(member: member.rawValue)?.id.text
            log.error(
                "\(name ?? "member \(member)") had confirmed the log up to entry \(promised), and has it up to "
                    + "\(last): its disk has lost what was flushed; it counts again when it has caught up"
            )
        case .diverged(let member, let difference):
            let name = published.now.state.map.node(member: member.rawValue)?.id.text
            log.error(
                "the state of \(name ?? "member \(member)") differs from the one here after entry "
                    + "\(difference.differsAt); after \(difference.equalAt) both were equal")
        case .doubted(let index):
            if let index {
                log.warning(
                    "the log tells of another state after entry \(index) than this proxy had: it asks the others who is "
                        + "right, and serves nothing before it knows")
            } else {
                log.info("the others have said whose state is right")
            }
            isDoubted.store(index != nil, ordering: .relaxed)
        case .quarantined(let difference): note(difference)
        case .unreadable(let found):
            if let found {
                log.error("\(found.what); \(found.remedy(dataPath: dataPath))")
            } else {
                log.info("this proxy has a state beyond what it could not read")
            }
            isBlocked.store(found != nil, ordering: .relaxed)
            settleStanding(statusChanges.value?.role ?? .follower)
        case .space(let space): note(space, statusChanges.value?.role ?? .follower)
        case .damaged(let damage):
            log.error("\(damage); what is in memory will be written anew")
        case .repaired(let damage): log.info("mended: \(damage)")
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

    private func note(_ difference: StateDigests.Difference?) {
        if let difference {
            log.error(
                "this proxy's state differs from that of the others after entry \(difference.differsAt) (after "
                    + "\(difference.equalAt) it was equal): it serves nothing before it has theirs")
        } else {
            log.info("this proxy's state is that of the others again, or the only one")
        }
        isQuarantined.store(difference != nil, ordering: .relaxed)
        settleStanding(statusChanges.value?.role ?? .follower)
    }

    private func note(_ space: StorageSpace, _ role: RoleName) {
        guard space.isShort != isShort.load(ordering: .relaxed) else { return }
        isShort.store(space.isShort, ordering: .relaxed)
        let left = "\(space.freeBytes >> 10) KiB are left on the disk of the metadata"
        if space.isShort {
            log.error(
                "\(left), and \(space.reserveBytes >> 10) KiB of the reserve: this proxy takes no changes before there is more; it "
                    + "votes, and hands over if it is primary")
        } else {
            log.info("\(left): this proxy takes part in changes again")
        }
        settleStanding(role)
    }

    private func settleStanding(_ role: RoleName) {
        let reason: FailureCode? =
            if isQuarantined.load(ordering: .relaxed) {
                // Whoever leads meanwhile shows it as little.
                .starting
            } else if role == .leader {
                nil
            } else if isBlocked.load(ordering: .relaxed) {
                .logUnreadable
            } else {
                isShort.load(ordering: .relaxed) ? .metadataDiskFull : nil
            }
        if standsBack.value != reason { standsBack.set(reason) }
    }

    private func publish(_ state: ClusterState) {
        hashes.note(state)
        // Before the state is seen: whoever sees it finds its settings in effect.
        config.follow(state.config)
        published.publish(state)
    }
}

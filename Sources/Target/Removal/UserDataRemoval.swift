import API
import Base
import Cluster
import HTTP
import Synchronization

/// Removes the user data on the disks that a committed order names, and tells the proxies when it is done (decision 0028).
///
/// What is to be done follows from the state and from what is on the disks, at each step anew. So a process that is killed goes on
/// in its next life, a step that is taken twice does no harm, and without an order in the state nothing is ever removed.
final class UserDataRemoval: Sendable {
    private let node: NodeID
    private let publisher: StatePublisher
    private let store: ObjectStore
    private let trash: Trash
    private let proxies: ProxyCaller
    private let inquiry: OrderInquiry
    private let pool: BlockingPool
    private let loop: EventLoop
    /// Opened when this target has nothing more to do.
    private let ending: Latch
    private let log: Logger
    private let found = Mutex(Findings())

    private struct Findings {
        var phase = RemovalProgress.Phase.none
        var order: LogPosition?
        var directoriesLeft = 0
        var blockers: [String] = []
    }

    init(
        node: NodeID, publisher: StatePublisher, store: ObjectStore, trash: Trash,
        proxies: ProxyCaller, pool: BlockingPool, loop: EventLoop, ending: Latch, log: Logger
    ) {
        self.node = node
        self.publisher = publisher
        self.store = store
        self.trash = trash
        self.proxies = proxies
        inquiry = OrderInquiry(node: node, proxies: proxies)
        self.pool = pool
        self.loop = loop
        self.ending = ending
        self.log = log
    }

    // MARK: What people see

    /// How far it is. Does not block.
    var progress: RemovalProgress {
        var progress = RemovalProgress()
        let found = found.withLock { $0 }
        progress.phase = found.phase
        progress.order = found.order
        progress.directoriesLeft = found.directoriesLeft
        progress.blockers = found.blockers
        progress.filesRemoved = trash.removed
        let ordered = publisher.current.state.decommissions[node]?.order.disks ?? []
        let set = store.mountpaths
        progress.disks =
            set.all.map { ($0.path, $0.identity.description, false) }.map { disk in
                Self.disk(disk, ordered)
            }
            + set.disabled.map { ($0.path, $0.identity.description, true) }.map { disk in
                Self.disk(disk, ordered)
            }
        return progress
    }

    private static func disk(
        _ disk: (path: String, identity: String, isDisabled: Bool), _ ordered: [String]
    ) -> RemovalProgress.Disk {
        RemovalProgress.Disk(
            mountpath: disk.path, disk: disk.identity, isDisabled: disk.isDisabled,
            isOrdered: ordered.contains(disk.identity))
    }

    // MARK: The order

    /// The order that is to be carried out now: committed, not over, and with this target still on the map for it.
    static func order(to node: NodeID, in state: ClusterState) -> DecommissionRecord? {
        guard let record = state.decommissions[node], record.phase == .removing,
            state.map[node]?.flags.contains(.decommission) == true
        else { return nil }
        return record
    }

    /// Whether an order is about this very target, and not about another one under its id.
    static func isTold(_ node: NodeID, _ set: MountpathSet, in state: ClusterState) -> Bool {
        let disks = order(to: node, in: state)?.order.disks ?? []
        return set.all.contains { disks.contains($0.identity.description) }
    }

    /// Whether this very target, and not another one under its id, has done what it was told and left.
    static func isDismissed(
        _ node: NodeID, _ set: MountpathSet, in state: ClusterState
    ) -> DecommissionRecord? {
        guard let record = state.decommissions[node], record.phase == .done,
            set.all.contains(where: { record.order.disks.contains($0.identity.description) })
        else { return nil }
        return record
    }

    /// Runs until cancelled, or until there is nothing more to do here.
    func run() async {
        var pause = TargetLimits.removalPauseMin
        while !Task.isCancelled {
            let published = publisher.current
            if let record = Self.order(to: node, in: published.state) {
                let isMoving = await step(record)
                if isMoving { pause = TargetLimits.removalPauseMin }
                await news(after: published, nanoseconds: pause)
                pause = min(pause * 2, TargetLimits.removalPauseMax)
                continue
            }
            pause = TargetLimits.removalPauseMin
            if let record = Self.isDismissed(node, store.mountpaths, in: published.state) {
                if dismissed(record) { return }
            } else {
                found.withLock { $0 = Findings() }
            }
            await publisher.membershipChange(after: published)
        }
    }

    private func news(after published: PublishedState, nanoseconds: UInt64) async {
        _ = await loop.within(nanoseconds: nanoseconds) { [publisher, node] in
            // Changes of others are no reason to look at the disks again.
            while !Task.isCancelled {
                let newest = publisher.current
                let isSame =
                    newest.state.decommissions[node] == published.state.decommissions[node]
                guard isSame else { return }
                await publisher.membershipChange(after: newest)
            }
        }
    }

    // MARK: Steps

    /// One step: moves what is in its place out of it, looks how far the trash is, and tells the proxies when that was the last one.
    ///
    /// - Returns: whether anything was moved.
    private func step(_ record: DecommissionRecord) async -> Bool {
        let isNew = found.withLock { found in
            defer { found.order = record.position }
            return found.order != record.position
        }
        if isNew {
            log.warning(
                "is told to remove the user data on \(record.order.disks.count) disks, by entry "
                    + record.position.text)
        }
        var pass = await look(record, mayMove: false)
        var obstacle: String?
        if pass.unmoved > 0 {
            obstacle = await self.obstacle(to: record)
            if obstacle == nil { pass = await look(record, mayMove: true) }
        }
        let blockers = pass.blockers + [obstacle].compactMap { $0 }
        found.withLock { found in
            found.phase = pass.isDone ? .removed : .removing
            found.directoriesLeft = pass.directoriesLeft
            found.blockers = blockers
        }
        if pass.isDone { await report(DecommissionReport(order: record.position, left: pass.left)) }
        return pass.moved > 0
    }

    private func look(_ record: DecommissionRecord, mayMove: Bool) async -> RemovalPass {
        await pool.run { [self] in RemovalPass(record.order, store, trash, mayMove: mayMove) }
    }

    /// Why nothing may be moved yet; `nil` when the order stands, here and by a majority's word.
    private func obstacle(to record: DecommissionRecord) async -> String? {
        if let obstacle = await inquiry.obstacle(to: record) { return obstacle }
        // Meanwhile the news may have come by the log.
        return Self.order(to: node, in: publisher.current.state) == record
            ? nil : "the order has changed meanwhile"
    }

    private func report(_ report: DecommissionReport) async {
        let body = RemovalReport(target: node, report: report).encoded
        var blocker = ""
        do throws(Failure) {
            let answer = try await proxies.sendUntilDone(
                .post, "/v1/cluster/decommission", body: body)
            guard answer.status == .ok else {
                let failure = Failure(decoding: answer.body)
                throw failure ?? Failure(.unknown, "a proxy answered \(answer.status.rawValue)")
            }
            log.info("has removed the user data it was told to")
            return
        } catch {
            blocker = "no proxy has taken the word that all is removed: \(error.message)"
        }
        found.withLock { $0.blockers = [blocker] }
    }

    /// - Returns: whether the process ends.
    private func dismissed(_ record: DecommissionRecord) -> Bool {
        let isNew = found.withLock { found in
            defer {
                found = Findings()
                found.phase = .done
                found.order = record.position
            }
            return found.phase != .done
        }
        if isNew {
            log.warning(
                "this target was decommissioned and is off the map; "
                    + (record.order.endsProcess ? "it ends" : "register it to bring it back"))
        }
        guard record.order.endsProcess else { return false }
        ending.open()
        return true
    }

    /// The disks that lose their marks when this process ends, because the order says so; `nil` when it ends for any other
    /// reason. Blocks.
    var dismissedMountpaths: [Mountpath]? {
        let set = store.mountpaths
        guard
            let record = Self.isDismissed(node, set, in: publisher.current.state),
            record.order.endsProcess
        else { return nil }
        // One that has no user data was cleared as well, and may have got new marks at a start after the last act was cut short.
        return set.all.filter { mountpath in
            record.order.disks.contains(mountpath.identity.description)
                || (try? RemovalPass.places(on: mountpath))?.isEmpty == true
        }
    }
}

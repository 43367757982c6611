import Base
import Cluster
import HTTP
import Synchronization

/// A state as readers hold it, for a whole request.
final class PublishedState: Sendable {
    let state: ClusterState
    /// Counts publications; two equal numbers are one state.
    let serial: UInt64
    /// The state's position as redirects carry it, for comparing without reading it.
    let positionBytes: [UInt8]

    init(_ state: ClusterState, serial: UInt64) {
        self.state = state
        self.serial = serial
        positionBytes = Array(state.position.text.utf8)
    }

    /// Whether a state of the target's own cluster is known.
    var isKnown: Bool { !state.map.clusterID.isEmpty }
}

/// The newest state that this target has applied, and those who wait for a newer one.
final class StatePublisher: Sendable {
    private struct Waiter {
        let isServed: @Sendable (PublishedState) -> Bool
        /// The position that is waited for, when it is one, and since when.
        let position: LogPosition?
        let since: MonotonicTime
        let continuation: CheckedContinuation<Wake, Never>
    }

    /// Why a wait has ended.
    private enum Wake {
        case served
        case cancelled
        case late
        /// No proxy has come as far; this is how far they have.
        case unknown(LogPosition)
    }

    /// What became of waiting for a position.
    enum Arrival: Sendable {
        case reached(PublishedState)
        /// It has not come in time, or too many wait already.
        case late
        /// No proxy has come as far; this is how far they have.
        case unknown(newest: LogPosition)
    }

    private struct Waiters {
        var waiting: [UInt64: Waiter] = [:]
        var next: UInt64 = 0
    }

    /// A position that some redirect was computed from and that has not come, and since when.
    private struct Wanted: Sendable {
        var position: LogPosition
        var since: MonotonicTime
    }

    private let published: Mutex<PublishedState>
    private let waiters = Mutex(Waiters())
    private let wanted = Watched<Wanted?>(nil)
    private let horizon = Mutex(PositionHorizon())
    private let placesOutOfReach = Places(TargetLimits.positionWaitersOutOfReachMax)

    init() {
        published = Mutex(PublishedState(ClusterState(), serial: 1))
    }

    var current: PublishedState {
        @inline(__always) get { published.withLock { $0 } }
    }

    func publish(_ state: ClusterState) {
        let next = published.withLock { published in
            published = PublishedState(state, serial: published.serial + 1)
            return published
        }
        let served = waiters.withLock { waiters in
            let served = waiters.waiting.filter { $0.value.isServed(next) }
            for key in served.keys { waiters.waiting[key] = nil }
            return served.values
        }
        for waiter in served { waiter.continuation.resume(returning: .served) }
    }

    /// Waits until a state is published that is not before `position`.
    func state(
        notBefore position: LogPosition, within seconds: Double, on loop: EventLoop
    ) async -> Arrival {
        let present = current
        guard present.state.position < position else { return .reached(present) }
        let verdict = horizon.withLock { horizon in
            horizon.note(present.state.position)
            return (horizon.verdict(position, at: .now()), horizon.newest)
        }
        if case (.isUnknown, let newest) = verdict { return .unknown(newest: newest) }
        note(wanted: position, at: present.state.position)
        let needsPlace = verdict.0 == .waitsWithFew
        guard !needsPlace || placesOutOfReach.take() else { return .late }
        defer { if needsPlace { placesOutOfReach.giveBack() } }
        switch await wake(
            within: seconds, on: loop, position: position,
            where: { $0.state.position >= position })
        {
        case .served: return .reached(current)
        case .unknown(let newest): return .unknown(newest: newest)
        case .late, .cancelled: return .late
        }
    }

    /// Waits until a state is published that fits.
    ///
    /// - Returns: `nil` when none came in time, or too many wait already.
    func state(
        within seconds: Double, on loop: EventLoop,
        where fits: @escaping @Sendable (ClusterState) -> Bool
    ) async -> PublishedState? {
        let present = current
        if fits(present.state) { return present }
        let wake = await wake(
            within: seconds, on: loop, position: nil, where: { fits($0.state) })
        if case .served = wake { return current }
        return nil
    }

    private func wake(
        within seconds: Double, on loop: EventLoop, position: LogPosition?,
        where fits: @escaping @Sendable (PublishedState) -> Bool
    ) async -> Wake {
        guard waiters.withLock({ $0.waiting.count < TargetLimits.positionWaitersMax }) else {
            return .late
        }
        return await withTaskGroup(of: Wake.self) { group in
            group.addTask { await self.wait(for: position, until: fits) }
            group.addTask {
                await loop.sleep(nanoseconds: UInt64(seconds * 1e9))
                return .late
            }
            let first = await group.next() ?? .late
            group.cancelAll()
            return first
        }
    }

    private func note(wanted position: LogPosition, at present: LogPosition) {
        // A later generation is for another proxy to bring; an older one nobody brings.
        guard !position.isOfGeneration(before: present) else { return }
        wanted.update { wanted in
            if let known = wanted, known.position > present { return }
            wanted = Wanted(position: position, since: .now())
        }
    }

    /// Returns when requests have waited too long for a position, although a proxy has been followed for as long: it
    /// does not have it, and another one may. Each position is told once.
    ///
    /// - Returns: the position; `nil` when the task was cancelled.
    func overdue(on loop: EventLoop) async -> LogPosition? {
        let begun = MonotonicTime.now()
        while let wanted = await wanted.first(where: { $0 != nil }) ?? nil {
            let now = MonotonicTime.now()
            let waited = now.since(max(begun, wanted.since))
            if wanted.position <= current.state.position {
                forget(wanted)
            } else if waited >= TargetLimits.overdueNanoseconds {
                forget(wanted)
                return wanted.position
            } else {
                await loop.sleep(nanoseconds: TargetLimits.overdueNanoseconds - waited)
                if Task.isCancelled { return nil }
            }
        }
        return nil
    }

    private func forget(_ old: Wanted) {
        wanted.update { if $0?.position == old.position { $0 = nil } }
    }

    // MARK: How far proxies are

    /// A question to the proxies; only those who waited before it are answered by what comes of it.
    struct Survey: Sendable {
        fileprivate let last: UInt64
        fileprivate let begun: MonotonicTime
    }

    func beginSurvey() -> Survey {
        Survey(last: waiters.withLock { $0.next }, begun: .now())
    }

    /// Takes what proxies have said of how far they are.
    ///
    /// - Parameters:
    ///   - survey: when they were asked.
    ///   - newest: the newest position among the answers.
    ///   - isComplete: whether all have answered. Then nobody who waited before goes on waiting for more than that.
    /// - Returns: whether somebody has waited too long for what one of them has.
    func end(_ survey: Survey, newest: LogPosition, isComplete: Bool) -> Bool {
        let present = current.state.position
        horizon.withLock { horizon in
            horizon.note(newest)
            if isComplete { horizon.settle(max(newest, present), at: .now()) }
        }
        let (isAwaited, refused) = waiters.withLock { waiters in
            let early = waiters.waiting.filter { $0.key <= survey.last }
            let isAwaited = early.values.contains { waiter in
                guard let position = waiter.position, position <= newest else { return false }
                return survey.begun.since(waiter.since) >= TargetLimits.overdueNanoseconds
            }
            guard isComplete else { return (isAwaited, [Waiter]()) }
            let refused = early.filter { $0.value.position.map { $0 > newest } ?? false }
            for key in refused.keys { waiters.waiting[key] = nil }
            return (isAwaited, Array(refused.values))
        }
        for waiter in refused { waiter.continuation.resume(returning: .unknown(newest)) }
        return isAwaited
    }

    // MARK: Waiting

    /// Waits until a state is published in which nodes or their disks are others than in this one, or that is of another generation;
    /// returns early when cancelled. Entries about buckets come all the time, and wake nobody.
    func membershipChange(after known: PublishedState) async {
        _ = await wait(for: nil) { $0.state.hasOtherMembership(than: known.state) }
    }

    private func wait(
        for position: LogPosition?, until isServed: @escaping @Sendable (PublishedState) -> Bool
    ) async -> Wake {
        let id = waiters.withLock { waiters in
            waiters.next += 1
            return waiters.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let wake = waiters.withLock { waiters -> Wake? in
                    if isServed(current) { return .served }
                    if Task.isCancelled { return .cancelled }
                    waiters.waiting[id] = Waiter(
                        isServed: isServed, position: position, since: .now(),
                        continuation: continuation)
                    return nil
                }
                if let wake { continuation.resume(returning: wake) }
            }
        } onCancel: {
            let waiter = waiters.withLock { $0.waiting.removeValue(forKey: id) }
            waiter?.continuation.resume(returning: .cancelled)
        }
    }
}

extension ClusterState {
    fileprivate func hasOtherMembership(than other: ClusterState) -> Bool {
        position.generation != other.position.generation || position.nonce != other.position.nonce
            || map != other.map || decommissions != other.decommissions
            || mountpathNotes != other.mountpathNotes
    }
}

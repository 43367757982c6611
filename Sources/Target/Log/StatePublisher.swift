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
        let continuation: CheckedContinuation<Bool, Never>
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
        for waiter in served { waiter.continuation.resume(returning: true) }
    }

    /// Waits until a state is published that is not before `position`.
    ///
    /// - Returns: `nil` when none came in time, or too many wait already.
    func state(
        notBefore position: LogPosition, within seconds: Double, on loop: EventLoop
    ) async -> PublishedState? {
        let present = current.state.position
        if present < position { note(wanted: position, at: present) }
        return await state(within: seconds, on: loop) { $0.position >= position }
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
        guard waiters.withLock({ $0.waiting.count < TargetLimits.positionWaitersMax }) else {
            return nil
        }
        let isServed = await withTaskGroup(of: Bool.self) { group in
            group.addTask { await self.wait { fits($0.state) } }
            group.addTask {
                await loop.sleep(nanoseconds: UInt64(seconds * 1e9))
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
        return isServed ? current : nil
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
    /// does not have it, and another one does. Each position is told once.
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

    /// Waits until another state than the one with this number is published; returns early when cancelled.
    func change(after serial: UInt64) async -> PublishedState {
        _ = await wait { $0.serial > serial }
        return current
    }

    private func wait(
        _ isServed: @escaping @Sendable (PublishedState) -> Bool
    ) async -> Bool {
        let id = waiters.withLock { waiters in
            waiters.next += 1
            return waiters.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isAlready = waiters.withLock { waiters -> Bool in
                    if isServed(current) || Task.isCancelled { return true }
                    waiters.waiting[id] = Waiter(isServed: isServed, continuation: continuation)
                    return false
                }
                if isAlready { continuation.resume(returning: isServed(current)) }
            }
        } onCancel: {
            let waiter = waiters.withLock { $0.waiting.removeValue(forKey: id) }
            waiter?.continuation.resume(returning: false)
        }
    }
}

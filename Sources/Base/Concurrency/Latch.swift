internal import Synchronization

/// Something that happens once, and that any number of tasks may wait for.
public final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())

    public init() {}

    public var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Lets everybody through, now and later.
    public func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.wake() }
    }

    /// Returns when the latch is open, or when the task is cancelled.
    public func wait() async {
        let waiter = Waiter()
        let isOpen = state.withLock { state in
            if !state.isOpen { state.waiters.append(waiter) }
            return state.isOpen
        }
        if isOpen { return }
        await waiter.wait()
        state.withLock { $0.waiters.removeAll { $0 === waiter } }
    }
}

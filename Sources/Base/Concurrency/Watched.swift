internal import Synchronization

/// A value that changes, and that tasks read and wait for: the newest one counts, those between may be missed.
public final class Watched<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var waiters: [Waiter] = []
    }

    private let state: Mutex<State>

    public init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// The newest value.
    public var value: Value { state.withLock { $0.value } }

    /// Replaces the value and wakes everybody who waits.
    public func set(_ value: Value) {
        update { $0 = value }
    }

    /// Changes the value in place and wakes everybody who waits.
    public func update(_ change: (inout Value) -> Void) {
        let waiters = state.withLock { state in
            change(&state.value)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.wake() }
    }

    /// Waits for a value that fits.
    ///
    /// - Returns: that value, or `nil` when the task was cancelled first.
    public func first(where fits: (Value) -> Bool) async -> Value? {
        while true {
            let waiter = Waiter()
            let found = state.withLock { state -> Value? in
                if fits(state.value) { return state.value }
                state.waiters.append(waiter)
                return nil
            }
            if let found { return found }
            await waiter.wait()
            guard Task.isCancelled else { continue }
            state.withLock { $0.waiters.removeAll { $0 === waiter } }
            return nil
        }
    }
}

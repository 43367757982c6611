internal import Synchronization

/// A value that changes, and that tasks read and wait for: the newest one counts, those between may be missed.
public final class Watched<Value: Sendable>: Sendable {
    private struct Wait {
        let waiter: Waiter
        let fits: @Sendable (Value) -> Bool
    }

    private struct State {
        var value: Value
        var waits: [Wait] = []

        /// Takes those out whom the value fits.
        mutating func takeDue() -> [Waiter] {
            let value = value
            var due: [Waiter] = []
            waits.removeAll { wait in
                guard wait.fits(value) else { return false }
                due.append(wait.waiter)
                return true
            }
            return due
        }
    }

    private let state: Mutex<State>

    public init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// The newest value.
    public var value: Value { state.withLock { $0.value } }

    /// Replaces the value and wakes everybody who waits for it.
    public func set(_ value: Value) {
        update { $0 = value }
    }

    /// Changes the value in place and wakes everybody who waits for it.
    public func update(_ change: (inout Value) -> Void) {
        let due = state.withLock { state in
            change(&state.value)
            return state.takeDue()
        }
        for waiter in due { waiter.wake() }
    }

    /// Waits for a value that fits.
    ///
    /// - Parameter fits: quick, and the same for the same value; it is asked while the value is locked, so it must not touch this one.
    /// - Returns: that value, or `nil` when the task was cancelled first.
    public func first(where fits: @escaping @Sendable (Value) -> Bool) async -> Value? {
        while true {
            let waiter = Waiter()
            let found = state.withLock { state -> Value? in
                if fits(state.value) { return state.value }
                state.waits.append(Wait(waiter: waiter, fits: fits))
                return nil
            }
            if let found { return found }
            await waiter.wait()
            guard Task.isCancelled else { continue }
            state.withLock { $0.waits.removeAll { $0.waiter === waiter } }
            return nil
        }
    }
}

internal import Synchronization

/// One suspended task that others may wake: the piece that waiting with cancellation is made of.
///
/// Hand it to whoever will wake it, then call ``wait()``; waking it earlier is fine. It is good for one wait.
public final class Waiter: Sendable {
    private enum State {
        case idle
        case suspended(CheckedContinuation<Void, Never>)
        case awake
    }

    private let state = Mutex(State.idle)

    public init() {}

    /// Ends the wait, now or before it begins. Further calls do nothing.
    public func wake() {
        let continuation = state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state = .awake }
            guard case .suspended(let continuation) = state else { return nil }
            return continuation
        }
        continuation?.resume()
    }

    /// Returns when somebody has called ``wake()``, or when the task is cancelled.
    public func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isAwake = state.withLock { state in
                    if case .awake = state { return true }
                    state = .suspended(continuation)
                    return false
                }
                if isAwake { continuation.resume() }
            }
        } onCancel: {
            wake()
        }
    }
}

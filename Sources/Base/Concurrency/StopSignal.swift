internal import CLinux
import Glibc
internal import Synchronization

/// Tells a daemon that it has been asked to end: SIGTERM or SIGINT.
///
/// Make it first thing in `main`, before any other thread: the signals are blocked there, every later thread
/// inherits that, and one thread of its own waits for them. A second signal ends the process at once, for the
/// impatient.
package final class StopSignal: Sendable {
    private struct State {
        var isRaised = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {
        signal(SIGPIPE, SIG_IGN)
        var blocked = Self.signals
        pthread_sigmask(SIG_BLOCK, &blocked, nil)
        let thread = WorkerThread.start("signals") { [self] in
            var signals = Self.signals
            var number: Int32 = 0
            while sigwait(&signals, &number) != 0 {}
            raise()
            while sigwait(&signals, &number) != 0 {}
            _exit(128 + number)
        }
        thread.detach()
    }

    private static var signals: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        return signals
    }

    /// Ends the wait as a signal would: for a daemon that stops by itself.
    package func raise() {
        let waiters = state.withLock { state in
            state.isRaised = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    package var isRaised: Bool { state.withLock { $0.isRaised } }

    /// Returns when the process has been asked to end.
    package func wait() async {
        await withCheckedContinuation { continuation in
            let isRaised = state.withLock { state in
                if !state.isRaised { state.waiters.append(continuation) }
                return state.isRaised
            }
            if isRaised { continuation.resume() }
        }
    }
}

internal import CLinux
import Glibc

/// Tells a daemon that it has been asked to end: SIGTERM or SIGINT.
///
/// Make it first thing in `main`, before any other thread: the signals are blocked there, every later thread
/// inherits that, and one thread of its own waits for them. A second signal ends the process at once, for the
/// impatient.
package final class StopSignal: Sendable {
    private let latch = Latch()

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
    package func raise() { latch.open() }

    package var isRaised: Bool { latch.isOpen }

    /// Returns when the process has been asked to end, or when the task is cancelled.
    package func wait() async { await latch.wait() }
}

internal import CLinux
import Glibc

/// Tells a daemon that it has been asked to end: SIGTERM or SIGINT. One a process.
///
/// The handler only writes a byte into a pipe; a thread of its own reads it and wakes those who wait. Masks would
/// not do: threads of Swift's own pool may exist already, and a signal picks any thread that does not block it.
/// A second signal ends the process at once, for the impatient.
public final class StopSignal: Sendable {
    /// Opened by the first signal.
    public let latch = Latch()

    /// What the handler writes to.
    // Safety: set before the handler is.
    nonisolated(unsafe) private static var pipeEnd: Int32 = -1

    public init() {
        var ends: [Int32] = [-1, -1]
        let result = pipe2(&ends, Int32(O_CLOEXEC))
        precondition(result == 0, "no descriptor is left for signals")
        Self.pipeEnd = ends[1]
        let thread = WorkerThread.start("signals") { [latch, source = ends[0]] in
            var number: UInt8 = 0
            while read(source, &number, 1) != 1 {}
            latch.open()
            while read(source, &number, 1) != 1 {}
            _exit(128 + Int32(number))
        }
        thread.detach()
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGTERM, SIGINT] {
            signal(number) { number in
                let error = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(StopSignal.pipeEnd, &byte, 1)
                errno = error
            }
        }
        // Whoever started this process may have blocked them, and a mask is inherited.
        var ours = sigset_t()
        sigemptyset(&ours)
        for number in [SIGTERM, SIGINT] { sigaddset(&ours, number) }
        pthread_sigmask(SIG_UNBLOCK, &ours, nil)
    }
}

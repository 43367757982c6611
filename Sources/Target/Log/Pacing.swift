import Base
import Synchronization

/// Lets something happen once in a while, such as a line of the log that many requests would write.
final class Pacing: Sendable {
    private let nanoseconds: UInt64
    private let last = Mutex<MonotonicTime?>(nil)

    init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// Whether it may happen now; then not again before the time has passed.
    func isDue(at now: MonotonicTime) -> Bool {
        last.withLock { last in
            if let last, now.since(last) < nanoseconds { return false }
            last = now
            return true
        }
    }
}

import Base
import Consensus
import HTTP

/// Sees to it that word of a commit, put off in the hope of another message to go with, leaves in time.
final class CommitAnnouncer: Sendable {
    private let asked = Watched<UInt64>(0)

    /// Plans an announcement.
    func ask() { asked.update { $0 &+= 1 } }

    /// Calls `announce` a moment after every ``ask()``, until cancelled.
    func run(_ loop: EventLoop, after nanoseconds: UInt64, announce: () -> Void) async {
        var done: UInt64 = 0
        while let count = await asked.first(where: { [done] in $0 != done }) {
            done = count
            guard await loop.sleep(nanoseconds: nanoseconds) else { return }
            announce()
        }
    }
}

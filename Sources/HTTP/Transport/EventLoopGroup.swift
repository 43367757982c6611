package import Base
internal import Glibc
internal import Synchronization

/// The loops of a process, and the pool for what they must not do themselves.
package final class EventLoopGroup: Sendable {
    package let loops: [EventLoop]
    /// For calls that block: name resolution, reads of cold pages; daemons share it for fsync and the like.
    package let pool: BlockingPool
    private let turn = Atomic<Int>(0)

    /// - Parameters:
    ///   - count: how many loops; one per core unless told otherwise.
    ///   - pool: shared with others, or a new one.
    package init(loops count: Int? = nil, pool: BlockingPool? = nil) {
        let count = count ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        loops = (0..<count).map { EventLoop(name: "loop-\($0)", number: $0) }
        self.pool = pool ?? BlockingPool(name: "pool")
    }

    /// The caller's own loop when it runs on one of these, else each in turn.
    package var next: EventLoop {
        if let current = loops.first(where: { $0.isCurrent }) { return current }
        let number = turn.add(1, ordering: .relaxed).newValue
        return loops[number & Int.max % loops.count]
    }

    /// Ends the threads of all loops. Shut servers and clients down first. Not to be called from a loop.
    package func shutDown() {
        for loop in loops { loop.stop() }
    }

    /// Runs `body` at the end of what the caller's loop does in this turn; in place where the caller is on none.
    package func atEndOfTurn(_ body: @escaping @Sendable () -> Void) {
        guard let loop = loops.first(where: \.isCurrent) else { return body() }
        loop.atEndOfTurn(body)
    }
}

import Base

/// Runs a closure on each of many threads and waits for all of them.
///
/// Closed-loop workers block in system calls, which the shared cooperative pool must never do.
enum Threads {
    static func run(_ bodies: [@Sendable () -> Void]) {
        for thread in bodies.map({ WorkerThread.start("load", $0) }) { thread.join() }
    }
}

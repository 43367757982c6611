/// The executor of an actor that blocks: one thread with a name, on which all its jobs run in order.
///
///     actor Log {
///         private let executor = BlockingExecutor(name: "log")
///         nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
///     }
public final class BlockingExecutor: SerialExecutor {
    private let queue = WorkQueue<UnownedJob>()
    private let identity = Identity()

    public init(name: String) {
        let thread = WorkerThread.start(name) { [queue, identity] in
            while let job = queue.take() {
                job.runSynchronously(on: identity.executor)
            }
        }
        identity.executor = asUnownedSerialExecutor()
        thread.detach()
    }

    deinit {
        queue.close()
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        queue.put(UnownedJob(job))
    }
}

/// The executor as its thread names it, without keeping it alive.
private final class Identity: @unchecked Sendable {
    // Safety: set before the first job can be queued, and the queue orders the two threads.
    nonisolated(unsafe) var executor: UnownedSerialExecutor!
}

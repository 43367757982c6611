/// Runs asynchronous functions on the thread that calls it.
///
/// An asynchronous `main` would run on the main actor, and with that bring Dispatch into the process: its main queue, a
/// manager thread and a timer that fires every second for as long as the process lives. A daemon has threads of its own.
public final class CallingThread: TaskExecutor {
    private let queue = WorkQueue<UnownedJob>()

    private init() {}

    public func enqueue(_ job: consuming ExecutorJob) {
        queue.put(UnownedJob(job))
    }

    /// Runs `body`, and returns when it does. Its child tasks run here as well, unless they prefer another executor.
    public static func run<Value: Sendable>(
        _ body: @escaping @Sendable () async -> Value
    ) -> Value {
        let executor = CallingThread()
        let result = Result<Value>()
        // Nobody waits for the task; what it leaves behind is seen by this thread, which runs it.
        _ = Task(executorPreference: executor) { result.value = await body() }
        while true {
            if let value = result.value { return value }
            guard let job = executor.queue.take() else { preconditionFailure("never closed") }
            job.runSynchronously(on: executor.asUnownedTaskExecutor())
        }
    }
}

private final class Result<Value: Sendable>: @unchecked Sendable {
    // Safety: written by a job that the reading thread runs.
    var value: Value?
}

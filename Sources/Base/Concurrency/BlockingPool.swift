internal import Synchronization

/// Threads for calls that may block: fsync, cold reads, long hashes, name resolution.
///
/// The caller suspends, a thread of the pool runs the work, and the caller resumes on its own executor.
/// One entry in the queue is one suspended caller, so the queue can never outgrow the callers; a
/// server that would rather refuse than wait asks ``isSaturated`` first.
public final class BlockingPool: Sendable {
    private let name: String
    private let threadsMax: Int
    private let queueMax: Int
    private let queue = WorkQueue<@Sendable () -> Void>()
    private let started = Mutex(0)

    /// - Parameters:
    ///   - name: what its threads are called, with a number behind it.
    ///   - threads: at most so many; they start when there is work for them. About 8 per disk: fsyncs share
    ///     journal commits, so throughput still grows there, and hardly beyond 16.
    ///   - queueMax: from how many waiting callers on ``isSaturated`` is true.
    public init(name: String = "pool", threads: Int = 8, queueMax: Int = 1024) {
        self.name = name
        self.threadsMax = threads
        self.queueMax = queueMax
    }

    deinit {
        queue.close()
    }

    /// Whether so much work waits that new work should be refused.
    public var isSaturated: Bool { queue.count >= queueMax }

    /// Runs `work` on a thread of the pool. It is not interrupted by cancellation.
    public func run<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withUnsafeContinuation { continuation in
            submit {
                do throws(Failure) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    /// Runs `work` on a thread of the pool some time; nobody waits for it.
    public func submit(_ work: @escaping @Sendable () -> Void) {
        if queue.put(work) { return }
        let number = started.withLock { started -> Int? in
            guard started < threadsMax else { return nil }
            started += 1
            return started
        }
        guard let number else { return }
        let thread = WorkerThread.start("\(name)-\(number)") { [queue] in
            while let work = queue.take() { work() }
        }
        thread.detach()
    }
}

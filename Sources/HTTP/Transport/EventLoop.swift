internal import Base
internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread that waits for sockets and runs the tasks that use them.
///
/// It is a `TaskExecutor`: `Task(executorPreference: loop) { … }` and the children of that task run here, one piece at
/// a time, so what belongs to one connection needs no lock. Nothing on a loop may block.
package final class EventLoop: TaskExecutor, @unchecked Sendable {
    // Safety: all stored `var`s but `remote` belong to the loop's thread, see `isCurrent`.
    private let epoll: Int32
    private let wakeup: Int32
    private let remote = Mutex<Remote>(Remote())
    private var thread: WorkerThread?
    private var local: [Work] = []
    private var isStopping = false

    /// Nanoseconds of the monotonic clock, read once per turn of the loop.
    private(set) var now: UInt64 = 0
    private var sockets: [Socket] = []
    /// Sockets closed in this turn: an event of the same batch may still name them.
    private var closed: [Socket] = []
    /// When some socket may have waited too long; looked at again no more often than ``sweepPause``.
    private var nextSweep = UInt64.max
    private var timers = TimerHeap()
    /// What is done at the end of this turn.
    private var ending: [@Sendable () -> Void] = []
    private var slabs: [Slab] = []
    /// What the head being written goes into; see ``HeaderWriter``.
    var writer = HeaderWriter(OutputBuffer(capacity: 1 << 16))
    private var date = DateLine()

    private static let eventsMax = 256
    /// A woken task often wakes the next one; a look at the sockets between each two is a system call.
    private static let localRoundsMax = 8
    private static let sweepPause: UInt64 = 10_000_000
    /// Read buffers kept for the next busy connections.
    private static let slabsMax = 256
    /// Head of the largest size and still as much body behind it.
    static let slabBytes = 32 * 1024

    private enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private struct Remote {
        var work: [Work] = []
        var isStopped = false
    }

    /// Its place among the loops of its group.
    package let number: Int

    package init(name: String, number: Int = 0) {
        self.number = number
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(epoll >= 0 && wakeup >= 0, "no descriptor is left for an event loop")
        var event = epoll_event(
            events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data_t(ptr: nil))
        epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event)
        now = Self.clock()
        thread = WorkerThread.start(name) { [self] in run() }
    }

    deinit {
        close(epoll)
        close(wakeup)
    }

    /// Whether the caller runs on this loop's thread.
    package var isCurrent: Bool { thread?.isCurrent ?? false }

    package func enqueue(_ job: consuming ExecutorJob) {
        add(.job(UnownedJob(job)))
    }

    /// Runs `body` on the loop, after what it does now.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        add(.call(body))
    }

    /// Runs `body` when everything that came in this turn has been looked at, so that what many of them ask for is done
    /// at once; in place where the caller is not on the loop.
    package func atEndOfTurn(_ body: @escaping @Sendable () -> Void) {
        if isCurrent { ending.append(body) } else { body() }
    }

    /// Runs `body` on the loop, wherever the caller is; at once and without suspending when it is there already.
    package func run<Value: Sendable, Failure: Error>(
        _ body: @concurrent @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        if isCurrent { return try await body() }
        return try await withTaskExecutorPreference(self, operation: body)
    }

    /// Suspends the caller for a time; ends early when the task is cancelled.
    ///
    /// - Returns: whether the whole time passed.
    @discardableResult
    package func sleep(nanoseconds: UInt64) async -> Bool {
        await run { () async -> Bool in
            let timer = Timer(deadline: Self.clock() &+ nanoseconds)
            return await withTaskCancellationHandler {
                await withUnsafeContinuation { continuation in
                    timer.continuation = continuation
                    timers.add(timer)
                }
            } onCancel: {
                execute { timer.fire(false) }
            }
        }
    }

    /// Runs `work`, which must heed cancellation, for a bounded time.
    ///
    /// - Returns: what it returned, or `nil` when the time was over first.
    package func within<Value: Sendable>(
        nanoseconds: UInt64, _ work: @escaping @Sendable () async -> Value
    ) async -> Value? {
        await run { () async -> Value? in
            await withTaskGroup(of: Value?.self) { group in
                group.addTask { await work() }
                group.addTask {
                    await self.sleep(nanoseconds: nanoseconds)
                    return nil
                }
                let first = await group.next() ?? nil
                group.cancelAll()
                // Work that ended just as the time did still counts.
                while let next = await group.next() {
                    if first == nil, let next { return next }
                }
                return first
            }
        }
    }

    /// Ends the thread and waits for it. Sockets must have been closed before.
    func stop() {
        guard let thread else { return }
        precondition(!isCurrent, "a loop cannot wait for its own end")
        execute { [self] in isStopping = true }
        thread.join()
    }

    // MARK: The loop

    private func run() {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventsMax) { events in
            while !isStopping { turn(events) }
        }
        finish()
    }

    private func turn(_ events: UnsafeMutableBufferPointer<epoll_event>) {
        let count = epoll_wait(epoll, events.baseAddress, Int32(Self.eventsMax), timeout())
        now = Self.clock()
        for index in 0..<max(0, Int(count)) {
            let event = events[index]
            guard let pointer = event.data.ptr else {
                takeRemote()
                continue
            }
            Unmanaged<Socket>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
                $0.ready(event.events)
            }
        }
        runLocal()
        endTurn()
        if now >= nextSweep { sweep() }
        timers.fire(until: now)
        if !closed.isEmpty { closed.removeAll() }
    }

    /// What is queued, and what that adds in turn; but only so often, so that sockets get their turn.
    private func runLocal() {
        for _ in 0..<Self.localRoundsMax where !local.isEmpty { runRound() }
    }

    private func runRound() {
        let work = local
        local.removeAll(keepingCapacity: true)
        for work in work {
            switch work {
            case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
            case .call(let body): body()
            }
        }
    }

    private func endTurn() {
        guard !ending.isEmpty else { return }
        let bodies = ending
        ending.removeAll(keepingCapacity: true)
        for body in bodies { body() }
    }

    private func timeout() -> Int32 {
        if !local.isEmpty { return 0 }
        let deadline = min(nextSweep, timers.first)
        if deadline == .max { return -1 }
        let now = Self.clock()
        if deadline <= now { return 0 }
        return Int32(min((deadline - now + 999_999) / 1_000_000, 60_000))
    }

    /// The eventfd is read before the queue is taken: work that comes in between writes it again.
    private func takeRemote() {
        var value: UInt64 = 0
        _ = read(wakeup, &value, 8)
        let work = remote.withLock { remote in
            let work = remote.work
            remote.work = []
            return work
        }
        local += work
    }

    private func add(_ work: Work) {
        if isCurrent {
            local.append(work)
            return
        }
        let mustWake = remote.withLock { remote in
            // After the end all sockets are closed, and nobody waits for what would be done now.
            if remote.isStopped { return false }
            remote.work.append(work)
            return remote.work.count == 1
        }
        guard mustWake else { return }
        var one: UInt64 = 1
        _ = write(wakeup, &one, 8)
    }

    /// Runs what was queued before the end, so that no task is lost half-way.
    private func finish() {
        for socket in sockets { socket.close() }
        timers.fire(until: .max)
        while true {
            takeRemote()
            endTurn()
            if local.isEmpty, endRemote() { break }
            runLocal()
        }
        closed.removeAll()
    }

    /// - Returns: false when work came in at the last moment.
    private func endRemote() -> Bool {
        remote.withLock { remote in
            guard remote.work.isEmpty else { return false }
            remote.isStopped = true
            return true
        }
    }

    static func clock() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// Sockets and their deadlines; called on the loop.
extension EventLoop {
    func add(_ socket: Socket) -> Bool {
        let events =
            EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        var event = epoll_event(
            events: events, data: epoll_data_t(ptr: Unmanaged.passUnretained(socket).toOpaque()))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, socket.descriptor, &event) == 0 else { return false }
        socket.slot = sockets.count
        sockets.append(socket)
        return true
    }

    func remove(_ socket: Socket) {
        guard socket.slot >= 0 else { return }
        // Closing the descriptor is not enough: a `StreamWriter` has another one for the same connection, for whose sake
        // the kernel would go on sending events, with a pointer to memory that is somebody else's by then.
        epoll_ctl(epoll, EPOLL_CTL_DEL, socket.descriptor, nil)
        closed.append(socket)
        let last = sockets.removeLast()
        if last !== socket {
            sockets[socket.slot] = last
            last.slot = socket.slot
        }
        socket.slot = -1
    }

    /// Makes sure that somebody looks when `deadline` is over. Moving a deadline back costs nothing: the sweep finds
    /// the socket in time and asks again.
    @inline(__always)
    func note(deadline: UInt64) {
        if deadline < nextSweep { nextSweep = deadline }
    }

    private func sweep() {
        nextSweep = .max
        var earliest = UInt64.max
        var late: [Socket] = []
        for socket in sockets {
            let deadline = min(socket.readDeadline, socket.writeDeadline)
            if deadline <= now { late.append(socket) } else { earliest = min(earliest, deadline) }
        }
        for socket in late { socket.expire(now) }
        if earliest < .max { note(deadline: max(earliest, now + Self.sweepPause)) }
    }

    func takeSlab() -> Slab {
        slabs.popLast() ?? Slab(capacity: Self.slabBytes)
    }

    /// Takes a read buffer back, unless a head that someone keeps still points into it.
    func recycle(_ slab: consuming Slab) {
        var slab = slab
        guard slabs.count < Self.slabsMax, isKnownUniquelyReferenced(&slab) else { return }
        slabs.append(slab)
    }

    /// Writes the `Date` line of this second.
    func appendDate() {
        date.append(to: &writer.output)
    }

    /// A copy: closing one changes the original.
    var openSockets: [Socket] { sockets }
}

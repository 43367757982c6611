import Synchronization

/// Runs one member: a thin shell that feeds a `Pipeline` and carries out its actions.
///
/// It owns no thread. `executors` bring two: one for the pipeline, which never blocks, and one for
/// storage, which does nothing but block. Whoever owns the driver calls `tick` every
/// `DriverLimits.tickNanoseconds`; everything else wakes the pipeline directly. Ticks that come
/// late are not caught up: a member that was paused must not fire its timers in a burst.
public final class Driver<Storage: LogStorage, Wire: Transport>: Sendable
where Storage.Machine: Sendable, Storage: Sendable, Wire: Sendable {
    public typealias Machine = Storage.Machine
    public typealias Outcome = ProposalOutcome<Machine.Outcome>

    /// What is told, in order, on the pipeline's thread; it must be quick.
    public enum Notice: Sendable {
        /// These entries were applied; `state` is the state after them.
        case applied([Entry], state: Machine.Image, at: Position)
        /// A snapshot has replaced the state.
        case restored(state: Machine.Image, at: Position)
        /// Role, term or leader changed.
        case changed(DriverStatus)
        /// The log lacks what this member has promised, up to here; `nil`: it has it again.
        case recovering(until: LogMark?)
        /// A follower has lost what it had confirmed to this leader.
        case forgotten(MemberID, promised: Index, last: Index)
        /// The state of another member differs from the one here.
        case diverged(MemberID, StateDigests.Difference)
        /// The state here is not to be shown before it is known who is right; `nil`: it is known.
        case doubted(Index?)
        /// The state here is not to be shown; `nil`: it has been replaced.
        case quarantined(StateDigests.Difference?)
        /// The member has met what it cannot read; `nil`: a state beyond it has come.
        case unreadable(Unreadable?)
        /// The member has become short of space, or has room again.
        case space(StorageSpace)
        /// Something that storage holds is damaged; the member mends it.
        case damaged(String)
        case repaired(String)
        case superseded(by: Generation)
        case removed
        case stopped(StopReason)
    }

    /// Runs jobs. `pipeline` may be anything that runs every job soon, even in place; `storage`
    /// must run them one after another on a thread that may block. `conversion` runs long computations
    /// (snapshots to bytes and back), best where neither of the others has to wait for them. `gathering` runs every job as
    /// soon as the requests of clients that have come together have been looked at, even in place.
    public struct Executors: Sendable {
        public typealias Executor = @Sendable (@escaping @Sendable () -> Void) -> Void
        public var pipeline: Executor
        public var storage: Executor
        public var conversion: Executor
        public var gathering: Executor
        /// Called when ``Driver/announcementDue()`` is wanted after ``DriverLimits/announcementNanoseconds``.
        public var planAnnouncement: @Sendable () -> Void

        /// Without `conversion`, the storage thread does it, and writes wait meanwhile. Without `planAnnouncement`,
        /// followers wait for a heartbeat where ``Limits/defersCommit`` is set.
        public init(
            pipeline: @escaping Executor, storage: @escaping Executor, conversion: Executor? = nil,
            gathering: @escaping Executor = { $0() },
            planAnnouncement: @escaping @Sendable () -> Void = {}
        ) {
            self.pipeline = pipeline
            self.storage = storage
            self.conversion = conversion ?? storage
            self.gathering = gathering
            self.planAnnouncement = planAnnouncement
        }
    }

    struct TransferWaiter: Sendable {
        var continuation: CheckedContinuation<TransferResult, Never>
        var bound: TermMark?

        /// Whether this is what became of it.
        func isEnded(by result: TransferResult) -> Bool {
            guard case .refused(.otherTerm(let term)) = result else { return true }
            return bound == term
        }
    }

    struct Inbox: Sendable {
        var events: [PipelineEvent<Machine>] = []
        /// A run of the pipeline is under way or about to begin.
        var isScheduled = false
        /// Somebody will look at it as soon as what comes now has come.
        var isGathering = false
        var isStopped = false
        var proposals = 0
        var proposalBytes = 0
        var messages = 0
        var nextToken: UInt64
        var proposalWaiters: [ProposalToken: CheckedContinuation<Outcome, Never>] = [:]
        var readWaiters: [ReadToken: CheckedContinuation<ReadOutcome, Never>] = [:]
        /// Those who ask for the same target wait together.
        var transferWaiters: [MemberID: [TransferWaiter]] = [:]
        var recoveryWaiters: [ProposalToken: CheckedContinuation<RecoveryOutcome, Never>] = [:]
        /// A tick waits to be looked at; those that come meanwhile are dropped, because time that was
        /// lost is not caught up.
        var hasTick = false
        var stopWaiters: [CheckedContinuation<StopReason, Never>] = []
        var stopReason: StopReason?

        /// - Returns: whether a run has to be started.
        mutating func schedule() -> Bool {
            guard !isScheduled, !events.isEmpty else { return false }
            isScheduled = true
            return true
        }

        mutating func takeToken() -> UInt64 {
            nextToken &+= 1
            return nextToken
        }
    }

    public let id: MemberID
    let limits: DriverLimits
    let executors: Executors
    private let wire: Wire
    let clock: @Sendable () -> UInt64
    private let observe: @Sendable (Notice) -> Void
    let inbox: Mutex<Inbox>
    let pipeline: Mutex<Pipeline<Machine>>
    private let storage: Mutex<Storage>

    /// Loads what storage has, and starts from there. Blocks; call it where blocking is allowed.
    ///
    /// `machine` is the state machine before the first entry. `seed` comes from the system's random
    /// source; it decides election timeouts and tokens. `clock` is the wall clock, nanoseconds
    /// since 1970; it stamps entries and decides nothing. `observe` is told what happens.
    ///
    /// - Throws: when storage cannot be trusted.
    public init(
        id: MemberID, storage: consuming Storage, machine: Machine, wire: Wire,
        executors: Executors, limits: Limits = Limits(),
        driverLimits: DriverLimits = DriverLimits(), seed: UInt64,
        clock: @escaping @Sendable () -> UInt64,
        observe: @escaping @Sendable (Notice) -> Void
    ) throws {
        let recovered = try storage.load()
        var pipeline = try Pipeline(
            id: id, recovered: recovered, machine: machine, limits: limits,
            driverLimits: driverLimits, seed: seed)
        self.id = id
        self.limits = driverLimits
        self.executors = executors
        self.wire = wire
        self.clock = clock
        self.observe = observe
        var random = Random(seed: ~seed)
        inbox = Mutex(Inbox(nextToken: random.next()))
        // Whoever made the driver asks for the first status.
        _ = pipeline.takeNews()
        self.pipeline = Mutex(pipeline)
        self.storage = Mutex(storage)
    }

    // MARK: running

    /// Changes the inbox, and sees to it that the pipeline looks at it.
    func post<Value>(_ change: (inout Inbox) -> Value) -> Value {
        let (value, mustSchedule) = inbox.withLock { inbox in
            (change(&inbox), inbox.schedule())
        }
        if mustSchedule { executors.pipeline { self.drain() } }
        return value
    }

    /// The same for a request of a client: those that come together are one input, one message and one flush.
    func gather<Value>(_ change: (inout Inbox) -> Value) -> Value {
        let (value, mustGather) = inbox.withLock { inbox in
            let value = change(&inbox)
            guard !inbox.isScheduled, !inbox.isGathering, !inbox.events.isEmpty else {
                return (value, false)
            }
            inbox.isGathering = true
            return (value, true)
        }
        if mustGather {
            executors.gathering {
                self.post { $0.isGathering = false }
            }
        }
        return value
    }

    /// Runs the pipeline until the inbox is empty; `isScheduled` sees to it that only one does.
    private func drain() {
        while true {
            let events = inbox.withLock { inbox in
                defer {
                    inbox.events = []
                    inbox.proposals = 0
                    inbox.proposalBytes = 0
                    inbox.messages = 0
                    inbox.hasTick = false
                }
                if inbox.events.isEmpty { inbox.isScheduled = false }
                return inbox.events
            }
            if events.isEmpty { return }
            let (actions, news) = pipeline.withLock { pipeline in
                let actions = pipeline.handle(events, time: clock())
                return (actions, pipeline.takeNews())
            }
            for action in actions { carryOut(action) }
            if let news { observe(.changed(news)) }
        }
    }

    private func carryOut(_ action: PipelineAction<Machine>) {
        switch action {
        case .send(let envelope): wire.send(envelope)
        case .store(let job): executors.storage { self.run(job) }
        case .convert(let job):
            executors.conversion {
                let result = job.run()
                self.post { $0.events.append(.converted(result)) }
            }
        case .announceLater: executors.planAnnouncement()
        case .answer(let token, let outcome):
            inbox.withLock { $0.proposalWaiters.removeValue(forKey: token) }?
                .resume(returning: outcome)
        case .answerRead(let token, let outcome):
            inbox.withLock { $0.readWaiters.removeValue(forKey: token) }?
                .resume(returning: outcome)
        case .answerRecovery(let token, let outcome):
            inbox.withLock { $0.recoveryWaiters.removeValue(forKey: token) }?
                .resume(returning: outcome)
        case .transferEnded(let target, let result):
            let waiters = inbox.withLock { inbox in
                let all = inbox.transferWaiters.removeValue(forKey: target) ?? []
                let rest = all.filter { !$0.isEnded(by: result) }
                if !rest.isEmpty { inbox.transferWaiters[target] = rest }
                return all.filter { $0.isEnded(by: result) }
            }
            for waiter in waiters { waiter.continuation.resume(returning: result) }
        case .applied(let entries, let state, let position):
            observe(.applied(entries, state: state, at: position))
        case .restored(let state, let position): observe(.restored(state: state, at: position))
        case .recovering(let floor): observe(.recovering(until: floor))
        case .forgotten(let member, let promised, let last):
            observe(.forgotten(member, promised: promised, last: last))
        case .diverged(let member, let difference): observe(.diverged(member, difference))
        case .doubted(let index): observe(.doubted(index))
        case .quarantined(let difference): observe(.quarantined(difference))
        case .unreadable(let found): observe(.unreadable(found))
        case .space(let space): observe(.space(space))
        case .damaged(let damage): observe(.damaged(damage))
        case .repaired(let damage): observe(.repaired(damage))
        case .superseded(let generation): observe(.superseded(by: generation))
        case .removed: observe(.removed)
        case .stopped(let reason): stopped(reason)
        }
    }

    /// Reads what storage keeps beside the log, between two writes; every write waits for it, so it is to be short.
    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Storage) -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            executors.storage { [self] in
                continuation.resume(returning: storage.withLock { body($0) })
            }
        }
    }

    private func run(_ job: StorageJob<Machine>) {
        let result = storage.withLock { job.run(on: &$0) }
        post { $0.events.append(.stored(result)) }
        storage.withLock { $0.tidy() }
    }

    private func stopped(_ reason: StopReason) {
        let (stops, transfers) = inbox.withLock { inbox in
            defer {
                inbox.stopWaiters = []
                inbox.transferWaiters = [:]
            }
            inbox.isStopped = true
            inbox.stopReason = reason
            return (inbox.stopWaiters, inbox.transferWaiters.values.flatMap(\.self))
        }
        observe(.stopped(reason))
        for waiter in transfers { waiter.continuation.resume(returning: .leadershipLost) }
        for waiter in stops { waiter.resume(returning: reason) }
    }
}

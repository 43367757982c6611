import Consensus

/// A group of members, their clients and an operator, under virtual time.
package struct World<Case: Subject> {
    typealias Machine = Case.Storage.Machine

    /// What happens next somewhere.
    enum Event {
        case tick(MemberID, life: Int)
        case deliver(Envelope)
        /// The job reaches the disk.
        case durable(MemberID, life: Int)
        /// The member hears that it has.
        indirect case stored(MemberID, life: Int, StorageResult<Machine>)
        case client(Int)
        case fault(FaultClass)
        case restart(MemberID, life: Int)
        case resume(MemberID, life: Int)
    }

    enum FaultClass: Int, CaseIterable {
        case crash, crashAll, pause, partition, oneWay, stall, transfer, membership, replay
    }

    /// A class, so that logs and states are changed in place and never copied.
    final class Member {
        var pipeline: Pipeline<Machine>?
        /// The storage under test; `nil` when that is the model itself.
        var storage: Case.Storage?
        /// What storage must hold.
        var model: MemoryStorage<Machine>
        /// Counts starts: events of an earlier life are void.
        var life = 0
        var job: StorageJob<Machine>?
        var isPaused = false
        var missed: [PipelineEvent<Machine>] = []
        var isUp: Bool { pipeline != nil }
        var stalledUntil: UInt64 = 0
        /// What was last seen, for what may only grow.
        var hardState = HardState.initial
        var commit = Index.zero
        var applied = Index.zero
        var ledTerm = Term.zero
        var ledLast = Index.zero
        /// Nanoseconds by which its clock is off.
        let skew: UInt64

        init(storage: Case.Storage?, model: MemoryStorage<Machine>, skew: UInt64) {
            self.storage = storage
            self.model = model
            self.skew = skew
        }
    }

    package let seed: UInt64
    let faults: Faults
    let defect: Defect?
    var random: Random
    var agenda = Agenda<Event>()
    package internal(set) var now: UInt64 = 1
    package internal(set) var steps = 0
    /// Member `n` is at place `n - 1`.
    var group: [Member] = []
    var ids: [MemberID] = []
    /// Links that are cut, and until when.
    var cuts: [Link: UInt64] = [:]
    /// The last messages sent, in a ring.
    var recent: [Envelope] = []
    var recentOldest = 0
    /// The last heartbeat round each member began; only a planted defect needs it.
    var newestRound: [MemberID: UInt64] = [:]
    var clients: [Client] = []
    var pending: [UInt64: Request] = [:]
    var nextToken: UInt64 = 0
    var nextName: UInt64 = 0
    var oracle = Oracle()
    var isHealing = false
    var acknowledgedAtHealing = 0
    var readsAtHealing = 0
    /// IN-07 was checked up to here.
    var heldUpTo = Index.zero
    /// In the last phase: names known to exist, or not to.
    var expected: [UInt64: Bool] = [:]
    package internal(set) var counts = Counts()
    package internal(set) var trace: [String] = []
    let isTracing: Bool

    struct Link: Hashable {
        var from: MemberID
        var to: MemberID
    }

    /// What happened in a run, for coverage and for speed.
    package struct Counts: Hashable, Sendable {
        package var acknowledged = 0
        package var refused = 0
        package var unknown = 0
        package var reads = 0
        package var elections = 0
        package var crashes = 0
        package var snapshots = 0
        package var transfers = 0
        package var changes = 0
    }

    package init(seed: UInt64, faults: Faults, defect: Defect? = nil, isTracing: Bool = false)
        throws
    {
        self.seed = seed
        self.faults = faults
        self.defect = defect
        self.isTracing = isTracing
        random = Random(seed: seed)
        ids = (1...UInt64(faults.voters)).map(MemberID.init)
        for id in ids {
            try found(id)
            start(id)
        }
        for ordinal in 0..<faults.clients {
            clients.append(Client())
            agenda.plan(.client(ordinal), at: now + spread(Faults.second))
        }
        for fault in FaultClass.allCases { planNext(fault) }
        note("seed \(seed): \(faults.text)")
    }

    /// Runs faults for `seconds`, then heals and demands progress.
    ///
    /// - Returns: what was violated; `nil` when nothing was.
    package mutating func run(seconds: UInt64) -> String? {
        runUntil(now + seconds * Faults.second)
        heal()
        runUntil(now + Self.settling)
        return checkHealed()
    }

    /// How long a healed group may take: 10 of the longest election timeouts, and the driver's
    /// patience with requests that were under way.
    static var settling: UInt64 { 15 * Faults.second }

    private mutating func runUntil(_ end: UInt64) {
        while oracle.violation == nil {
            guard let due = agenda.nextTime, due <= end, let (time, event) = agenda.next() else {
                now = end
                return
            }
            now = time
            steps += 1
            handle(event)
        }
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .tick(let id, let life):
            guard isCurrent(id, life) else { return }
            let drift = UInt64(random.next(in: 0...2_000_000))
            agenda.plan(.tick(id, life: life), at: now + 24_000_000 + drift)
            if !member(id).isPaused { feed(id, [.tick(time: clock(of: id))]) }
        case .deliver(let envelope): deliver(envelope)
        case .durable(let id, let life): if isCurrent(id, life) { makeDurable(id) }
        case .stored(let id, let life, let result):
            if isCurrent(id, life) { feed(id, [.stored(result)]) }
        case .client(let ordinal): act(ordinal)
        case .fault(let fault): strike(fault)
        case .restart(let id, let life):
            if member(id).life == life, !member(id).isUp { start(id) }
        case .resume(let id, let life): if isCurrent(id, life) { resume(id) }
        }
    }

    func member(_ id: MemberID) -> Member { group[Int(id.rawValue) - 1] }

    func isCurrent(_ id: MemberID, _ life: Int) -> Bool {
        let member = member(id)
        return member.life == life && member.isUp
    }

    mutating func spread(_ span: UInt64) -> UInt64 { span == 0 ? 0 : random.next() % span }

    func clock(of id: MemberID) -> UInt64 { now + member(id).skew }

    /// One line of the trace.
    mutating func note(_ line: @autoclosure () -> String) {
        guard isTracing else { return }
        trace.append("\(now / 1_000) \(line())")
    }
}

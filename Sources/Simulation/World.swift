import Consensus

/// A group of members, their clients and an operator, under virtual time.
struct World<Case: Subject> {
    typealias Machine = Case.Machine

    /// What happens next somewhere.
    enum Event {
        case tick(MemberID, life: Int)
        case deliver(Envelope)
        /// The job reaches the disk.
        case durable(MemberID, life: Int)
        /// The member hears that it has.
        indirect case stored(MemberID, life: Int, StorageResult<Machine>)
        /// A conversion is done.
        indirect case converted(MemberID, life: Int, ConversionJob<Machine>)
        case announce(MemberID, life: Int)
        /// A member learns that nobody listens where another did.
        case gone(MemberID, life: Int, MemberID)
        case client(Int)
        /// A request that was long under way reaches its member.
        case arrive(MemberID, life: Int, UInt64, [UInt8], TermMark)
        case fault(Int)
        case restart(MemberID, life: Int)
        case resume(MemberID, life: Int)
        case release(Link)
        /// A disk that was full may have room again.
        case emptied(MemberID)
        /// A clone's clock.
        case cloneTick(Int)
        indirect case operate(OperatorStep)
    }

    /// A class, so that logs and states are changed in place and never copied.
    final class Member {
        var pipeline: Pipeline<Machine>?
        /// The storage under test; `nil` when that is the model itself.
        var storage: Case.Storage?
        /// What storage must hold.
        var model: MemoryStorage<Machine>
        /// A batch that a crash interrupted: storage may hold it or not.
        var interrupted: WriteBatch<Machine>?
        /// Counts starts: events of an earlier life are void.
        var life = 0
        var job: StorageJob<Machine>?
        var isPaused = false
        /// Its disk is gone; it never comes back.
        var isWiped = false
        var failsNextFlush = false
        /// Its disk has forgotten something since it went down.
        var hasForgotten = false
        /// What its disk had before that.
        var forgotten: MemoryStorage<Machine>?
        /// Term and vote when it last came back from that: a vote that was given before may be said again.
        var rememberedVote: HardState?
        /// Its state was changed behind its back, and not replaced since.
        var isDisturbed = false
        /// Whether it ever was: a backup of it may be wrong as well.
        var wasDisturbed = false
        /// Whether it still has a state from before that, which a majority has confirmed.
        var canFindOut = false
        /// Its state is wrong, and nothing it has leads to the right one. Who is alone with that when a forced recovery is done goes on
        /// with it.
        var isLost: Bool { isDisturbed && !canFindOut }
        /// It was to go on alone with that.
        var isStranded = false
        /// Another voter is lost as soon as it knows.
        var takesOneAlong = false
        /// Whether its state is wrong, and it may not know that after a restart.
        var isDeceived: Bool { isDisturbed && model.stateWrongFrom == nil }
        /// What storage held when the member started last.
        var backup: MemoryStorage<Machine>?
        /// What it held before the end of its log was replaced last.
        var replaced: MemoryStorage<Machine>?
        var missed: [PipelineEvent<Machine>] = []
        var isUp: Bool { pipeline != nil }
        var stalledUntil: UInt64 = 0
        /// Until when its disk is full, how much is left of it nevertheless, and what it had when it said so.
        var fullUntil: UInt64 = 0
        var left = 0
        /// A write was refused since it started last.
        var lacksRoom = false
        var stoodBack: Pipeline<Machine>.Glance?
        /// The generation it is in, and the place of that in the oracle's books.
        var generation = Generation.none
        var era = 0
        /// It has seen a higher generation (FS-05).
        var isSuperseded = false
        /// What was last seen, for what may only grow.
        var hardState = HardState.initial
        var commit = Index.zero
        var applied = Index.zero
        /// Every vote that its disk had.
        var votes: [Ballot: MemberID] = [:]
        /// The end of its log was replaced, and what is in force since is not looked at yet.
        var wasCut = false
        var ledTerm = Term.zero
        var ledLast = Index.zero
        /// Nanoseconds by which its wall clock is off (TM-01).
        var skew: UInt64
        /// Nanoseconds between its ticks.
        let tick: UInt64

        init(
            storage: Case.Storage?, model: MemoryStorage<Machine>, skew: UInt64, tick: UInt64
        ) {
            self.storage = storage
            self.model = model
            self.skew = skew
            self.tick = tick
        }
    }

    struct Ballot: Hashable {
        var generation: Generation
        var term: Term
    }

    struct Link: Hashable {
        var from: MemberID
        var to: MemberID
    }

    let plan: Plan
    let conditions: Conditions
    let limits: Limits
    let driverLimits: DriverLimits
    let generation: Generation
    let defect: Defect?
    let isTracing: Bool
    var random: Random
    var agenda = Agenda<Event>()
    var now: UInt64 = 1
    var steps = 0
    /// Member `n` is at place `n - 1`.
    var group: [Member] = []
    var ids: [MemberID] = []
    /// Links that are cut, and until when.
    var cuts: [Link: UInt64] = [:]
    /// Members with slow links: until when, and how slow; and when what waits at a link is out.
    var throttles: [MemberID: (until: UInt64, bytesPerSecond: UInt64)] = [:]
    var linkFree: [Link: UInt64] = [:]
    /// When each member last took part in a round of heartbeats.
    var lastRound: [MemberID: UInt64] = [:]
    /// Links whose messages wait.
    var held: [Link: [Envelope]] = [:]
    /// The last messages sent, those that are rare by themselves.
    var recent = Ring<Envelope>(size: 512)
    var recentRare = Ring<Envelope>(size: 64)
    let remembersMessages: Bool
    var clients: [Client] = []
    var pending: [UInt64: Request] = [:]
    var nextToken: UInt64 = 0
    /// Names below this one are shared.
    var nextName = UInt64(sharedNames) + 1
    /// Of the shared names, by generation.
    var histories = [[NameHistory](repeating: NameHistory(), count: sharedNames)]
    var isPrepared = false
    var sessions = SessionOracle()
    var clones: [Clone] = []
    /// Where that was committed; a survivor has it, or the cluster was never founded.
    var preparedAt = Index.zero
    var quietUntil: UInt64 = 0
    var lastWipe: UInt64 = 0
    var oracle: Oracle
    /// By generation.
    var references: [Reference<Machine>] = []
    /// Members were given up: after the faults, the operator looks whether a majority is left.
    var hasDisaster = false
    /// Recoveries and adoptions that were asked for, by token.
    var operations: [UInt64: Forcing] = [:]
    var isHealing = false
    /// Members that stay down for good.
    var goners: Set<MemberID> = []
    var acknowledgedAtHealing = 0
    var readsAtHealing = 0
    /// Names that one client alone uses, and that no recovery has put in doubt: whether they exist, in which generation.
    var expected: [UInt64: (exists: Bool, era: Int)] = [:]
    /// Bound writes whose end is not known, by token.
    var doubts: [UInt64: Doubt] = [:]
    var counts = Counts()
    var coverage = Coverage()
    var trace: [String] = []

    init(_ plan: Plan, defect: Defect?, isTracing: Bool) throws {
        self.plan = plan
        conditions = plan.conditions
        limits = plan.conditions.limits
        var driverLimits = plan.conditions.driverLimits
        if Self.hasFullDisks(plan) { driverLimits.spaceTicks = 8 }
        self.driverLimits = driverLimits
        generation = Generation(counter: 1, nonce: plan.seed)
        oracle = Oracle(generation)
        self.defect = defect
        self.isTracing = isTracing
        random = Random(seed: plan.seed)
        remembersMessages = plan.events.contains { $0.kind == .replay || $0.kind == .forget }
        isPrepared = Case.preparation(generation: generation) == nil
        let voters = (1...UInt64(conditions.voters)).map(MemberID.init)
        for id in voters { try add(id, founding: voters) }
        for _ in 0..<conditions.spares { try add(MemberID(UInt64(ids.count) + 1), founding: []) }
        for ordinal in 0..<conditions.clients {
            clients.append(Client())
            agenda.plan(.client(ordinal), at: now + spread(Plan.second))
        }
        for (ordinal, event) in plan.events.enumerated() {
            agenda.plan(.fault(ordinal), at: now + event.time)
        }
        note("seed \(plan.seed): \(plan.summary)")
    }

    /// Runs the faults, then heals and demands progress, then rests and demands agreement.
    ///
    /// - Returns: what was violated; `nil` when nothing was.
    mutating func run() -> Violation? {
        runUntil(now + UInt64(plan.seconds) * Plan.second)
        heal()
        runUntil(now + settling)
        askForProgress()
        quietUntil = .max
        runUntil(now + Self.resting)
        checkHealed()
        describe()
        return oracle.violation.map { Violation(text: $0, time: now) }
    }

    /// The last lines of the trace: where everybody stands.
    private mutating func describe() {
        for id in ids {
            guard let replica = member(id).pipeline?.replica else {
                note("\(id) is down")
                continue
            }
            note(
                "\(id) is \(replica.roleName) in term \(replica.term), commit \(replica.commit) of "
                    + "\(replica.lastMark), configuration \(replica.configuration)")
        }
    }

    /// Ten of the longest election timeouts, and the driver's patience with requests under way.
    private var settling: UInt64 { (hasDisaster ? 24 : 12) * Plan.second }
    /// Some fifty times what a busy run takes.
    static var stepsMax: Int { 4_000_000 }
    /// How long a group without requests may take until all members have the same.
    static var resting: UInt64 { 4 * Plan.second }

    private mutating func runUntil(_ end: UInt64) {
        while oracle.violation == nil {
            guard let due = agenda.nextTime, due <= end, let (time, event) = agenda.next() else {
                now = end
                return
            }
            now = time
            steps += 1
            if steps > Self.stepsMax { oracle.fail("IN-15: the group does not come to rest") }
            handle(event)
        }
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .tick(let id, let life):
            guard isCurrent(id, life) else { return }
            let drift = UInt64(random.next(in: 0...2_000_000))
            agenda.plan(.tick(id, life: life), at: now + member(id).tick + drift)
            if !member(id).isPaused { feed(id, .tick(time: clock(of: id))) }
        case .deliver(let envelope): deliver(envelope)
        case .durable(let id, let life): if isCurrent(id, life) { makeDurable(id) }
        case .stored(let id, let life, let result):
            if isCurrent(id, life) { feed(id, .stored(result)) }
        case .converted(let id, let life, let job):
            if isCurrent(id, life) { feed(id, .converted(job.run())) }
        case .announce(let id, let life):
            if isCurrent(id, life) { feed(id, .announcementDue) }
        case .gone(let id, let life, let other):
            if isCurrent(id, life) { feed(id, .gone(other)) }
        case .client(let ordinal): act(ordinal)
        case .arrive(let id, let life, let token, let payload, let bound):
            if isCurrent(id, life) { arrive(token, payload, at: id, bound: bound) }
        case .fault(let ordinal): if !isHealing { strike(plan.events[ordinal]) }
        case .restart(let id, let life):
            if member(id).life == life, !member(id).isUp { start(id) }
        case .resume(let id, let life): if isCurrent(id, life) { resume(id) }
        case .release(let link): release(link)
        case .emptied(let id): makeRoom(id)
        case .cloneTick(let place): tick(clone: place)
        case .operate(let step): operate(step)
        }
    }

    func member(_ id: MemberID) -> Member { group[Int(id.rawValue) - 1] }

    func isCurrent(_ id: MemberID, _ life: Int) -> Bool {
        let member = member(id)
        return member.life == life && member.isUp
    }

    mutating func spread(_ span: UInt64) -> UInt64 { span == 0 ? 0 : random.next() % span }

    mutating func anyone() -> MemberID { ids[random.next(in: 0...ids.count - 1)] }

    func clock(of id: MemberID) -> UInt64 { now + member(id).skew }

    /// One line of the trace.
    mutating func note(_ line: @autoclosure () -> String) {
        guard isTracing else { return }
        trace.append("\(now / 1_000) \(line())")
    }
}

/// Names that all clients use.
let sharedNames = 3

/// What was broken, and when.
package struct Violation: Hashable, Sendable {
    package var text: String
    package var time: UInt64
}

/// What happened in a run, for reports.
package struct Counts: Hashable, Sendable {
    package var acknowledged = 0
    package var refused = 0
    package var unknown = 0
    package var reads = 0
    package var elections = 0
    package var crashes = 0
    package var snapshots = 0
    package var undecided = 0
    /// Writes whose end was found out by looking.
    package var lookups = 0
    /// Generations that were begun, and acknowledged writes that are no part of the last one.
    package var recoveries = 0
    package var lost = 0

    package init() {}

    package static func += (left: inout Counts, right: Counts) {
        left.acknowledged += right.acknowledged
        left.refused += right.refused
        left.unknown += right.unknown
        left.reads += right.reads
        left.elections += right.elections
        left.crashes += right.crashes
        left.snapshots += right.snapshots
        left.undecided += right.undecided
        left.lookups += right.lookups
        left.recoveries += right.recoveries
        left.lost += right.lost
    }
}

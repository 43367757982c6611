@testable import Consensus

/// Members that run the production pipeline over storage in memory; every delivery, flush and tick is
/// made by the test.
struct Group {
    struct Member {
        var pipeline: Pipeline<Ledger>?
        var storage: MemoryStorage<Ledger>
        var job: StorageJob<Ledger>?
        var conversions: [ConversionJob<Ledger>] = []
        var outcomes: [ProposalToken: [ProposalOutcome<Ledger.Outcome>]] = [:]
        var reads: [ReadToken: [ReadOutcome]] = [:]
        var transfers: [TransferResult] = []
        var recoveries: [ProposalToken: [RecoveryOutcome]] = [:]
        var stopped: StopReason?
        var floors: [LogMark?] = []
        var forgetful: [MemberID] = []
        var damages: [String] = []
        var spaces: [Bool] = []
        /// The entries that it could not read, and `nil` for each time that it was over.
        var unreadable: [Index?] = []
        /// What its storage says of its room, when it looks.
        var room: StorageSpace?
        var repairs = 0
        var diverged: [MemberID] = []
        var quarantines: [StateDigests.Difference?] = []
        var doubts: [Index?] = []
        var starts: UInt64 = 0
        var isDiskStuck = false
        var owesAnnouncement = false
        /// The last position that observers were told of, and proposals that were answered before that.
        var told = Index.zero
        var answeredEarly = 0
    }

    static let generation = Generation(counter: 1, nonce: 7)

    var members: [MemberID: Member] = [:]
    /// Messages on their way, oldest first.
    var wire: [Envelope] = []
    /// Everything that was ever put on the wire, until somebody clears it.
    var heard: [Envelope] = []
    /// Messages for which this is true are lost.
    var loses: (Envelope) -> Bool = { _ in false }
    /// Members of a later version, from their next start on.
    var later: Set<UInt64> = []
    var limits = Limits()
    var driverLimits = DriverLimits()
    var time: UInt64 = 1_000
    var nextToken: UInt64 = 0

    /// Voters 1... that have never elected anyone, with learners after them.
    init(
        voters: Int, learners: Int = 0, limits: Limits = Limits(),
        driverLimits: DriverLimits = DriverLimits()
    ) {
        self.limits = limits
        self.driverLimits = driverLimits
        let ids = (1...UInt64(voters + learners)).map(MemberID.init)
        let configuration = Configuration(
            voters: Array(ids.prefix(voters)), learners: Array(ids.dropFirst(voters)))
        for id in ids {
            var storage = Ledger.storage()
            storage.write(
                WriteBatch(
                    sequence: .zero,
                    hardState: HardState(generation: Self.generation, term: .zero, vote: nil),
                    base: LogBase(mark: .zero, time: 0, configuration: configuration)))
            members[id] = Member(storage: storage)
            start(id)
        }
    }

    var ids: [MemberID] { members.keys.sorted() }

    subscript(_ id: MemberID) -> Pipeline<Ledger> {
        guard let pipeline = members[id]?.pipeline else { fatalError("\(id) is down") }
        return pipeline
    }

    subscript(_ id: UInt64) -> Pipeline<Ledger> { self[MemberID(id)] }

    /// Adds a member that has nothing and belongs to no cluster.
    mutating func addBlank(_ id: UInt64) {
        members[MemberID(id)] = Member(storage: Ledger.storage())
        start(MemberID(id))
    }

    mutating func start(_ id: MemberID) {
        guard var member = members[id] else { return }
        member.starts += 1
        do {
            member.pipeline = try Pipeline(
                id: id, recovered: member.storage.load(),
                machine: Ledger(isLater: later.contains(id.rawValue)), limits: limits,
                driverLimits: driverLimits, seed: id.rawValue &* 1_000 &+ member.starts)
        } catch {
            fatalError("\(id) does not start: \(error)")
        }
        members[id] = member
    }

    /// Everything not flushed is gone.
    mutating func crash(_ id: UInt64) {
        members[MemberID(id)]?.pipeline = nil
        members[MemberID(id)]?.job = nil
        members[MemberID(id)]?.conversions = []
    }

    mutating func restart(_ id: UInt64) {
        crash(id)
        start(MemberID(id))
    }

    /// A defect of memory: a line that nobody wrote.
    mutating func disturb(_ id: UInt64) {
        members[MemberID(id)]?.pipeline?.disturb { machine in
            let entry = Entry(
                index: Index(999), term: Term(1), time: 0, kind: .command,
                payload: Array("nobody wrote this".utf8))
            _ = try? machine.apply(entry)
        }
    }

    // MARK: steps

    mutating func feed(_ id: MemberID, _ events: [PipelineEvent<Ledger>]) {
        guard var member = members[id], var pipeline = member.pipeline else { return }
        member.pipeline = nil
        let actions = pipeline.handle(events, time: time)
        member.pipeline = pipeline
        for action in actions {
            switch action {
            case .send(let envelope):
                wire.append(envelope)
                heard.append(envelope)
            case .store(let job):
                precondition(member.job == nil, "two storage jobs at once")
                member.job = job
            case .convert(let job): member.conversions.append(job)
            case .announceLater: member.owesAnnouncement = true
            case .answer(let token, let outcome):
                if case .applied(let position, _) = outcome, position.index > member.told {
                    member.answeredEarly += 1
                }
                member.outcomes[token, default: []].append(outcome)
            case .answerRead(let token, let outcome):
                member.reads[token, default: []].append(outcome)
            case .answerRecovery(let token, let outcome):
                member.recoveries[token, default: []].append(outcome)
            case .transferEnded(_, let result): member.transfers.append(result)
            case .stopped(let reason): member.stopped = reason
            case .applied(_, _, let position): member.told = position.index
            case .restored(_, let position): member.told = position.index
            case .recovering(let floor): member.floors.append(floor)
            case .diverged(let other, _): member.diverged.append(other)
            case .quarantined(let difference): member.quarantines.append(difference)
            case .doubted(let index): member.doubts.append(index)
            case .unreadable(let found): member.unreadable.append(found?.mark.index)
            case .space(let space): member.spaces.append(space.isShort)
            case .damaged(let damage): member.damages.append(damage)
            case .repaired: member.repairs += 1
            case .forgotten(let follower, _, _): member.forgetful.append(follower)
            case .superseded, .removed: break
            }
        }
        members[id] = member
    }

    /// Carries out the waiting storage job; `false` when there is none.
    @discardableResult
    mutating func flush(_ id: MemberID) -> Bool {
        if let job = members[id]?.conversions.popLast() {
            feed(id, [.converted(job.run())])
            return true
        }
        guard var member = members[id], let job = member.job, !member.isDiskStuck else {
            return false
        }
        member.job = nil
        var result = job.run(on: &member.storage)
        if job.looksForSpace { result.space = member.room }
        members[id] = member
        feed(id, [.stored(result)])
        return true
    }

    /// Carries out one storage job after another until none is left.
    mutating func flushAll(_ id: UInt64) {
        while flush(MemberID(id)) {}
    }

    /// Lets a planned announcement be due.
    mutating func announce(_ id: UInt64) {
        members[MemberID(id)]?.owesAnnouncement = false
        feed(MemberID(id), [.announcementDue])
        settle()
    }

    /// Delivers the oldest message, or loses it; `false` when there is none.
    @discardableResult
    mutating func deliver() -> Bool {
        guard !wire.isEmpty else { return false }
        let envelope = wire.removeFirst()
        if !loses(envelope) { feed(envelope.to, [.received(envelope)]) }
        return true
    }

    /// Hands a message to a member, as if it came from the network.
    mutating func inject(
        _ message: Message, from: UInt64, to: UInt64, term: UInt64,
        generation: Generation = Group.generation
    ) {
        let envelope = Envelope(
            from: MemberID(from), to: MemberID(to), generation: generation, term: Term(term),
            message: message)
        feed(MemberID(to), [.received(envelope)])
    }

    /// Flushes and delivers until nothing moves.
    mutating func settle() {
        for _ in 0..<100_000 {
            var moved = deliver()
            for id in ids where flush(id) { moved = true }
            if !moved { return }
        }
        fatalError("the group does not come to rest")
    }

    mutating func tick(_ count: Int = 1, _ ids: [UInt64]? = nil) {
        for _ in 0..<count {
            time += 25
            for id in ids?.map(MemberID.init) ?? self.ids { feed(id, [.tick(time: time)]) }
            settle()
        }
    }

    /// Lets time pass for a member that hears and says nothing meanwhile.
    mutating func age(_ id: UInt64, ticks: Int) {
        for _ in 0..<ticks {
            let before = wire.count
            feed(MemberID(id), [.tick(time: time)])
            wire.removeLast(wire.count - before)
        }
    }

    /// Makes this member the leader; the others only let time pass.
    mutating func elect(_ id: UInt64) {
        for other in ids where other.rawValue != id && members[other]?.pipeline != nil {
            age(other.rawValue, ticks: limits.electionTicksMin + 1)
        }
        for _ in 0..<(6 * limits.electionTicksMax) where self[id].replica.roleName != .leader {
            tick(1, [id])
        }
        precondition(self[id].replica.roleName == .leader, "\(id) was not elected")
    }

    var leaders: [MemberID] {
        ids.filter { members[$0]?.pipeline?.replica.roleName == .leader }
    }

    // MARK: clients

    @discardableResult
    mutating func propose(_ text: String, at id: UInt64) -> ProposalToken {
        nextToken += 1
        let token = ProposalToken(nextToken)
        feed(MemberID(id), [.propose(Proposal(token: token, payload: Array(text.utf8)))])
        return token
    }

    /// As a proxy does it: with the state that the proposer has.
    mutating func proposeFromState(_ text: String, at id: UInt64) {
        nextToken += 1
        let pipeline = self[id]
        let state = StatePoint(index: pipeline.applied.index, digest: pipeline.machine.digest)
        let proposal = Proposal(
            token: ProposalToken(nextToken), payload: Ledger.line(text, from: state))
        feed(MemberID(id), [.propose(proposal)])
    }

    @discardableResult
    mutating func change(_ change: MembershipChange, at id: UInt64) -> ProposalToken {
        nextToken += 1
        let token = ProposalToken(nextToken)
        feed(MemberID(id), [.changeMembership(token, change)])
        return token
    }

    /// A change that nobody else gets to know, although all are there.
    mutating func changeAlone(_ change: MembershipChange, at id: UInt64) {
        loses = { $0.from == MemberID(id) && $0.message.isBulk }
        self.change(change, at: id)
        settle()
    }

    @discardableResult
    mutating func read(at id: UInt64) -> ReadToken {
        nextToken += 1
        let token = ReadToken(nextToken)
        feed(MemberID(id), [.read(token)])
        return token
    }

    func outcomes(_ token: ProposalToken, at id: UInt64) -> [String] {
        (members[MemberID(id)]?.outcomes[token] ?? []).map { outcome in
            switch outcome {
            case .applied: "applied"
            case .unchanged: "unchanged"
            case .refused(let refusal): "refused \(refusal)"
            case .unknown: "unknown"
            }
        }
    }

    func reads(_ token: ReadToken, at id: UInt64) -> [ReadOutcome] {
        members[MemberID(id)]?.reads[token] ?? []
    }

    func lines(_ id: UInt64) -> [String] {
        self[id].machine.lines.map { String(decoding: $0, as: UTF8.self) }
    }
}

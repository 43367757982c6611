/// Carries out what a replica asks for, without waiting for anything: the driver as a value.
///
/// Its owner feeds it events and carries out actions. The production shell is `Driver`; the
/// simulator owns pipelines of the same kind, so that what it proves holds for what runs. Duties,
/// numbered as in the README:
///
/// 1. a message leaves only after the write it waits for is flushed;
/// 2. writes are merged while one is under way, never reordered;
/// 3. a proposal gets exactly one answer, and so does a read;
/// 4. entries are applied once, in order, as soon as they are committed; what they change is stored a moment later, for many
/// at once, in one transaction with the applied index;
/// 5. when storage fails, nothing leaves any more.
public struct Pipeline<Machine: StateMachine>: Sendable where Machine: Sendable {
    public internal(set) var replica: Replica
    public internal(set) var machine: Machine
    public let limits: DriverLimits
    /// The last applied entry.
    public private(set) var applied: LogMark
    /// The applied index that storage has.
    public internal(set) var appliedDurable: Index
    /// Why the member has stopped.
    public private(set) var stopReason: StopReason?
    public private(set) var isRemoved = false

    public private(set) var glance = Glance()

    private var time: UInt64 = 0
    private(set) var ticks: UInt64 = 0
    private(set) var appliedTime: UInt64
    var outbox: [(envelope: Envelope, after: WriteSequence)] = []
    var flushed = WriteSequence.zero
    var batches = BatchQueue<Machine>()
    var job = StorageJob<Machine>()
    var isStoring = false
    /// Since when there are applied entries whose effect is not on its way to storage, and how long they are.
    var unstored: (tick: UInt64, bytes: Int)?
    /// Somebody waits for it.
    var isChangeWanted = false
    var decoded: (base: LogBase, image: Machine.Image)?
    private var compactionPoints: [LogBase] = []
    var proposals = ProposalWaiters()
    var reads = ReadWaiters()
    /// Forced recoveries and adoptions that are not durable yet.
    private var recoveries: Set<ProposalToken> = []
    /// The commit index when an announcement was planned; `nil` when none is.
    private var announcing: Index?
    var actions: [PipelineAction<Machine>] = []
    /// What is wrong with what storage holds, and what is done about it.
    public internal(set) var repair = Repair()
    /// The states after the last entries, here and elsewhere.
    var digests = StateDigests()
    /// Where the state here parts from that of most others.
    public internal(set) var quarantine: StateDigests.Difference?
    /// The entry after which the state here is not the one that its proposer had, until the others have said who is right.
    public internal(set) var doubt: Index?
    /// What cannot be read here, from when it was met until a state beyond it has come.
    public internal(set) var unreadable: Unreadable?
    /// How much room storage had when it looked last.
    public internal(set) var space: StorageSpace?
    /// What others were last told, and when.
    var told: (index: Index, tick: UInt64) = (.zero, 0)
    /// A state that a majority has confirmed, and a later one that waits for that.
    var confirmed: StateCopy<Machine>?
    var unconfirmed: StateCopy<Machine>?
    /// The core waits for a snapshot, of a state from here on.
    var owedSnapshot: Index?
    /// When this state and that of another voter were first known to differ, and when that is looked into next.
    var parted: (since: UInt64, due: UInt64)?
    var announced: Announced?

    /// Starts from what storage holds. `machine` is the state machine before the first entry; it is
    /// restored from `recovered`.
    ///
    /// - Throws: when the recovered parts contradict each other.
    @specialized(where Machine == NameSet)
    public init(
        id: MemberID, recovered: RecoveredState<Machine>, machine: Machine,
        limits: Limits = Limits(), driverLimits: DriverLimits = DriverLimits(), seed: UInt64,
        waiving waived: Rule? = nil
    ) throws(RecoveryFailure) {
        replica = try Replica(
            id: id, recovered: recovered, limits: limits, seed: seed, waiving: waived)
        self.machine = machine
        if let image = recovered.image { self.machine.restore(image) }
        self.limits = driverLimits
        applied = recovered.applied
        appliedDurable = recovered.applied.index
        appliedTime = recovered.lastTime
        space = recovered.space
        if replica.isQuarantined, let index = recovered.stateWrongFrom {
            quarantine = StateDigests.Difference(equalAt: .zero, differsAt: index)
        }
        digests.note(applied.index, self.machine.digest)
        lookAround()
    }

    /// What an observer looks at after every step, without copying the rest.
    public struct Glance: Sendable {
        public var isLeader = false
        public var generation = Generation.none
        public var term = Term.zero
        public var last = Index.zero
        public var commit = Index.zero
        public var commitTerm: Term?
        public var applied = Index.zero
        /// A follower that is short of space.
        public var standsBack = false
    }

    private mutating func lookAround() {
        glance = Glance(
            isLeader: replica.isLeader, generation: replica.hardState.generation,
            term: replica.term, last: replica.log.last,
            commit: replica.commit, commitTerm: replica.log.term(at: replica.commit),
            applied: applied.index,
            standsBack: replica.isShortOfSpace && replica.roleName == .follower)
    }

    public var position: Position { place(applied) }

    /// Entries from before a forced recovery stay entries of the generation it left.
    private func place(_ mark: LogMark) -> Position {
        Position(
            generation: replica.hardState.generation(at: mark.index), term: mark.term,
            index: mark.index)
    }

    /// Takes in all events that have gathered, and says what to do.
    @specialized(where Machine == NameSet)
    public mutating func handle(
        _ events: [PipelineEvent<Machine>], time: UInt64
    ) -> [PipelineAction<Machine>] {
        self.time = max(self.time, time)
        // At a start: what the log itself tells to be committed.
        if applied.index < replica.commit, stopReason == nil { apply(through: replica.commit) }
        var gathered: [Proposal] = []
        var asked: [ReadToken] = []
        for event in events {
            if case .propose(let proposal) = event {
                gathered.append(proposal)
                continue
            }
            if case .read(let token) = event {
                asked.append(token)
                continue
            }
            submit(&gathered, &asked)
            handle(event)
        }
        submit(&gathered, &asked)
        startStoring()
        planAnnouncement()
        lookAround()
        defer { actions = [] }
        return actions
    }

    /// Hands over the gathered proposals and reads as one input each.
    private mutating func submit(_ gathered: inout [Proposal], _ asked: inout [ReadToken]) {
        if !gathered.isEmpty {
            if let standstill, stopReason == nil {
                for proposal in gathered { answer(proposal.token, .refused(standstill)) }
            } else if stopReason == nil {
                carryOut(replica.handle(.propose(gathered, time: time)))
            } else {
                for proposal in gathered { answer(proposal.token, .refused(.stopped)) }
            }
            gathered = []
        }
        if !asked.isEmpty {
            for token in asked {
                if let standstill, stopReason == nil {
                    actions.append(.answerRead(token, .refused(standstill)))
                } else if stopReason == nil {
                    reads.add(token, deadline: ticks + limits.readTicksMax)
                } else {
                    actions.append(.answerRead(token, .refused(.stopped)))
                }
            }
            if stopReason == nil, standstill == nil { carryOut(replica.handle(.read(asked))) }
            asked = []
        }
    }

    private mutating func handle(_ event: PipelineEvent<Machine>) {
        switch event {
        case .tick: tick()
        case .received(let envelope):
            if stopReason == nil { carryOut(replica.handle(.received(envelope))) }
        case .gone(let member):
            if stopReason == nil { carryOut(replica.handle(.gone(member))) }
        case .changeMembership(let token, let change):
            if let standstill, stopReason == nil {
                answer(token, .refused(standstill))
            } else if stopReason == nil {
                carryOut(replica.handle(.changeMembership(token, change, time: time)))
            } else {
                answer(token, .refused(.stopped))
            }
        case .transfer(let target, let bound, let note):
            if let bound, bound != TermMark(generation: replica.generation, term: replica.term) {
                actions.append(.transferEnded(to: target, .refused(.otherTerm(bound))))
            } else if stopReason == nil {
                carryOut(replica.handle(.transfer(to: target, note: note)))
            } else {
                actions.append(.transferEnded(to: target, .leadershipLost))
            }
        case .recover(let token, let recovery):
            if let unreadable, stopReason == nil {
                // The new generation would begin with it.
                return actions.append(.answerRecovery(token, .refused(.unreadable(unreadable))))
            }
            // Who will be its own majority has a last look at what others have confirmed; in storage as well, before the generation is.
            if recovery.configuration.voters == [replica.id], stopReason == nil,
                replica.obeys(.aloneWorksOut)
            {
                rederive()
            }
            change(.recover(token, recovery, time: time), for: token)
        case .adopt(let token, let adoption): change(.adopt(token, adoption), for: token)
        case .stored(let result): stored(result)
        case .converted(let result): converted(result)
        case .announceCommit: announce()
        case .announcementDue:
            let planned = announcing ?? .zero
            announcing = nil
            // What other messages have brought meanwhile needs none of its own; what came since may wait as long.
            if replica.owesCommit(upTo: planned) { announce() }
        case .storeChange: isChangeWanted = unstored != nil
        case .damageFound(let damage): found(damage)
        case .stop: stop(.asked)
        case .propose, .read: break  // gathered by the caller
        }
    }

    // MARK: effects

    mutating func carryOut(_ effects: [Effect]) {
        for effect in effects {
            guard stopReason == nil else { return }
            switch effect {
            case .write(let request): write(request)
            case .send(let envelope, let after):
                if after <= flushed || !replica.obeys(.messageWaitsForWrite) {
                    actions.append(.send(envelope))
                } else if outbox.count < limits.heldMessagesMax {
                    outbox.append((envelope, after))
                }
            case .committed(let index): apply(through: index)
            case .readEntries(let request): job.reads.append(request)
            case .takeSnapshot(let from):
                owedSnapshot = from
                giveSnapshot()
            case .decodeSnapshot(let base, let bytes):
                actions.append(.convert(.decode(base, bytes)))
            case .accepted(let token, let mark): accepted(token, mark)
            case .refused(let token, let refusal):
                if recoveries.remove(token) != nil {
                    actions.append(.answerRecovery(token, .refused(refusal)))
                } else {
                    answer(token, .refused(refusal))
                }
            case .recovered(let token, let mark):
                if recoveries.remove(token) != nil {
                    actions.append(.answerRecovery(token, .done(place(mark))))
                }
            case .readable(let token, let index):
                let due = replica.obeys(.readAfterApply) ? index : min(index, applied.index)
                if reads.confirm(token, due) { answerReads() }
            case .readRefused(let token, let refusal):
                if reads.remove(token) {
                    actions.append(.answerRead(token, .refused(refusal)))
                }
            case .transferEnded(let target, let result):
                actions.append(.transferEnded(to: target, result))
            case .statesReported(let member, let points): compare(points, of: member)
            case .unreadable(let found): if unreadable == nil { cannotRead(found) }
            case .recovering(let floor): actions.append(.recovering(until: floor))
            case .forgotten(let member, let promised, let last):
                actions.append(.forgotten(member, promised: promised, last: last))
            case .superseded(let generation): actions.append(.superseded(by: generation))
            case .removed:
                if !isRemoved { actions.append(.removed) }
                isRemoved = true
            case .corrupt(let reason): stop(.corrupt(reason))
            }
        }
    }

    private mutating func write(_ request: WriteRequest) {
        guard let base = request.installation else {
            return batches.add(request, image: nil, inOrder: true)
        }
        guard !request.installsOwnState else {
            batches.add(request, image: machine.capture(), inOrder: true, change: takeChange())
            repair.requested(request.sequence)
            return
        }
        guard let decoded, decoded.base.mark == base.mark else {
            preconditionFailure("snapshot \(base.mark) was never decoded")
        }
        self.decoded = nil
        batches.add(request, image: decoded.image, inOrder: replica.obeys(.writesInOrder))
        machine.restore(decoded.image)
        applied = base.mark
        unstored = nil
        digests.restart(applied.index, machine.digest)
        (confirmed, unconfirmed) = (nil, nil)
        settleQuarantine()
        settleDoubt()
        settleUnreadable()
        appliedTime = base.time
        compactionPoints = []
        isRemoved = false
        actions.append(.restored(state: decoded.image, at: position))
        for token in proposals.skip(through: applied.index) {
            answer(token, replica.obeys(.unknownAfterSnapshot) ? .unknown : .refused(.lost))
        }
        answerReads()
    }

    private mutating func apply(through index: Index) {
        var entries: [Entry] = []
        var answers: [(ProposalToken, ProposalOutcome<Machine.Outcome>)] = []
        var contradicted: StatePoint?
        var failed: Unreadable?
        while applied.index < index, !isBlocked, failed == nil {
            guard let entry = replica.entry(at: applied.index.next) else {
                preconditionFailure("entry \(applied.index.next) is committed and not in memory")
            }
            if contradicted == nil, let state = Machine.proposerState(in: entry),
                digests.contradicts(state)
            {
                contradicted = state
            }
            do {
                let outcome = try machine.apply(entry)
                applied = entry.mark
                appliedTime = max(appliedTime, entry.time)
                digests.note(applied.index, machine.digest)
                entries.append(entry)
                unstored = (unstored?.tick ?? ticks, (unstored?.bytes ?? 0) + entry.byteCount)
                for waiter in proposals.take(at: entry.index) {
                    let isOwn = waiter.term == entry.term || !replica.obeys(.answerIsOwn)
                    answers.append(
                        (waiter.token, isOwn ? .applied(position, outcome) : .refused(.lost)))
                }
                if entry.index.rawValue.isMultiple(of: limits.compactionStride) {
                    compactionPoints.append(
                        LogBase(
                            mark: applied, time: appliedTime,
                            configuration: replica.configuration(at: applied.index)))
                }
            } catch {
                failed = Unreadable(.entry, at: entry.mark, for: Machine.self, error)
            }
        }
        if !entries.isEmpty {
            if let contradicted { doubt(contradicted) }
            // Whoever is answered looks at the state next, so the state is told first.
            actions.append(.applied(entries, state: machine.capture(), at: position))
            for (token, outcome) in answers { answer(token, outcome) }
            settleUnreadable()
            carryOut(replica.handle(.applied(applied.index)))
            answerReads()
        }
        if let failed { cannotRead(failed) }
    }

    // MARK: announcements

    private mutating func announce() {
        if stopReason == nil { carryOut(replica.handle(.announceCommit)) }
    }

    private mutating func planAnnouncement() {
        guard announcing == nil, stopReason == nil, replica.limits.defersCommit,
            replica.owesCommit(upTo: replica.commit)
        else { return }
        announcing = replica.commit
        actions.append(.announceLater)
    }

    // MARK: waiters

    private mutating func accepted(_ token: ProposalToken, _ mark: LogMark) {
        if mark.index <= applied.index {
            // A membership change that had been made before.
            return answerUnchanged(token, at: mark)
        }
        proposals.add(
            token, at: mark.index, term: mark.term, deadline: ticks + limits.proposalTicksMax)
    }

    /// A membership change that changes nothing has no outcome of the state machine.
    private mutating func answerUnchanged(_ token: ProposalToken, at mark: LogMark) {
        actions.append(.answer(token, .unchanged(place(mark))))
    }

    mutating func answer(
        _ token: ProposalToken, _ outcome: ProposalOutcome<Machine.Outcome>
    ) {
        actions.append(.answer(token, outcome))
    }

    private mutating func answerReads() {
        for token in reads.ready(at: applied.index) {
            actions.append(.answerRead(token, .ready(position)))
        }
    }

    // MARK: generations

    private mutating func change(_ input: Input, for token: ProposalToken) {
        guard stopReason == nil else {
            return actions.append(.answerRecovery(token, .refused(.stopped)))
        }
        recoveries.insert(token)
        let effects = replica.handle(input)
        if effects.contains(where: \.beginsGeneration) { leaveGeneration() }
        if !replica.isQuarantined { settleQuarantine() }
        carryOut(effects)
    }

    /// Nothing of the generation that was left is said any more, and nobody waits for it: what becomes of its
    /// entries is decided in another one.
    private mutating func leaveGeneration() {
        outbox = []
        isRemoved = false
        for token in proposals.removeAll() { answer(token, .unknown) }
        for token in reads.removeAll() {
            actions.append(.answerRead(token, .refused(.notLeader(hint: nil))))
        }
    }

    // MARK: time

    private mutating func tick() {
        ticks += 1
        guard stopReason == nil else { return }
        carryOut(replica.handle(.tick(time: time)))
        guard stopReason == nil else { return }
        if replica.roleName != .leader {
            proposals.shorten(to: ticks + limits.orphanTicksMax)
        }
        for token in proposals.expired(at: ticks) {
            answer(token, replica.obeys(.unknownAfterTimeout) ? .unknown : .refused(.timedOut))
        }
        for token in reads.expired(at: ticks) {
            actions.append(.answerRead(token, .refused(.timedOut)))
        }
        if let point = compactionPoints.first,
            point.mark.index.advanced(by: limits.retainedEntries) <= appliedDurable
        {
            compactionPoints.removeFirst()
            carryOut(replica.handle(.compact(point)))
        }
        if repair.isDue(at: ticks) { mend() }
        watchSpace()
        seekReader()
        workOutAlone()
        tellStates()
        giveSnapshot()
        lookIntoDifference()
    }

    // MARK: the end

    mutating func stop(_ reason: StopReason) {
        guard stopReason == nil else { return }
        stopReason = reason
        outbox = []
        for token in proposals.removeAll() { answer(token, .unknown) }
        if let token = replica.pendingChange { answer(token, .refused(.stopped)) }
        for token in reads.removeAll() {
            actions.append(.answerRead(token, .refused(.stopped)))
        }
        for token in recoveries.sorted() { actions.append(.answerRecovery(token, .unknown)) }
        recoveries = []
        actions.append(.stopped(reason))
    }
}

extension Effect {
    /// Whether this write changes the member's generation: by an input that can do nothing else with the hard state.
    fileprivate var beginsGeneration: Bool {
        if case .write(let request) = self { request.hardState?.origin != nil } else { false }
    }
}

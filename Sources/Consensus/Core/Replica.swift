/// One member of the group, as a value: an input in, a list of effects out.
///
/// Raft (Ongaro and Ousterhout, 2014; Ongaro's dissertation for pre-vote, transfer, read index and
/// membership). It reads no clock and does no I/O; its randomness is a generator it holds by value,
/// so equal inputs give equal effects. The extensions in the other files of this folder follow the
/// sections of the paper.
public struct Replica: Sendable {
    public let id: MemberID
    public let limits: Limits
    /// Only a simulation sets it.
    let waived: Rule?
    public internal(set) var hardState: HardState
    var role = Role.follower(leader: nil) {
        didSet { if role != .leader { leadership = nil } }
    }
    /// The state of leading; `nil` when this member does not lead. Set by ``lead(_:)``.
    var leadership: Leadership?
    var log: RaftLog
    public internal(set) var commit: Index
    /// What the driver has applied; never above `commit`.
    public internal(set) var applied: Index

    /// Ticks since this value was made.
    var now: UInt64 = 0
    /// The wall clock at the last input that told it.
    var wallTime: UInt64 = 0
    var random: Random
    var electionDeadline: UInt64 = 0
    /// When the leader of the current term was last heard.
    var leaderContact: UInt64?
    /// When a leader of whatever term was last heard, or this member led; at first, when it started.
    var lastLeaderContact: UInt64 = 0

    /// The last write asked for, the last that carried the hard state, and the last flushed.
    var lastWrite = WriteSequence.zero
    var hardStateWrite = WriteSequence.zero
    var flushedWrite = WriteSequence.zero
    /// Writes under way, each with the tick at which it was asked for.
    var writesUnderWay: [(sequence: WriteSequence, tick: UInt64)] = []

    var receipt: SnapshotReceipt?
    /// The write that installs a snapshot; no election before it is flushed.
    var installationWrite = WriteSequence.zero
    /// What this member has promised and its log does not have; `nil` when it has.
    public internal(set) var floor: LogMark?
    /// The state differs from that of most others; a snapshot ends it (`Replica+States.swift`).
    public internal(set) var isQuarantined = false
    /// Storage has too little room: nothing is taken that can wait (`Replica+Space.swift`).
    public internal(set) var isShortOfSpace = false
    /// The last term whose leader was told where this log ends, by a member that takes nothing.
    var endToldInTerm: Term?
    /// The first entry that cannot be applied here; `nil` when none was met, or a snapshot has gone beyond it.
    public internal(set) var unreadableAt: Index?
    /// Until when a member that is short of space, cannot read the log or has a wrong state leaves it to others to stand.
    var standsAsideUntil: UInt64 = 0
    /// Since when the state here may be wrong.
    var doubtedSince: UInt64?
    var snapshotAskedAt: UInt64 = 0
    /// The generation that is being begun or adopted, while it is not durable.
    var generationChange: GenerationChange?
    /// The log contradicts what was committed; every further input is ignored.
    public internal(set) var isHalted = false

    public init<Machine>(
        id: MemberID, recovered: RecoveredState<Machine>, limits: Limits = Limits(), seed: UInt64,
        waiving waived: Rule? = nil
    ) throws(RecoveryFailure) {
        try recovered.check()
        self.id = id
        self.limits = limits
        self.waived = waived
        hardState = recovered.hardState
        log = RaftLog(
            base: recovered.base, runs: recovered.termRuns, last: recovered.lastIndex,
            tail: recovered.tail, lastTime: recovered.lastTime,
            configurations: recovered.configurations.compactMap { entry in
                entry.configuration.map {
                    RaftLog.Placed(index: entry.index, configuration: $0)
                }
            }, waived: waived)
        commit = recovered.knownCommit.index
        applied = recovered.applied.index
        floor = waived == .floorBeforeVote ? nil : recovered.floor
        random = Random(seed: seed)
        electionDeadline = UInt64(random.next(in: limits.startTicksMin...limits.startTicksMax))
        isShortOfSpace = recovered.space?.isShort ?? false
        // Who votes alone has nobody who could have another state.
        isQuarantined = recovered.stateWrongFrom != nil && log.configuration.voters != [id]
        standsAsideUntil = 2 * UInt64(limits.electionTicksMax)
        checkInvariants()
    }

    /// Advances the replica by one input.
    public mutating func handle(_ input: Input) -> [Effect] {
        guard !isHalted else { return [] }
        var effects: [Effect] = []
        let committed = commit
        switch input {
        case .tick(let time): tick(time, &effects)
        case .received(let envelope): receive(envelope, &effects)
        case .flushed(let sequence): flushed(sequence, &effects)
        case .propose(let proposals, let time): propose(proposals, time, &effects)
        case .changeMembership(let token, let change, let time):
            changeMembership(token, change, time, &effects)
        case .transfer(let target, let note): transfer(to: target, note, &effects)
        case .recover(let token, let recovery, let time):
            recover(token, recovery, time, &effects)
        case .adopt(let token, let adoption): adopt(token, adoption, &effects)
        case .read(let tokens): read(tokens.map { .local($0) }, &effects)
        case .gone(let member): noteGone(member, &effects)
        case .applied(let index): noteApplied(index)
        case .announceCommit: sendCommit(&effects)
        case .entriesRead(let request, let entries): entriesRead(request, entries, &effects)
        case .snapshotTaken(let snapshot): snapshotTaken(snapshot, &effects)
        case .snapshotDecoded(let base, let isValid): snapshotDecoded(base, isValid, &effects)
        case .compact(let base): compact(to: base, &effects)
        case .tellStates(let points): tellStates(points, &effects)
        case .doubt(let isDoubted): doubtedSince = isDoubted ? doubtedSince ?? now : nil
        case .quarantine(let index): quarantine(from: index, &effects)
        case .unreadable(let index): noteUnreadable(at: index)
        case .space(let isShort): noteSpace(isShort, &effects)
        case .rewrite(let base): rewrite(at: base, &effects)
        }
        if commit > committed { effects.append(.committed(commit)) }
        checkInvariants()
        return effects
    }

    // MARK: what others may know

    public var term: Term { hardState.term }
    public var generation: Generation { hardState.generation }
    /// A higher generation was seen: this member's cluster no longer exists.
    public var supersededBy: Generation? { hardState.supersededBy }
    public var configuration: Configuration { log.configuration }
    public var lastMark: LogMark { log.lastMark }
    /// The index of the entry before the first that is kept.
    public var baseIndex: Index { log.base.mark.index }
    public var base: LogBase { log.base }
    public var durable: Index { log.flushed }

    public var roleName: RoleName {
        switch role {
        case .follower: .follower
        case .preCandidate: .preCandidate
        case .candidate: .candidate
        case .leader: .leader
        }
    }

    /// The leader of the current term, as far as known.
    public var leader: MemberID? {
        switch role {
        case .follower(let leader): leader
        case .preCandidate, .candidate: nil
        case .leader: id
        }
    }

    /// On the leader: the other members and the ticks since each was last heard.
    public var contacts: [(member: MemberID, ticks: UInt64)] {
        leadership?.followers.map { ($0.member, now - $0.progress.contact) } ?? []
    }

    /// On the leader: how far each other member holds the log durably.
    public var matches: [(member: MemberID, index: Index)] {
        leadership?.followers.map { ($0.member, $0.progress.match) } ?? []
    }

    /// Ticks since the leader was last heard; `nil` when none was in this term.
    public var ticksSinceLeader: UInt64? { leaderContact.map { now - $0 } }

    /// Ticks since there was a leader, of whatever term; since the start when there was none.
    public var ticksWithoutLeader: UInt64 { isLeader ? 0 : now - lastLeaderContact }

    /// Whether, on the leader, some follower has not been told that it may apply what it holds, up to `index`.
    public func owesCommit(upTo index: Index) -> Bool {
        guard let leadership else { return false }
        return leadership.followers.contains {
            min(commit, index, $0.progress.match) > $0.progress.commitSent
        }
    }

    public func entry(at index: Index) -> Entry? { log.cachedEntry(at: index) }
    public func term(at index: Index) -> Term? { log.term(at: index) }
    public func configuration(at index: Index) -> Configuration { log.configuration(at: index) }
    public var lastTime: UInt64 { log.lastTime }

    /// Entries in memory from `index` on that are committed; `nil` when the first is not in memory.
    public func committedEntries(from index: Index, bytesMax: Int) -> [Entry]? {
        guard index <= commit else { return [] }
        let entries = log.cached(
            from: index, entriesMax: commit.distance(from: index.previous), bytesMax: bytesMax)
        return entries
    }
}

// What all parts share.
extension Replica {
    mutating func lead(_ leadership: Leadership) {
        role = .leader
        self.leadership = leadership
    }

    func obeys(_ rule: Rule) -> Bool { waived != rule }

    var isLeader: Bool {
        if case .leader = role { true } else { false }
    }

    /// Queues a message behind the write that makes its term durable, and behind `sequence`.
    func send(
        _ message: Message, to member: MemberID, after sequence: WriteSequence = .zero,
        _ effects: inout [Effect]
    ) {
        let envelope = Envelope(
            from: id, to: member, generation: generation, term: term, message: message)
        let last = obeys(.termDurableFirst) ? max(sequence, hardStateWrite) : sequence
        effects.append(.send(envelope, after: last > flushedWrite ? last : .zero))
    }

    mutating func beginWrite() -> WriteSequence {
        lastWrite = lastWrite.next
        writesUnderWay.append((lastWrite, now))
        return lastWrite
    }

    mutating func writeHardState(_ effects: inout [Effect]) {
        hardStateWrite = beginWrite()
        effects.append(.write(WriteRequest(sequence: hardStateWrite, hardState: hardState)))
    }

    /// Appends to the log, cutting it first where the entries begin.
    mutating func write(_ entries: [Entry], _ effects: inout [Effect]) {
        guard let first = entries.first else { return }
        if first.index <= log.last { log.truncate(from: first.index) }
        let sequence = beginWrite()
        log.append(entries, in: sequence)
        effects.append(.write(WriteRequest(sequence: sequence, entries: entries)))
        configurationMayHaveChanged(&effects)
    }

    mutating func flushed(_ sequence: WriteSequence, _ effects: inout [Effect]) {
        guard sequence > flushedWrite else { return }
        flushedWrite = sequence
        writesUnderWay.removeFirst(writesUnderWay.prefix { $0.sequence <= sequence }.count)
        log.flushed(through: sequence)
        if floor != nil { raiseFromFloor(&effects) }
        generationFlushed(sequence, &effects)
        switch role {
        case .candidate(_, let ownVote, _) where ownVote <= sequence:
            countVote(of: id, &effects)
        case .leader:
            advanceCommit(&effects)
        case .follower, .preCandidate, .candidate:
            break
        }
    }

    mutating func noteApplied(_ index: Index) {
        precondition(index <= commit, "applied \(index) beyond commit \(commit)")
        applied = max(applied, index)
        settleUnreadable()
        log.evict(bytesMax: limits.cacheBytesMax, keepingAfter: applied)
    }

    /// How long the oldest write has been under way, in ticks.
    var oldestWriteAge: UInt64 {
        writesUnderWay.first.map { now - $0.tick } ?? 0
    }

    mutating func halt(_ reason: String, _ effects: inout [Effect]) {
        isHalted = true
        role = .follower(leader: nil)
        effects.append(.corrupt(reason))
    }

    /// What must hold after every input (Raft figure 3, as far as one member can see it).
    func checkInvariants() {
        precondition(
            log.base.mark.index <= applied && applied <= commit && commit <= log.last,
            "order: base \(log.base.mark), applied \(applied), commit \(commit), "
                + "last \(log.lastMark)")
        precondition(log.lastMark.term <= term, "entry of term \(log.lastMark) in term \(term)")
        precondition(log.flushed <= log.last, "durable \(log.flushed), last \(log.last)")
        precondition(
            applied >= log.last || log.firstCached <= applied.next,
            "entries after \(applied) are not in memory")
        precondition(isLeader == (leadership != nil), "role \(roleName)")
        if let leadership {
            precondition(
                leadership.readsWaiting.count + leadership.readsInRound.count <= limits.readsMax,
                "too many reads")
            for follower in leadership.followers {
                let progress = follower.progress
                precondition(
                    progress.match < progress.next && progress.match <= log.last,
                    "\(follower.member): match \(progress.match), next \(progress.next), "
                        + "last \(log.last)")
                precondition(
                    progress.inFlight.count <= limits.inFlightMessagesMax,
                    "\(follower.member): \(progress.inFlight.count) messages in flight")
            }
        }
    }
}

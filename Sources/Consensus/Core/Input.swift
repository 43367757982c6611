/// What can happen to a replica.
public enum Input: Hashable, Sendable {
    /// A tick has passed; `time` is the wall clock, used only to stamp entries.
    case tick(time: UInt64)
    case received(Envelope)
    /// Nobody listens any more where this member did: its process has ended. A hint, which may be wrong.
    case gone(MemberID)
    /// The writes up to here survive power loss.
    case flushed(WriteSequence)
    /// Commands for the log, in order.
    case propose([Proposal], time: UInt64)
    case changeMembership(ProposalToken, MembershipChange, time: UInt64)
    /// Hand leadership over. The note is put into the first entry of the new leader, so that whoever wanted it so can be told
    /// for certain whether it came of that.
    case transfer(to: MemberID, note: [UInt8] = [])
    /// Begin a new generation of the cluster from what this member holds.
    indirect case recover(ProposalToken, ForcedRecovery, time: UInt64)
    /// Take part in the generation that another member has begun.
    indirect case adopt(ProposalToken, Adoption)
    /// Linearizable reads; all of them arrived before this moment.
    case read([ReadToken])
    /// Tell the others what the state here was.
    case tellStates([StatePoint])
    /// Whether it is open who is right, this member or whoever proposed an entry that it has applied.
    case doubt(Bool)
    /// The state here is wrong from this entry on: most others have another one. Get theirs.
    case quarantine(from: Index)
    /// The driver applies nothing from this entry on, which it cannot read, or has nothing before it.
    case unreadable(at: Index)
    /// Whether storage has too little room to take what can wait.
    case space(isShort: Bool)
    /// Replace what storage holds by what is in memory: the state at this base, and the entries after it.
    case rewrite(LogBase)
    /// Entries up to here are applied, and their effect is stored up to `durable`.
    case applied(Index)
    /// Tell every follower that has not been told how far it may apply.
    case announceCommit
    indirect case entriesRead(ReadRequest, [Entry])
    indirect case snapshotTaken(Snapshot)
    indirect case snapshotDecoded(LogBase, isValid: Bool)
    /// Everything up to here may go: it is applied and its effect is stored.
    indirect case compact(LogBase)
}

/// A command on its way into the log.
public struct Proposal: Hashable, Sendable {
    public var token: ProposalToken
    public var payload: [UInt8]
    /// The only term in which it may be appended; `nil`: in any. Once an entry of a later term is committed, a command that
    /// is bound to this one is in the log, or never will be.
    public var bound: TermMark?

    public init(token: ProposalToken, payload: [UInt8], bound: TermMark? = nil) {
        self.token = token
        self.payload = payload
        self.bound = bound
    }
}

/// One step of membership; every one moves a single member (dissertation §4.1).
public enum MembershipChange: Hashable, Sendable {
    case addLearner(MemberID)
    /// A learner that has caught up becomes a voter.
    case promote(MemberID)
    /// A voter becomes a learner.
    case demote(MemberID)
    case remove(MemberID)

    public var member: MemberID {
        switch self {
        case .addLearner(let member), .promote(let member), .demote(let member),
            .remove(let member):
            member
        }
    }
}

/// An encoded state of the machine, ready to be sent.
public struct Snapshot: Hashable, Sendable {
    public var base: LogBase
    public var bytes: [UInt8]
    public var checksum: UInt64

    public init(base: LogBase, bytes: [UInt8]) {
        self.base = base
        self.bytes = bytes
        checksum = Checksum.of(bytes)
    }
}

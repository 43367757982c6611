/// What the driver has to do, in the order given.
public enum Effect: Hashable, Sendable {
    /// Make this durable; `Input.flushed` reports it. Later effects do not wait for it.
    indirect case write(WriteRequest)
    /// Send, but not before the write `after` is flushed.
    case send(Envelope, after: WriteSequence)
    /// Everything up to here is committed: apply it.
    case committed(Index)
    /// Read entries from storage for a lagging follower; `Input.entriesRead` brings them.
    case readEntries(ReadRequest)
    /// Take and encode a snapshot of the applied state, or of an earlier one from this index on; `Input.snapshotTaken`
    /// brings it.
    case takeSnapshot(from: Index)
    /// Decode a complete snapshot; `Input.snapshotDecoded` says whether it could be.
    indirect case decodeSnapshot(base: LogBase, bytes: [UInt8])

    /// The proposal was appended at this place. It is not committed yet.
    case accepted(ProposalToken, LogMark)
    case refused(ProposalToken, Refusal)
    /// The forced recovery, or the adoption, is durable; the mark is that of its record, or of the log's end.
    case recovered(ProposalToken, LogMark)
    /// A linearizable read may be served once this index is applied.
    case readable(ReadToken, Index)
    case readRefused(ReadToken, Refusal)
    /// The leadership transfer to this member has ended.
    case transferEnded(to: MemberID, TransferResult)

    /// The log lacks what this member has promised, up to here; `nil`: it has it again.
    case recovering(until: LogMark?)
    /// The follower confirmed entries up to `promised` in this term, and its log ends at `last`.
    case forgotten(MemberID, promised: Index, last: Index)

    /// What another member's state was.
    case statesReported(MemberID, [StatePoint])

    /// The leader has sent what this member can make nothing of, and what it does not take.
    case unreadable(Unreadable)

    /// A forced recovery has replaced the cluster this member belongs to. It never votes, leads or takes
    /// entries again.
    case superseded(by: Generation)
    /// The leader says that this member is no longer part of the cluster.
    case removed
    /// The log contradicts what was committed. Stop this member; a person must look at it.
    case corrupt(String)
}

/// One write of the core; the driver adds what belongs to the state machine.
public struct WriteRequest: Hashable, Sendable {
    public var sequence: WriteSequence
    public var hardState: HardState?
    /// Install the decoded snapshot with this base.
    public var installation: LogBase?
    public var installationKeepsTail = false
    /// The state to install is the member's own.
    public var installsOwnState = false
    public var entries: [Entry] = []
    public var base: LogBase?
    /// What this member has promised although its log does not have it.
    public var floor: LogMark?
    /// The state that storage has is known to be wrong from this entry on, until another one is installed; zero: it counts again.
    public var stateWrongFrom: Index?
}

/// Entries that the leader needs and does not have in memory.
public struct ReadRequest: Hashable, Sendable {
    public var member: MemberID
    public var first: Index
    public var last: Index
    public var bytesMax: Int
}

/// Names a proposal between the core and the driver.
public struct ProposalToken: Hashable, Comparable, Sendable {
    public var rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public static func < (left: ProposalToken, right: ProposalToken) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Names a read between the core and the driver, at the member where the read was asked for.
public struct ReadToken: Hashable, Comparable, Sendable {
    public var rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public static func < (left: ReadToken, right: ReadToken) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Why a request was not taken. In every case it has had no effect and never will.
public enum Refusal: Hashable, Sendable {
    /// Ask this member; `nil` when no leader is known.
    case notLeader(hint: MemberID?)
    /// It is bound to another term than this, in which the member leads.
    case otherTerm(TermMark)
    /// Too much is waiting already; try again later.
    case busy
    /// Nothing can be committed before these members have room on their disks: this one, or so many that those who are left and
    /// answer are no majority.
    case noSpace([MemberID])
    /// The log goes on with something that cannot be read here.
    case unreadable(Unreadable)
    /// The state here is not that of most others, from this entry on, and is not gone by.
    case wrongState(from: Index)
    case tooLarge(bytes: Int, max: Int)
    /// Leadership is being handed to this member; ask it in a moment.
    case transferring(to: MemberID)
    /// The member is stopping or has stopped.
    case stopped
    /// Another entry was committed in its place.
    case lost
    /// It took too long.
    case timedOut
    /// A membership change is not possible now.
    case membership(MembershipRefusal)
    /// A forced recovery or an adoption is not possible here.
    case recovery(RecoveryRefusal)
}

/// Why the membership was not changed.
public enum MembershipRefusal: Hashable, Sendable {
    /// One change at a time: this one is not committed yet.
    case changeInProgress(at: Index)
    /// The leader has not committed an entry of its own term (the rule of 2015).
    case leaderTooFresh
    case noSuchMember(MemberID)
    /// Only a learner can be promoted, only a voter demoted.
    case wrongRole(MemberID)
    /// The learner lacks this many entries.
    case learnerBehind(MemberID, by: Int)
    /// So few of the resulting voters are in contact that nothing could be committed.
    case wouldLoseQuorum(silent: [MemberID])
    case tooManyMembers(max: Int)
    case lastVoter
}

/// How a leadership transfer ended.
public enum TransferResult: Hashable, Sendable {
    /// The target was told to take over, and this member follows a later term.
    case handedOver(to: MemberID)
    case refused(TransferRefusal)
    /// The target did not take over in time; this member leads on.
    case timedOut(target: MemberID)
    /// The target left the voters, or another target was named.
    case aborted(target: MemberID)
    /// Leadership was lost before the target was told.
    case leadershipLost
}

/// Why a leadership transfer was not begun.
public enum TransferRefusal: Hashable, Sendable {
    case notLeader(hint: MemberID?)
    /// It was bound to this term, which is another.
    case otherTerm(TermMark)
    case targetIsLeader
    case targetIsLearner
    /// It could not take entries.
    case targetIsShortOfSpace
    case noSuchMember
}

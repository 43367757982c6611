/// What one member tells another. Sender, recipient, generation and term travel in the `Envelope`.
public enum Message: Hashable, Sendable {
    /// "Would you vote for me in the term after mine?" Changes nothing at either side (dissertation
    /// §9.6).
    case preVoteRequest(round: UInt64, last: LogMark)
    /// `round` is that of the request; replies to any other round are stale.
    case preVoteReply(round: UInt64, granted: Bool)

    /// Asks for a vote in the envelope's term. `isTransfer`: the old leader asked for this
    /// election, so it is exempt from the rule that a member that hears a leader ignores vote
    /// requests.
    case voteRequest(last: LogMark, isTransfer: Bool)
    case voteReply(granted: Bool)

    /// Entries after `previous`, possibly none. `commit` is the leader's.
    case append(previous: LogMark, entries: [Entry], commit: Index)
    /// Everything up to `match` is durable at the sender and equal to the leader's log.
    case appendAccepted(match: Index)
    /// The same, of a member that has promised more than it has: it is not to be counted.
    case appendHeld(match: Index)
    /// The sender has no entry `rejected`. Its own log agrees with the leader's at `hint` at best:
    /// `hint` is its last entry at or before `rejected` whose term is at most the rejected one's.
    case appendRejected(rejected: LogMark, hint: LogMark)

    /// "I lead this term." `commit` never exceeds what the recipient has confirmed to hold, and names the entry, because the
    /// recipient may have lost it since; `round` numbers the leader's heartbeats and is never reused in a term.
    case heartbeat(round: UInt64, commit: LogMark)
    /// `round` is that of the heartbeat; `last` is the end of the sender's log, durable or on its way there. `isShort`: there is
    /// no room on the sender's disk, so that it takes no entries and no snapshot.
    case heartbeatReply(round: UInt64, last: Index, isShort: Bool = false)
    /// "In this term you confirmed to hold everything up to here." Sent by a leader to a follower that has it no more.
    case promised(LogMark)
    /// Digests of the sender's state after some of the last entries, for the recipient to compare with its own.
    case stateDigests([StatePoint])
    /// "My state is wrong although my log is right: send me yours, of this entry or a later one."
    case snapshotWanted(from: Index)

    /// A piece of a snapshot.
    indirect case snapshotChunk(SnapshotChunk)
    /// The sender holds the first `nextOffset` bytes of the snapshot ending at `last`.
    case snapshotProgress(last: LogMark, nextOffset: UInt64)
    /// The snapshot ending at `last` was refused as damaged; the leader begins again.
    case snapshotRefused(last: LogMark)

    /// "Start an election now": leadership transfer (dissertation §3.10). Valid only in the
    /// envelope's very term. The note goes into the first entry of that election's winner.
    case timeoutNow(note: [UInt8] = [])

    /// Asks the leader for an index to read at; `token` belongs to the sender.
    case readIndexRequest(token: UInt64)
    /// `nil`: the leader cannot tell; ask again.
    case readIndexReply(token: UInt64, index: Index?)

    /// "My term is higher than yours": the envelope says which. Frees a leader or a follower left
    /// behind in an old term.
    case staleTerm
    /// "There is a higher generation than yours": the cluster was recovered by force without you. Sent by
    /// those who belong to it, and by those who have been told.
    case superseded
    /// "You are not a member in the committed configuration."
    case removed

    /// Whether the message may be large and can wait; all others must overtake it.
    public var isBulk: Bool {
        switch self {
        case .append(_, let entries, _): !entries.isEmpty
        case .snapshotChunk: true
        default: false
        }
    }
}

/// One piece of a snapshot; the pieces of one snapshot agree in everything but offset and bytes.
public struct SnapshotChunk: Hashable, Sendable {
    /// What the log of a member begins after, once it has installed the snapshot.
    public var base: LogBase
    /// The size of the whole snapshot.
    public var byteCount: UInt64
    /// The checksum of the whole snapshot, see `Checksum`.
    public var checksum: UInt64
    public var offset: UInt64
    public var bytes: [UInt8]

    public init(
        base: LogBase, byteCount: UInt64, checksum: UInt64, offset: UInt64, bytes: [UInt8]
    ) {
        self.base = base
        self.byteCount = byteCount
        self.checksum = checksum
        self.offset = offset
        self.bytes = bytes
    }
}

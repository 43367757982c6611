/// What a replica does in its current term, with exactly the state that doing it needs.
enum Role: Hashable, Sendable {
    /// Receives the log. Becomes a pre-candidate when no leader is heard for an election timeout.
    case follower(leader: MemberID?)
    /// Asks whether an election could be won. Becomes a candidate when a majority says yes; who has not said so is asked
    /// again, soon for the first few times, then in another round at every timeout. Term and vote stay as they are
    /// (dissertation §9.6).
    case preCandidate(round: UInt64, grants: Set<MemberID>, repeats: Int = 0)
    /// Asks for votes. Becomes leader with a majority, follower when it sees another leader or a
    /// higher term, pre-candidate at a timeout. Its own vote counts when it is flushed. The note is that of the transfer
    /// which has asked for this election, and for no other.
    case candidate(votes: Set<MemberID>, ownVote: WriteSequence, note: [UInt8])
    /// Sends the log. Becomes a follower at a higher term, or when it has not heard from a majority
    /// or its own disk for an election timeout. What it needs is in ``Replica/leadership``, which is changed with every message:
    /// in here, each change would take it out and put it back.
    case leader
}

/// Who leads, as seen from outside.
public enum RoleName: String, Sendable {
    case follower, preCandidate, candidate, leader
}

/// The state that belongs to leading one term.
struct Leadership: Hashable, Sendable {
    /// The index of this term's first entry. Nothing may be read, and no member changed, before it
    /// is committed.
    var firstIndex: Index
    /// The other members of the configuration in force, sorted by identifier.
    var followers: [Follower]
    /// The last heartbeat round that was begun.
    var round: UInt64 = 0
    /// When recent rounds began: per tick, the first of it.
    var roundStarts: [RoundStart] = []
    var heartbeatDue: UInt64 = 0
    /// Reads that wait for a round to be begun.
    var readsWaiting: [ReadOrigin] = []
    /// Reads that wait for `readRound` to be confirmed, with the index captured before it began.
    var readsInRound: [ReadOrigin] = []
    var readRound: UInt64 = 0
    var readIndex = Index.zero
    var transfer: Transfer?
    /// A change of the voters that waits for word of those that are left.
    var change: PendingChange?
    /// The snapshot that is being sent; one serves all followers that need one.
    var snapshot: Snapshot?
    var isTakingSnapshot = false
    /// What followers have asked for: a snapshot of an earlier state would not help them.
    var snapshotWanted = Index.zero
    var uncommittedBytes = 0

    struct RoundStart: Hashable, Sendable {
        var round: UInt64
        var tick: UInt64
    }

    struct Follower: Hashable, Sendable {
        let member: MemberID
        var progress: Progress
    }

    struct Transfer: Hashable, Sendable {
        var target: MemberID
        var note: [UInt8]
        var deadline: UInt64
        var isSent = false
    }

    /// A change of the voters is made when a majority of those that it leaves has answered a round that began after it was
    /// asked for.
    struct PendingChange: Hashable, Sendable {
        var token: ProposalToken
        var change: MembershipChange
        var round: UInt64
        var deadline: UInt64
    }

    /// Who asked to read.
    enum ReadOrigin: Hashable, Sendable {
        case local(ReadToken)
        case remote(MemberID, token: UInt64)
    }

    /// Notes that a round begins; forgets those that began before `oldest`.
    mutating func beginRound(at tick: UInt64, oldest: UInt64) {
        round += 1
        if roundStarts.last?.tick == tick { return }
        roundStarts.removeAll { $0.tick < oldest }
        roundStarts.append(RoundStart(round: round, tick: tick))
    }

    /// The tick in which a round began; `nil` when that is too long ago.
    func start(of round: UInt64) -> UInt64? {
        roundStarts.last { $0.round <= round }?.tick
    }

    func ordinal(of member: MemberID) -> Int? {
        followers.firstIndex { $0.member == member }
    }
}

/// Every bound of the protocol, with its reason.
public struct Limits: Hashable, Sendable {
    /// Ticks between heartbeats. With the driver's tick of 25 ms: 50 ms, a fifth of the shortest
    /// election timeout, so that losing a few in a row does no harm.
    public var heartbeatTicks = 2

    /// Whether followers learn of a commit with the next message they get anyhow, or when the owner asks for it
    /// (``Input/announceCommit``), instead of by a message of its own. A busy group spares two messages and two
    /// wake-ups a write for each follower that way; what a client is told does not depend on it.
    public var defersCommit = false

    /// The shortest election timeout, and the time for which a member that hears a leader ignores
    /// other candidates: 250 ms, some hundred times a round trip with a flush.
    public var electionTicksMin = 10

    /// The longest election timeout, 500 ms. The spread makes split votes rare (Raft §9.3).
    public var electionTicksMax = 20

    /// How long a member that has just started waits for a leader before it asks for pre-votes; never longer than an
    /// election timeout. When all were started at once, nobody leads and nobody will say so: waiting a whole timeout
    /// only delays the first write. When one leads, its followers refuse the pre-vote, so asking early does no harm.
    public var startTicksMin = 10
    public var startTicksMax = 20

    /// Ticks between the members that have been told that the leader's process has ended, before each asks for pre-votes:
    /// one after the other, so that they do not ask at once and take each other's votes.
    public var goneLeaderTicks = 2

    /// When a pre-candidate asks those again who have not said yes, 25 to 75 ms later, and how often. They may have heard
    /// the leader a moment later than this member did; without a second question, an election would wait for another
    /// timeout. Asking costs two small messages and changes nothing. After that, every timeout has to do.
    public var preVoteRepeatTicksMin = 1
    public var preVoteRepeatTicksMax = 3
    public var preVoteRepeatsMax = 8

    /// The largest payload that may be proposed; a larger one would hold up everything behind it.
    public var payloadBytesMax = 1 << 20

    /// Entries in one append message: a few flushes' worth, and small beside the transport's queue.
    public var appendBytesMax = 1 << 20
    public var appendEntriesMax = 1_024

    /// What may be on its way to one follower and not yet acknowledged: fills a 1 Gbit/s link with
    /// 60 ms of delay, and bounds what is sent again after a loss.
    public var inFlightMessagesMax = 64
    public var inFlightBytesMax = 8 << 20

    /// What a leader holds appended and not committed; proposals beyond it are refused as busy.
    public var uncommittedBytesMax = 16 << 20
    public var uncommittedEntriesMax = 16_384

    /// Entries kept in memory for followers that are a little behind; older ones are read from
    /// storage. Entries not yet applied stay in memory beyond it.
    public var cacheBytesMax = 16 << 20

    /// Entries that a member holds in memory behind one that it cannot read, before it takes no more: days of a busy cluster, in which
    /// to bring it to a version that can.
    public var unreadEntriesMax = 65_536
    public var unreadBytesMax = 64 << 20

    /// A piece of a snapshot: small enough that a heartbeat behind it on a 1 MB/s link is not late.
    public var snapshotChunkBytes = 64 << 10

    /// The largest snapshot a member accepts, because it is assembled in memory.
    public var snapshotBytesMax = 512 << 20

    /// Heartbeat replies without any progress before what is in flight counts as lost.
    public var stalledRepliesMax = 3

    /// Reads waiting for confirmation; more are refused as busy.
    public var readsMax = 16_384

    /// A learner is promoted only when it lacks no more than this; it catches up in one round trip.
    public var promotionLagMax = 1_024

    /// More voters make every write slower and no cluster safer; more learners cost the leader a
    /// stream each.
    public var votersMax = 7
    public var learnersMax = 64

    public init() {}
}

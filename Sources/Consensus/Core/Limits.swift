/// Every bound of the protocol, with its reason.
package struct Limits: Hashable, Sendable {
    /// Ticks between heartbeats. With the driver's tick of 25 ms: 50 ms, a fifth of the shortest
    /// election timeout, so that losing a few in a row does no harm.
    package var heartbeatTicks = 2

    /// Whether followers learn of a commit with the next message they get anyhow, or when the owner asks for it
    /// (``Input/announceCommit``), instead of by a message of its own. A busy group spares two messages and two
    /// wake-ups a write for each follower that way; what a client is told does not depend on it.
    package var defersCommit = false

    /// The shortest election timeout, and the time for which a member that hears a leader ignores
    /// other candidates: 250 ms, some hundred times a round trip with a flush.
    package var electionTicksMin = 10

    /// The longest election timeout, 500 ms. The spread makes split votes rare (Raft §9.3).
    package var electionTicksMax = 20

    /// The largest payload that may be proposed; a larger one would hold up everything behind it.
    package var payloadBytesMax = 1 << 20

    /// Entries in one append message: a few flushes' worth, and small beside the transport's queue.
    package var appendBytesMax = 1 << 20
    package var appendEntriesMax = 1_024

    /// What may be on its way to one follower and not yet acknowledged: fills a 1 Gbit/s link with
    /// 60 ms of delay, and bounds what is sent again after a loss.
    package var inFlightMessagesMax = 64
    package var inFlightBytesMax = 8 << 20

    /// What a leader holds appended and not committed; proposals beyond it are refused as busy.
    package var uncommittedBytesMax = 16 << 20
    package var uncommittedEntriesMax = 16_384

    /// Entries kept in memory for followers that are a little behind; older ones are read from
    /// storage. Entries not yet applied stay in memory beyond it.
    package var cacheBytesMax = 16 << 20

    /// A piece of a snapshot: small enough that a heartbeat behind it on a 1 MB/s link is not late.
    package var snapshotChunkBytes = 64 << 10

    /// The largest snapshot a member accepts, because it is assembled in memory.
    package var snapshotBytesMax = 512 << 20

    /// Heartbeat replies without any progress before what is in flight counts as lost.
    package var stalledRepliesMax = 3

    /// Reads waiting for confirmation; more are refused as busy.
    package var readsMax = 16_384

    /// A learner is promoted only when it lacks no more than this; it catches up in one round trip.
    package var promotionLagMax = 1_024

    /// More voters make every write slower and no cluster safer; more learners cost the leader a
    /// stream each.
    package var votersMax = 7
    package var learnersMax = 64

    package init() {}
}

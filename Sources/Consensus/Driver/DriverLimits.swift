/// Bounds of the driver, each with its reason.
public struct DriverLimits: Hashable, Sendable {
    /// The length of a tick in nanoseconds: 25 ms, fine enough for an election timeout of 250 ms.
    public var tickNanoseconds: UInt64 = 25_000_000

    /// How long a proposal waits for its outcome; then it is "unknown". Ten seconds: longer than
    /// two elections in a row, shorter than a client's patience.
    public var proposalTicksMax: UInt64 = 400

    /// How long a proposal waits on after this member has stopped leading: most are committed by
    /// the next leader, which needs an election.
    public var orphanTicksMax: UInt64 = 60

    /// How long a follower may wait for word of a commit (``Limits/defersCommit``) that no other message brings: longer
    /// than a busy group takes from one entry to the next, and far shorter than a heartbeat.
    public var announcementNanoseconds: UInt64 = 2_000_000

    /// How long a read waits to be confirmed and applied.
    public var readTicksMax: UInt64 = 60

    /// What applied entries have changed is stored when they have waited for so many ticks, or with every so many entries, or
    /// when they are so long. The log has them, so it is only about how much is replayed at a start, and what a member without a
    /// majority shows after one: a tenth of a second less. A few hundred rows take about two milliseconds, for which the next
    /// entry has to wait at that member.
    public var changeTicks: UInt64 = 4
    public var changeEntries: UInt64 = 256
    public var changeBytes = 256 << 10

    /// Messages held for a flush; more than a flush can collect from members with bounded windows.
    public var heldMessagesMax = 65_536

    /// Entries and bytes of proposals waiting in the driver's inbox; more are refused as busy.
    public var inboxProposalsMax = 16_384
    public var inboxBytesMax = 32 << 20

    /// Messages waiting in the driver's inbox; more are dropped, as a network would.
    public var inboxMessagesMax = 8_192

    /// Applied entries that stay in the log for followers that were away: minutes of a busy
    /// cluster.
    public var retainedEntries = 16_384

    /// Compaction removes this many entries at a time.
    public var compactionStride: UInt64 = 2_048

    /// Ticks between two comparisons of states while there are changes, and while there are none: a second, ten seconds.
    public var compareTicks: UInt64 = 40
    public var compareIdleTicks: UInt64 = 400

    /// Ticks after which a member whose state differs from another voter's works its own out anew: two comparisons, in which a
    /// majority would have said who is right. Its snapshots wait twice as long.
    public var undecidedTicks: UInt64 = 80

    /// Entries per tick by which a voter that is alone works its state out a second time: more than it commits, mostly, and a few
    /// milliseconds.
    public var workedOutPerTick = 256

    /// Ticks after which storage looks how much room it has, whatever it has written; zero: storage has no end.
    public var spaceTicks: UInt64 = 0

    public init() {}
}

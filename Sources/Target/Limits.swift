import API

/// The bounds of a target, each with its reason.
enum TargetLimits {
    /// S3's bound, and far above what one disk should hold in one file.
    static let objectBytesMax = 5 << 40
    /// A body up to one piece is handled with one visit to the pool; larger ones with one per piece. Large enough
    /// that the visit (some 10 µs) does not count, small enough to stay in a core's cache.
    static let pieceBytes = 256 << 10
    /// Bodies that fit this take a small buffer, so that many small uploads do not hold much memory.
    static let smallPieceBytes = 16 << 10
    /// Pieces in memory at once: 256 MiB. An upload beyond that is answered `overloaded`.
    static let piecesMax = 1_024
    /// Encoded attributes must fit what one block of ext4 leaves for them.
    static let attributesBytesMax = 3_584
    /// Entries of the log that are applied on the loop at once; each costs a look at every disk.
    static let quickFramesMax = 16
    /// Up to so many targets follow the primary itself, which saves two hops on every change; beyond that they spread
    /// over all proxies, so that the primary does not send each change to everybody.
    static let targetsAtPrimaryMax = 32
    /// When a state that a redirect was computed from has not come for so long, another proxy is followed: the one followed
    /// may be cut off from the others and know nothing of it. Short enough for the other to serve some of those who wait.
    static let overdueNanoseconds: UInt64 = 700_000_000
    /// Requests that wait for such a state, as long as `timeout.cplane_operation` says; more would only hide that no state
    /// comes.
    static let positionWaitersMax = 4_096
    /// Of these, so many wait for a state that is not within reach (``PositionHorizon``): what a client makes up must not
    /// take the places of others.
    static let positionWaitersOutOfReachMax = 64
    /// When all proxies have just said how far they are, they are not asked again for a second because of positions out of
    /// reach.
    static let horizonNanoseconds: UInt64 = 1_000_000_000
    /// So many proxies are asked how far they are: more than a cluster has, as a rule.
    static let surveyedMax = 32
    /// A position that no proxy has is logged so often at most.
    static let unknownPositionLogNanoseconds: UInt64 = 60_000_000_000
    /// How often a target acknowledges what it has when nothing changes: a fraction of the silence that proxies bear.
    static let acknowledgeIntervalNanoseconds: UInt64 = 5_000_000_000
    /// A target that has heard of no proxy for so long is not ready; and not before it has given one up and asked another.
    static let contactSeconds = 10.0
    /// A proxy that takes no connection within this is passed over for the next.
    static let proxyConnectSeconds = 1.0
    /// What is noted of one mountpath that is away: some 300,000 names, in memory as well as eight bytes each.
    static let absenceBytesMax = 32 << 20
    /// Threads for durable commits. Those that wait for one commit of a journal share it, so more are faster, hardly any more
    /// beyond 32; where files are flushed without one they wait for each other's directories, and 32 are slower than 16.
    static func commitThreads(on mountpaths: MountpathSet) -> Int {
        mountpaths.all.allSatisfy(\.traits.keepsOrder) ? 32 : 16
    }
    /// What a target still accepts while it drains.
    static let drainSeconds = 5.0
    /// Objects removed in one go before the trash thread rests, and for how long: some 6000 a second at most.
    static let trashBatch = 64
    static let trashPauseMicroseconds: UInt32 = 10_000
    /// How often a target that removes its user data looks how far the trash is: soon after something was moved, then less and less.
    static let removalPauseMin: UInt64 = 100_000_000
    static let removalPauseMax: UInt64 = 5_000_000_000
    /// How far the access time on disk may be behind the one in memory.
    static let accessTimeLagNanoseconds: UInt64 = 60_000_000_000
    /// A file of node settings is a few lines.
    static let configBytesMax = 64 << 10
    static let clusterRecordBytesMax = 4_096
    /// A cached state is a snapshot and entries of its size, or a MiB of them, before a new one takes its place.
    static let cachedStateBytesMax = 2 * Limits.snapshotBytesMax
    static let cachedEntriesBytesMin = 1 << 20
    /// How long what was appended to a cached state may wait for its flush: what a power loss of this target may cost.
    static let cacheFlushNanoseconds: UInt64 = 500_000_000
    /// After a failure to write it: a full disk stays full for a while.
    static let cacheRetryNanoseconds: UInt64 = 10_000_000_000
    /// Those who ask for the cached state at once: each brings the whole of it back.
    static let cacheReadersMax = 2
}

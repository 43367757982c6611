/// Every bound of the wire contract, with the reason for each number.
package enum Limits {
    /// A control message is a few hundred bytes; lists of object names are the largest.
    package static let actionBytesMax = 1 << 20
    /// Documents nest five deep; the rest is room. Bounds the parser's stack.
    package static let jsonDepthMax = 32
    /// A failure is relayed only when it is one; more than this is not.
    package static let failureBytesMax = 64 << 10
    /// Page length when the client names none, as in AIStore.
    package static let listPageDefault = 10_000
    /// One page is held in memory by the proxy, once per target: some 100 bytes an entry.
    package static let listPageMax = 100_000
    /// The answer of one target to a page of `listPageMax` entries with the longest names in use.
    package static let listReplyBytesMax = 128 << 20
    /// A layout longer than this is not a time format but a mistake.
    package static let timeLayoutBytesMax = 128
    /// A piece of a snapshot: small beside a socket's buffers, large beside its header.
    package static let snapshotPieceBytes = 256 << 10
    /// A frame holds a log record (64 KiB at most) or a piece of a snapshot.
    package static let frameBytesMax = 1 << 20
    /// A hundred thousand buckets are about 30 MB as rows; ten times that.
    package static let snapshotBytesMax = 512 << 20
    /// How long an answer waits for a version when the client does not say, and how long at most: proxies of others in
    /// between give up earlier.
    package static let waitSecondsDefault = 30.0
    package static let waitSecondsMax = 300.0
    /// Entries of the history in one answer: a few hundred bytes each.
    package static let historyEntriesMax = 1_000
    /// How long a session may be idle, in nanoseconds: shorter ends while its client retries, longer outlives the client.
    package static let sessionNanosecondsRange: ClosedRange<UInt64> =
        1_000_000_000...86_400_000_000_000
    /// How long a query may be; a URL with the longest object name, encoded, fits the server's head.
    package static let queryBytesMax = 16 << 10
}

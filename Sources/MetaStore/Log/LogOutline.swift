package import Consensus

/// The shape of a stored log: what can be said of it without its entries.
package struct LogOutline: Equatable, Sendable {
    /// The last entry that is no longer kept.
    package var base: LogMark
    /// The terms of the entries behind it, in ascending order.
    package var runs: [TermRun]
    package var last: LogMark
    /// The hash chain up to the last entry.
    package var chain: UInt64
}

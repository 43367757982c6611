import Base
import Cluster

/// How far logs are known to have come, and what to make of a position beyond that: a redirect's `at=` is a client's word. It may be
/// damaged, or made up, and no log may ever get there. Pure; docs/decisions/0013 has the rules.
struct PositionHorizon: Equatable, Sendable {
    /// The newest position that a proxy is known to have.
    private(set) var newest = LogPosition.zero
    /// Until when positions out of reach are not asked about again: all proxies have just said that they have none of them.
    private var settledUntil = MonotonicTime(nanoseconds: 0)

    /// More entries than a group commits while a target catches up, or follows a proxy that is behind.
    static let reachEntries: UInt64 = 100_000
    /// More elections than go by in that time.
    static let reachTerms: UInt64 = 10_000

    mutating func note(_ position: LogPosition) {
        newest = max(newest, position)
    }

    /// All proxies have said how far they are.
    mutating func settle(_ newest: LogPosition, at now: MonotonicTime) {
        note(newest)
        settledUntil = MonotonicTime(
            nanoseconds: now.nanoseconds + TargetLimits.horizonNanoseconds)
    }

    /// What a request does that rests on a position which has not come.
    enum Verdict: Equatable, Sendable {
        /// It is a little further on: it will have been committed, and comes.
        case waits
        /// It is of another generation, or far ahead. That can be true; few may wait for it.
        case waitsWithFew
        /// No proxy has anything like it.
        case isUnknown
    }

    func verdict(_ position: LogPosition, at now: MonotonicTime) -> Verdict {
        if isWithinReach(position) { return .waits }
        return now < settledUntil ? .isUnknown : .waitsWithFew
    }

    private func isWithinReach(_ position: LogPosition) -> Bool {
        if position <= newest { return true }
        return (position.generation, position.nonce) == (newest.generation, newest.nonce)
            && position.term <= newest.term.addingClamped(Self.reachTerms)
            && position.index <= newest.index.addingClamped(Self.reachEntries)
    }
}

extension UInt64 {
    fileprivate func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}

/// The longest times without a success, each with its place in the run, so that one can be laid beside what was done to the servers meanwhile.
struct Gaps: Sendable {
    struct Gap: Sendable, Equatable {
        /// Nanoseconds from the begin of the run.
        var from: UInt64
        var length: UInt64
    }

    /// The longest first, `Limits.gapsMax` at most.
    private(set) var longest: [Gap] = []

    mutating func note(_ gap: Gap) {
        if longest.count == Limits.gapsMax {
            guard gap.length > longest[longest.count - 1].length else { return }
            longest.removeLast()
        }
        let place = longest.firstIndex { $0.length < gap.length } ?? longest.endIndex
        longest.insert(gap, at: place)
    }

    mutating func add(_ other: Gaps) {
        for gap in other.longest { note(gap) }
    }
}

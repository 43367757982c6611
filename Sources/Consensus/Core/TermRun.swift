/// A stretch of the log written by one leader: from `first` until the next run begins, every entry
/// has `term`.
///
/// Terms change only with elections, so a log of millions of entries is a handful of runs, and the
/// core can tell the term of any index without reading the disk.
public struct TermRun: Hashable, Sendable {
    public var first: Index
    public var term: Term

    public init(first: Index, term: Term) {
        self.first = first
        self.term = term
    }
}

/// A stretch of the log written by one leader: from `first` until the next run begins, every entry
/// has `term`.
///
/// Terms change only with elections, so a log of millions of entries is a handful of runs, and the
/// core can tell the term of any index without reading the disk.
package struct TermRun: Hashable, Sendable {
    package var first: Index
    package var term: Term

    package init(first: Index, term: Term) {
        self.first = first
        self.term = term
    }
}

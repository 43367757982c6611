/// The identity of one entry: within a generation, equal marks mean equal logs up to there (Raft
/// §5.3).
package struct LogMark: Hashable, Sendable {
    package var index: Index
    package var term: Term

    package init(index: Index, term: Term) {
        self.index = index
        self.term = term
    }

    package static let zero = LogMark(index: .zero, term: .zero)

    /// Whether a log ending here is at least as up-to-date as one ending at `other` (Raft §5.4.1).
    package func isUpToDate(with other: LogMark) -> Bool {
        (term, index) >= (other.term, other.index)
    }
}

extension LogMark: CustomStringConvertible {
    package var description: String { "\(index):\(term)" }
}

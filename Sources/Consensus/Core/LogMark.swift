/// The identity of one entry: within a generation, equal marks mean equal logs up to there (Raft
/// §5.3).
public struct LogMark: Hashable, Sendable {
    public var index: Index
    public var term: Term

    public init(index: Index, term: Term) {
        self.index = index
        self.term = term
    }

    public static let zero = LogMark(index: .zero, term: .zero)

    /// Whether a log ending here is at least as up-to-date as one ending at `other` (Raft §5.4.1).
    public func isUpToDate(with other: LogMark) -> Bool {
        (term, index) >= (other.term, other.index)
    }
}

extension LogMark: CustomStringConvertible {
    public var description: String { "\(index):\(term)" }
}

/// An election epoch: at most one leader exists in each (Raft §5.1).
package struct Term: Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Before any election.
    package static let zero = Term(0)

    package var next: Term { Term(rawValue + 1) }

    package static func < (left: Term, right: Term) -> Bool { left.rawValue < right.rawValue }
}

extension Term: CustomStringConvertible {
    package var description: String { String(rawValue) }
}

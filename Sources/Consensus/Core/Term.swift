/// An election epoch: at most one leader exists in each (Raft §5.1).
public struct Term: Hashable, Comparable, Sendable {
    public var rawValue: UInt64

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Before any election.
    public static let zero = Term(0)

    public var next: Term { Term(rawValue + 1) }

    public static func < (left: Term, right: Term) -> Bool { left.rawValue < right.rawValue }
}

extension Term: CustomStringConvertible {
    public var description: String { String(rawValue) }
}

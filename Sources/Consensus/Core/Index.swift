/// The place of an entry in the log; the first entry has index 1 and 0 means "before the log".
public struct Index: Hashable, Comparable, Sendable {
    public var rawValue: UInt64

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    public static let zero = Index(0)

    public var next: Index { Index(rawValue + 1) }

    /// The index before this one; zero stays zero.
    public var previous: Index { Index(rawValue == 0 ? 0 : rawValue - 1) }

    public func advanced(by count: Int) -> Index { Index(rawValue + UInt64(count)) }

    /// The number of indices from `start` to this one; zero when `start` is later.
    public func distance(from start: Index) -> Int {
        rawValue > start.rawValue ? Int(clamping: rawValue - start.rawValue) : 0
    }

    public static func < (left: Index, right: Index) -> Bool { left.rawValue < right.rawValue }
}

extension Index: CustomStringConvertible {
    public var description: String { String(rawValue) }
}

/// The place of an entry in the log; the first entry has index 1 and 0 means "before the log".
package struct Index: Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static let zero = Index(0)

    package var next: Index { Index(rawValue + 1) }

    /// The index before this one; zero stays zero.
    package var previous: Index { Index(rawValue == 0 ? 0 : rawValue - 1) }

    package func advanced(by count: Int) -> Index { Index(rawValue + UInt64(count)) }

    /// The number of indices from `start` to this one; zero when `start` is later.
    package func distance(from start: Index) -> Int {
        rawValue > start.rawValue ? Int(clamping: rawValue - start.rawValue) : 0
    }

    package static func < (left: Index, right: Index) -> Bool { left.rawValue < right.rawValue }
}

extension Index: CustomStringConvertible {
    package var description: String { String(rawValue) }
}

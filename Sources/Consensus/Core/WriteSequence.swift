/// Numbers the core's writes in the order it asked for them; a flush completes all writes up to its
/// number.
package struct WriteSequence: Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Flushed before the member started: nothing to wait for.
    package static let zero = WriteSequence(0)

    package var next: WriteSequence { WriteSequence(rawValue + 1) }

    package static func < (left: WriteSequence, right: WriteSequence) -> Bool {
        left.rawValue < right.rawValue
    }
}

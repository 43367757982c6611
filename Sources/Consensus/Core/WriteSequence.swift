/// Numbers the core's writes in the order it asked for them; a flush completes all writes up to its
/// number.
public struct WriteSequence: Hashable, Comparable, Sendable {
    public var rawValue: UInt64

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Flushed before the member started: nothing to wait for.
    public static let zero = WriteSequence(0)

    public var next: WriteSequence { WriteSequence(rawValue + 1) }

    public static func < (left: WriteSequence, right: WriteSequence) -> Bool {
        left.rawValue < right.rawValue
    }
}

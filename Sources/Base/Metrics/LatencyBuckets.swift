/// The upper bounds by which durations are told apart: dense where a disk or a neighbour answers, and up to a
/// quarter of a minute, beyond which nothing here waits.
public enum LatencyBuckets {
    /// Nanoseconds, rising. What takes longer than the last falls into one more bucket.
    public static let bounds: [UInt64] = [
        10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
        100_000_000, 250_000_000, 500_000_000,
        1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
    ]

    public static let count = bounds.count + 1

    /// The bucket of a duration: the first whose bound it does not exceed. Most are found within a few steps, as most
    /// requests are fast.
    public static func index(of nanoseconds: UInt64) -> Int {
        bounds.firstIndex { nanoseconds <= $0 } ?? bounds.count
    }
}

/// Durations, as they were counted: how many fell into each bucket, and their sum.
public struct LatencyHistogram: Equatable, Sendable {
    public var buckets = [UInt64](repeating: 0, count: LatencyBuckets.count)
    /// Nanoseconds.
    public var sum: UInt64 = 0

    public init() {}

    public var count: UInt64 { buckets.reduce(0, &+) }

    public mutating func add(nanoseconds: UInt64) {
        buckets[LatencyBuckets.index(of: nanoseconds)] &+= 1
        sum &+= nanoseconds
    }
}

/// Counts latencies in buckets whose width is at most 1.6 % of their value.
///
/// Within each power of two lie 64 equal buckets, so one shift finds a bucket, recording never
/// allocates, and two histograms add up by adding counts.
struct Histogram: Sendable, Equatable {
    private static let subBits = 6
    private static let bucketCount = (43 - subBits) << subBits
    private var counts = [UInt64](repeating: 0, count: bucketCount)
    private(set) var count: UInt64 = 0
    private(set) var maximum: UInt64 = 0
    private(set) var sum: UInt64 = 0

    mutating func record(nanoseconds: UInt64) {
        let value = min(nanoseconds, Limits.latencyNanosecondsMax - 1)
        counts[Self.bucket(of: value)] += 1
        count += 1
        sum += value
        maximum = max(maximum, value)
    }

    mutating func add(_ other: Histogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum += other.sum
        maximum = max(maximum, other.maximum)
    }

    /// The latency that a fraction of all requests did not exceed, in nanoseconds; 0 when empty.
    func percentile(_ fraction: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let rank = max(1, UInt64((fraction * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for index in counts.indices {
            seen += counts[index]
            if seen >= rank { return min(maximum, Self.upperBound(of: index)) }
        }
        return maximum
    }

    var mean: UInt64 { count == 0 ? 0 : sum / count }

    /// Values below 64 have a bucket each; above, the six bits after the leading one choose.
    static func bucket(of value: UInt64) -> Int {
        guard value >= 64 else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        let shift = exponent - subBits
        return (shift + 1) << subBits + Int(value >> UInt64(shift)) - 64
    }

    /// The largest value that falls into the bucket.
    static func upperBound(of bucket: Int) -> UInt64 {
        guard bucket >= 64 else { return UInt64(bucket) }
        let shift = UInt64(bucket >> subBits - 1)
        return (UInt64(bucket & 63 + 64) + 1) << shift - 1
    }
}

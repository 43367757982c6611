import Testing

@testable import LoadGenerator

/// Latency histograms: small error, exact counts.
@Suite struct HistogramTests {
    @Test func `every bucket ends where the next one begins`() {
        for value in [UInt64](0...5000) + [1 << 20, 1 << 30, (1 << 41) + 12_345] {
            let bucket = Histogram.bucket(of: value)
            #expect(Histogram.upperBound(of: bucket) >= value)
            #expect(bucket == 0 || Histogram.upperBound(of: bucket - 1) < value)
        }
    }

    @Test func `percentiles are right to within one part in 64`() {
        var histogram = Histogram()
        for value in 1...100_000 { histogram.record(nanoseconds: UInt64(value)) }
        for fraction in [0.5, 0.9, 0.99, 0.999] {
            let exact = fraction * 100_000
            let found = Double(histogram.percentile(fraction))
            #expect(found >= exact && found <= exact * (1 + 1.0 / 64))
        }
        #expect(histogram.percentile(1) == 100_000)
        #expect(histogram.mean == 50_000)
    }

    @Test func `two histograms add up to that of all values`() {
        var (odd, even, all) = (Histogram(), Histogram(), Histogram())
        for value in 1...1000 {
            if value % 2 == 0 {
                even.record(nanoseconds: UInt64(value))
            } else {
                odd.record(nanoseconds: UInt64(value))
            }
            all.record(nanoseconds: UInt64(value))
        }
        odd.add(even)
        #expect(odd == all)
    }

    @Test func `nothing recorded is zero, and the longest wait is kept within bounds`() {
        var histogram = Histogram()
        #expect(histogram.percentile(0.99) == 0)
        #expect(histogram.mean == 0)
        histogram.record(nanoseconds: .max)
        #expect(histogram.maximum == Limits.latencyNanosecondsMax - 1)
    }
}

import FoundationEssentials

/// The result of a run, for people and, as JSON, for programs.
struct LoadReport: Encodable {
    let workload: String
    let concurrency: Int
    /// Seconds since 1970.
    let begun: Double
    let seconds: Double
    let requests: UInt64
    let requestsPerSecond: Double
    let bytes: UInt64
    let mebibytesPerSecond: Double
    let p50Microseconds: Double
    let p90Microseconds: Double
    let p99Microseconds: Double
    let maxMicroseconds: Double
    let meanMicroseconds: Double
    /// The longest times in which some worker had no success, the longest first.
    let gaps: [Gap]
    let failed: UInt64
    let failures: [String: UInt64]
    let mismatches: UInt64
    let examples: [String]

    struct Gap: Encodable {
        /// Microseconds from the begin of the run.
        let from: Double
        let length: Double

        enum CodingKeys: String, CodingKey {
            case from = "from_us"
            case length = "length_us"
        }
    }

    enum CodingKeys: String, CodingKey {
        case workload, concurrency, begun, seconds, gaps, requests, bytes, failed, failures,
            mismatches, examples
        case requestsPerSecond = "requests_per_second"
        case mebibytesPerSecond = "mib_per_second"
        case p50Microseconds = "p50_us"
        case p90Microseconds = "p90_us"
        case p99Microseconds = "p99_us"
        case maxMicroseconds = "max_us"
        case meanMicroseconds = "mean_us"
    }

    init(workload: String, concurrency: Int, begun: Date, elapsed: Duration, tally: Tally) {
        let latencies = tally.latencies
        func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1000 }
        self.workload = workload
        self.concurrency = concurrency
        self.begun = begun.timeIntervalSince1970
        seconds = elapsed / .seconds(1)
        requests = latencies.count
        requestsPerSecond = seconds > 0 ? Double(latencies.count) / seconds : 0
        bytes = tally.bytes
        mebibytesPerSecond = seconds > 0 ? Double(tally.bytes) / 1_048_576 / seconds : 0
        p50Microseconds = microseconds(latencies.percentile(0.5))
        p90Microseconds = microseconds(latencies.percentile(0.9))
        p99Microseconds = microseconds(latencies.percentile(0.99))
        maxMicroseconds = microseconds(latencies.maximum)
        meanMicroseconds = microseconds(latencies.mean)
        gaps = tally.gaps.longest.map {
            Gap(from: microseconds($0.from), length: microseconds($0.length))
        }
        failed = tally.failureCount
        failures = tally.failures
        mismatches = tally.mismatches
        examples = tally.examples
    }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: (try? encoder.encode(self)) ?? Data(), as: UTF8.self) + "\n"
    }

    var text: String {
        var text = """
            \(workload), \(concurrency) at a time, \(Self.rounded(seconds)) s
              requests   \(requests) (\(Self.rounded(requestsPerSecond))/s, \
            \(Self.rounded(mebibytesPerSecond)) MiB/s)
              latency    p50 \(Self.rounded(p50Microseconds)) µs, p90 \(Self.rounded(p90Microseconds)) µs, \
            p99 \(Self.rounded(p99Microseconds)) µs, max \(Self.rounded(maxMicroseconds)) µs
              failed     \(failed)
              mismatches \(mismatches)

            """
        for (kind, count) in failures.sorted(by: { $0.key < $1.key }) {
            text += "    \(kind): \(count)\n"
        }
        for example in examples { text += "    \(example)\n" }
        return text
    }

    private static func rounded(_ value: Double) -> String {
        let tenths = (value * 10).rounded()
        return value >= 100 ? "\(Int(value.rounded()))" : "\(tenths / 10)"
    }
}

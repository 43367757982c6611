/// What one worker counted, and what all of them counted together.
struct Tally: Sendable {
    var latencies = Histogram()
    var bytes: UInt64 = 0
    /// The longest times in which some worker had no success.
    var gaps = Gaps()
    /// Failed requests by kind.
    var failures: [String: UInt64] = [:]
    /// Answers whose content was not what had been stored; each described, the first few kept.
    var mismatches: UInt64 = 0
    var examples: [String] = []

    mutating func fail(_ failure: LoadFailure) { failures[failure.description, default: 0] += 1 }

    mutating func mismatch(_ description: String) {
        mismatches += 1
        if examples.count < 10 { examples.append(description) }
    }

    mutating func add(_ other: Tally) {
        latencies.add(other.latencies)
        bytes += other.bytes
        gaps.add(other.gaps)
        failures.merge(other.failures, uniquingKeysWith: +)
        mismatches += other.mismatches
        examples = Array((examples + other.examples).prefix(10))
    }

    var failureCount: UInt64 { failures.values.reduce(0, +) }
}

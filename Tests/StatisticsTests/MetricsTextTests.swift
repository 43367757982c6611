import Base
import TestSupport
import Testing

/// Prometheus' text, and that the parser of these tests refuses what is not.
@Suite struct MetricsTextTests {
    @Test func `labels and help are escaped`() throws {
        var text = MetricsText()
        text.family("martlet_a", .gauge, "Back \\ slash\nand line.") {
            $0.sample(1.5, [("path", "/a \"b\"\\c\nd"), ("other", "é{},=")])
        }
        let written = String(decoding: text.bytes, as: UTF8.self)
        #expect(
            written == """
                # HELP martlet_a Back \\\\ slash\\nand line.
                # TYPE martlet_a gauge
                martlet_a{path="/a \\"b\\"\\\\c\\nd",other="é{},="} 1.5

                """)
        let sample = try #require(try ParsedMetrics(written).families["martlet_a"]?.samples.first)
        #expect(sample.labels == ["path": "/a \"b\"\\c\nd", "other": "é{},="])
    }

    @Test func `a histogram adds up bucket by bucket`() throws {
        var histogram = LatencyHistogram()
        for nanoseconds: UInt64 in [1, 10_000, 10_001, 3_000_000, 20_000_000_000] {
            histogram.add(nanoseconds: nanoseconds)
        }
        var text = MetricsText()
        text.family("martlet_t_seconds", .histogram, "Time.") {
            $0.sample(histogram, [("operation", "get")])
        }
        let metrics = try ParsedMetrics(String(decoding: text.bytes, as: UTF8.self))
        func bucket(_ bound: String) -> Double? {
            metrics.value("martlet_t_seconds_bucket", ["le": bound])
        }
        #expect(bucket("1e-05") == 2)
        #expect(bucket("2.5e-05") == 3)
        #expect(bucket("0.0025") == 3)
        #expect(bucket("0.005") == 4)
        #expect(bucket("10.0") == 4)
        #expect(bucket("+Inf") == 5)
        #expect(metrics.value("martlet_t_seconds_count") == 5)
        let sum = try #require(metrics.value("martlet_t_seconds_sum"))
        #expect(abs(sum - 20.003020002) < 1e-9)
    }

    @Test func `a family without samples is left out`() {
        var text = MetricsText()
        text.family("martlet_none", .gauge, "Nothing.") { _ in }
        #expect(text.bytes.isEmpty)
    }

    @Test(arguments: [
        "martlet_a 1\n",
        "# HELP martlet_a x\n# TYPE martlet_a gauge\nmartlet_b 1\n",
        "# HELP martlet_a x\n# TYPE martlet_a gauge\nmartlet_a 1\nmartlet_a 2\n",
        "# HELP martlet_a x\n# TYPE martlet_a gauge\nmartlet_a{b=\"c} 1\n",
        "# HELP martlet_a x\n# TYPE martlet_a gauge\nmartlet_a{b=\"\\x\"} 1\n",
        "# HELP martlet_a x\n# TYPE martlet_a counter\nmartlet_a 1\n",
        "# HELP martlet_a_total x\n# TYPE martlet_a_total gauge\nmartlet_a_total 1\n",
        "# HELP martlet_ns x\n# TYPE martlet_ns gauge\nmartlet_ns 1\n",
        "# TYPE martlet_a gauge\nmartlet_a 1\n",
        "# HELP martlet_a x\n# TYPE martlet_a gauge\nmartlet_a one\n",
        "# HELP martlet_a x\n# TYPE martlet_a gauge\nmartlet_a 1",
        "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
    ])
    func `what is not valid is refused`(_ text: String) {
        #expect(throws: ParsedMetrics.Problem.self) { try ParsedMetrics(text) }
    }
}

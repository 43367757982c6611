/// Writes metrics in Prometheus' text format, version 0.0.4.
///
/// Families come one after the other, each with its help and type before its samples, as the format wants it. Names are
/// ours, so a wrong one is a bug; values of labels come from outside and are escaped.
public struct MetricsText: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var families: Set<String> = []

    public static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

    public enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    public typealias Labels = [(name: String, value: String)]

    public init() {
        bytes.reserveCapacity(16 << 10)
    }

    /// A family, and its samples in `body`; one without samples is left out.
    public mutating func family(
        _ name: String, _ kind: Kind, _ help: String, _ body: (inout Family) -> Void
    ) {
        precondition(Self.isName(name), "'\(name)' is not a metric's name")
        precondition(families.insert(name).inserted, "the family \(name) is written twice")
        var family = Family(name: name, kind: kind)
        body(&family)
        guard !family.bytes.isEmpty else { return }
        append("# HELP \(name) \(Self.escaped(help, quote: false))\n")
        append("# TYPE \(name) \(kind.rawValue)\n")
        bytes += family.bytes
    }

    public mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        family(name, .gauge, help) { $0.sample(value) }
    }

    public mutating func gauge(_ name: String, _ help: String, _ value: some BinaryInteger) {
        family(name, .gauge, help) { $0.sample(value) }
    }

    public mutating func counter(_ name: String, _ help: String, _ value: some BinaryInteger) {
        family(name, .counter, help) { $0.sample(value) }
    }

    /// The samples of one family.
    public struct Family {
        fileprivate let name: String
        fileprivate let kind: Kind
        fileprivate var bytes: [UInt8] = []

        public mutating func sample(_ value: some BinaryInteger, _ labels: Labels = []) {
            line("", labels, "\(value)")
        }

        public mutating func sample(_ value: Double, _ labels: Labels = []) {
            line("", labels, MetricsText.number(value))
        }

        /// Durations, in seconds.
        public mutating func sample(_ histogram: LatencyHistogram, _ labels: Labels = []) {
            precondition(kind == .histogram, "\(name) is no histogram")
            var sum: UInt64 = 0
            for (bound, count) in zip(LatencyBuckets.bounds, histogram.buckets) {
                sum &+= count
                let le = MetricsText.number(Double(bound) / 1e9)
                line("_bucket", labels + [("le", le)], "\(sum)")
            }
            sum &+= histogram.buckets[LatencyBuckets.bounds.count]
            line("_bucket", labels + [("le", "+Inf")], "\(sum)")
            line("_sum", labels, MetricsText.number(Double(histogram.sum) / 1e9))
            line("_count", labels, "\(sum)")
        }

        private mutating func line(_ suffix: String, _ labels: Labels, _ value: String) {
            var text = name + suffix
            if !labels.isEmpty {
                let pairs = labels.map { label in
                    precondition(
                        MetricsText.isName(label.name), "'\(label.name)' is not a label's name")
                    return "\(label.name)=\"\(MetricsText.escaped(label.value, quote: true))\""
                }
                text += "{\(pairs.joined(separator: ","))}"
            }
            bytes += Array("\(text) \(value)\n".utf8)
        }
    }

    private mutating func append(_ text: String) {
        bytes += Array(text.utf8)
    }

    /// Letters, digits and underscores; not a digit first.
    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                || $0 == UInt8(ascii: "_")
        }
    }

    private static func escaped(_ text: String, quote: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quote: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    fileprivate static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return "\(value)"
    }
}

/// A type that a command-line value can be read as.
public protocol ArgumentValue {
    /// Reads the text, or answers `nil` when it does not have the right form.
    init?(argument: String)
    /// What the text should have been, as it appears in "X is not …": `a whole number`.
    static var expectation: String { get }
}

extension String: ArgumentValue {
    public init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        self = argument
    }
    public static var expectation: String { "a text (it is empty)" }
}

extension Int: ArgumentValue {
    public init?(argument: String) { self.init(argument, radix: 10) }
    public static var expectation: String { "a whole number" }
}

extension UInt16: ArgumentValue {
    public init?(argument: String) { self.init(argument, radix: 10) }
    public static var expectation: String { "a whole number from 0 to 65535" }
}

extension UInt64: ArgumentValue {
    public init?(argument: String) { self.init(argument, radix: 10) }
    public static var expectation: String { "a whole number that is not negative" }
}

extension Double: ArgumentValue {
    public init?(argument: String) {
        guard let value = Double(argument), value.isFinite else { return nil }
        self = value
    }
    public static var expectation: String { "a number" }
}

/// A number with a unit: `250ms`, `30s`, `5m`, `2h`, and `us`, `ns`.
extension Duration: ArgumentValue {
    public init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), count <= 1_000_000_000 else { return nil }
        switch argument.dropFirst(digits.count) {
        case "ns": self = .nanoseconds(count)
        case "us": self = .microseconds(count)
        case "ms": self = .milliseconds(count)
        case "s": self = .seconds(count)
        case "m": self = .seconds(count * 60)
        case "h": self = .seconds(count * 3600)
        default: return nil
        }
    }
    public static var expectation: String { "a duration such as 250ms, 30s, 5m or 2h" }
}

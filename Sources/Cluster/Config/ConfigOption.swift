import Base

/// One setting of the configuration document (contract §9): its name, the values it takes, who may set it, and what
/// setting it does. ``ConfigOption/all`` is the whole table.
public struct ConfigOption: Sendable {
    /// What values there are, and how documents show them.
    public enum Kind: Equatable, Sendable {
        case flag
        case number(ClosedRange<UInt64>)
        /// A number that documents show as text.
        case numeral(ClosedRange<UInt64>)
        /// `0` to `5`, or a word for it; shown as text.
        case level
        /// Between two numbers of milliseconds; shown as it was written.
        case duration(ClosedRange<UInt64>)
        case word([String])
        /// `never`, `always` or `ratio=N`.
        case compression
        case text
        /// A section that the node fills in.
        case object
    }

    public enum Scope: Equatable, Sendable {
        /// One value for all nodes: they would not work together with different ones.
        case cluster
        /// A value for the cluster, and nodes may have their own.
        case both
    }

    public enum Effect: Equatable, Sendable {
        /// Every node acts on it as soon as it has applied the change.
        case atOnce
        /// Buckets that are created from now on start with it.
        case newBuckets
        /// It cannot be set, and why.
        case fixed(String)
    }

    public let name: String
    public let kind: Kind
    /// What it is when nobody has set it.
    public let initial: String
    public let scope: Scope
    public let effect: Effect
    /// Whether the document shows it.
    public let isShown: Bool
    /// The nodes that act on it; a value of its own means nothing to another.
    public let readers: [NodeRole]

    private init(
        _ name: String, _ kind: Kind, _ initial: String, _ scope: Scope, _ effect: Effect,
        isShown: Bool = true, readers: [NodeRole] = NodeRole.allCases
    ) {
        self.name = name
        self.kind = kind
        self.initial = initial
        self.scope = scope
        self.effect = effect
        self.isShown = isShown
        self.readers = readers
    }

    static func live(
        _ name: String, _ kind: Kind, _ initial: String, _ scope: Scope = .both,
        readBy readers: [NodeRole] = NodeRole.allCases
    ) -> ConfigOption {
        ConfigOption(name, kind, initial, scope, .atOnce, readers: readers)
    }

    static func newBuckets(_ name: String, _ kind: Kind, _ initial: String) -> ConfigOption {
        ConfigOption(name, kind, initial, .cluster, .newBuckets)
    }

    static func fixed(
        _ name: String, _ kind: Kind, _ initial: String, _ reason: String, isShown: Bool = true
    ) -> ConfigOption {
        ConfigOption(name, kind, initial, .both, .fixed(reason), isShown: isShown)
    }

    /// The part behind the last dot.
    public var leaf: Substring {
        name.lastIndex(of: ".").map { name[name.index(after: $0)...] } ?? name[...]
    }

    /// Whether the file that a node is started with may have it, too (``LiveConfig``).
    var isOfFile: Bool { name == "log.level" }

    public var canBeSet: Bool {
        if case .fixed = effect { return false }
        return true
    }
}

// MARK: - Finding

extension ConfigOption {
    /// A name in a request is a few words; a longer one is none.
    public static let nameBytesMax = 128
    public static let valueBytesMax = 256

    private static let byName: [String: ConfigOption] = Dictionary(
        uniqueKeysWithValues: all.map { ($0.name, $0) })
    private static let byLeaf: [Substring: [ConfigOption]] = Dictionary(
        grouping: all, by: \.leaf)
    /// Names of AIStore's documents for what its configuration calls otherwise.
    private static let aliases = [
        "log.loglevel": "log.level", "loglevel": "log.level", "log_level": "log.level",
    ]

    /// The option of exactly this name.
    public static func named(_ name: String) -> ConfigOption? { byName[name] }

    /// Finds the option that a request means: by its dotted name, an alias, or the leaf of exactly one name.
    public static func find(_ name: String) throws(ConfigMistake) -> ConfigOption {
        if let option = byName[aliases[name] ?? name] { return option }
        guard !name.contains("."), let found = byLeaf[name[...]] else { throw .unknown(name) }
        guard found.count == 1 else { throw .ambiguous(name, found.map(\.name)) }
        return found[0]
    }

    /// - Parameters:
    ///   - scope: whose value is to be set.
    ///   - isTransient: whether it is for the present run of nodes only.
    /// - Throws: why this option is not set so.
    public func requireSettable(
        in scope: ConfigChange.Scope, isTransient: Bool = false
    ) throws(ConfigMistake) {
        if case .fixed(let reason) = effect { throw .refused(name, reason: reason) }
        guard self.scope == .cluster else { return }
        guard !isTransient else {
            throw .refused(
                name,
                reason: "it has one value for the whole cluster, which is kept and is not for one "
                    + "run of a node: PUT /v1/cluster, without transient")
        }
        if case .node = scope {
            throw .refused(
                name, reason: "it has one value for the whole cluster; set it by PUT /v1/cluster")
        }
    }

    /// - Parameter role: of a node that is to have a value of its own.
    /// - Throws: that such a node does not act on the option, and who does.
    public func requireReader(_ role: NodeRole) throws(ConfigMistake) {
        guard !readers.contains(role), canBeSet else { return }
        let others = readers.contains(.proxy) ? "proxies" : "targets"
        throw .refused(
            name,
            reason:
                "a \(role.text) does not act on it; \(others) do: set it there, or for the cluster")
    }

    /// Why it cannot be set; `nil` when it can.
    public var refusal: String? {
        if case .fixed(let reason) = effect { reason } else { nil }
    }
}

// MARK: - Values

extension ConfigOption {
    private static let levelWords = ["error": "0", "warning": "1", "info": "3", "debug": "4"]

    /// The value as it is kept and shown; equal settings have equal texts, but for durations, which stay as written.
    public func canonical(_ text: String) throws(ConfigMistake) -> String {
        guard text.utf8.count <= Self.valueBytesMax, let value = checked(text) else {
            throw .badValue(name, value: text.excerpt, expected: expectation)
        }
        return value
    }

    private func checked(_ text: String) -> String? {
        switch kind {
        case .flag:
            switch text.lowercased() {
            case "true", "t", "1", "yes", "y", "on": return "true"
            case "false", "f", "0", "no", "n", "off": return "false"
            default: return nil
            }
        case .number(let range), .numeral(let range):
            guard let number = Self.number(text), range.contains(number) else { return nil }
            return String(number)
        case .level:
            if let level = Self.levelWords[text.lowercased()] { return level }
            guard let number = Self.number(text), number <= 5 else { return nil }
            return String(number)
        case .duration(let range):
            guard text.utf8.count <= BucketProperties.textBytesMax,
                let nanoseconds = ConfigDuration.nanoseconds(text),
                (range.lowerBound * 1_000_000...range.upperBound * 1_000_000)
                    .contains(nanoseconds)
            else { return nil }
            return text
        case .word(let words): return words.contains(text) ? text : nil
        case .compression:
            if text == "never" || text == "always" { return text }
            guard text.hasPrefix("ratio="), let ratio = Self.number(String(text.dropFirst(6)))
            else { return nil }
            return "ratio=\(ratio)"
        case .text: return text
        case .object: return nil
        }
    }

    /// Whether two of its values mean the same. What they are written like counts where it is kept, and not where nothing is.
    public func isSame(_ one: String, _ other: String) -> Bool {
        guard case .duration = kind else { return one == other }
        return one == other
            || ConfigDuration.nanoseconds(one) == ConfigDuration.nanoseconds(other)
    }

    private static func number(_ text: String) -> UInt64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
    }

    /// What the option takes, in words.
    public var expectation: String {
        switch kind {
        case .flag: "true or false"
        case .number(let range), .numeral(let range):
            "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .level: "0 to 5, or error, warning, info or debug"
        case .duration(let range):
            "a duration with its unit, such as 10s or 1m30s, from \(Self.text(range.lowerBound)) to "
                + Self.text(range.upperBound)
        case .word(let words): "one of \(words.joined(separator: ", "))"
        case .compression: "never, always or ratio=N"
        case .text: "a text"
        case .object: "set when the node starts"
        }
    }

    private static func text(_ milliseconds: UInt64) -> String {
        switch milliseconds {
        case let time where time > 0 && time.isMultiple(of: 3_600_000): "\(time / 3_600_000)h"
        case let time where time > 0 && time.isMultiple(of: 1_000): "\(time / 1_000)s"
        default: "\(milliseconds)ms"
        }
    }
}

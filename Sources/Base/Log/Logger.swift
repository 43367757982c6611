import Glibc
import Synchronization

/// Writes one line per event to standard error: time, level, node, subject, text.
///
/// A line is one `write`, so lines of several threads never mix. What is logged per request belongs
/// in counters instead.
public struct Logger: Sendable {
    public enum Level: Int, Comparable, Sendable {
        case debug
        case info
        case warning
        case error

        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

        var letter: String {
            switch self {
            case .debug: "D"
            case .info: "I"
            case .warning: "W"
            case .error: "E"
            }
        }
    }

    private let node: String
    private let subject: String
    /// The least that is written; shared with every log made from this one, so that one change is one for all.
    public let threshold: Threshold
    /// What was logged last, here and under other subjects.
    public let tail: LogTail

    public final class Threshold: Sendable {
        private let level: Atomic<Int>

        public init(_ minimum: Level) {
            level = Atomic(minimum.rawValue)
        }

        public var minimum: Level {
            get { Level(rawValue: level.load(ordering: .relaxed)) ?? .debug }
            set { level.store(newValue.rawValue, ordering: .relaxed) }
        }
    }

    public init(
        node: String, subject: String, minimum: Level = .info, tail: LogTail = LogTail()
    ) {
        self.init(node: node, subject: subject, threshold: Threshold(minimum), tail: tail)
    }

    private init(node: String, subject: String, threshold: Threshold, tail: LogTail) {
        self.node = node
        self.subject = subject
        self.threshold = threshold
        self.tail = tail
    }

    /// The same log under another subject.
    public func about(_ subject: String) -> Logger {
        Logger(node: node, subject: subject, threshold: threshold, tail: tail)
    }

    public func debug(_ text: @autoclosure () -> String) { write(.debug, text) }
    public func info(_ text: @autoclosure () -> String) { write(.info, text) }
    public func warning(_ text: @autoclosure () -> String) { write(.warning, text) }
    public func error(_ text: @autoclosure () -> String) { write(.error, text) }

    private func write(_ level: Level, _ text: () -> String) {
        guard level >= threshold.minimum else { return }
        let line =
            "\(Self.clockText()) \(level.letter) \(node) \(subject): \(Self.oneLine(text()))\n"
        let bytes = Array(line.utf8)
        tail.append(level, bytes)
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// A message stays on its line, whatever text from outside it quotes.
    private static func oneLine(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 }) else { return text }
        return String(decoding: text.utf8.map { $0 < 0x20 ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
    }

    private static func clockText() -> String {
        let now = Timestamp.now().nanoseconds
        var seconds = time_t(now / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let day = String(
            decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let micros = String(now % 1_000_000_000 / 1_000)
        return day + "." + String(repeating: "0", count: 6 - micros.utf8.count) + micros + "Z"
    }
}

/// What is known about the log's compacted beginning: the last entry that is no longer there.
///
/// A fresh log has the base `.empty`; a founded one has index 0 and the founding configuration.
public struct LogBase: Hashable, Sendable {
    /// The last compacted entry.
    public var mark: LogMark
    /// The time stamped on that entry.
    public var time: UInt64
    /// The configuration in force after that entry.
    public var configuration: Configuration

    public init(mark: LogMark, time: UInt64, configuration: Configuration) {
        self.mark = mark
        self.time = time
        self.configuration = configuration
    }

    public static let empty = LogBase(mark: .zero, time: 0, configuration: .empty)
}

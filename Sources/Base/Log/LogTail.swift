internal import Synchronization

/// The last lines of a log, in memory: for those who can ask a node but not read its files.
public final class LogTail: Sendable {
    /// Some thousand lines.
    public static let bytesMax = 256 << 10

    private struct State {
        var lines: [(level: Logger.Level, bytes: [UInt8])] = []
        /// The first of `lines` that is kept; those before it are dropped together now and then.
        var first = 0
        var bytes = 0
        /// Bytes of all lines that are not kept any more.
        var dropped = 0
    }

    private let state = Mutex(State())

    public init() {}

    func append(_ level: Logger.Level, _ line: [UInt8]) {
        state.withLock { state in
            state.lines.append((level, line))
            state.bytes += line.count
            while state.bytes > Self.bytesMax, state.first < state.lines.count - 1 {
                let count = state.lines[state.first].bytes.count
                state.bytes -= count
                state.dropped += count
                state.first += 1
            }
            if state.first > state.lines.count / 2 {
                state.lines.removeFirst(state.first)
                state.first = 0
            }
        }
    }

    /// The lines of at least this level.
    public func lines(_ minimum: Logger.Level = .debug) -> [UInt8] {
        state.withLock { state in
            state.lines[state.first...].filter { $0.level >= minimum }.flatMap(\.bytes)
        }
    }

    /// What was written behind the first `offset` bytes of this run, as far as it is kept.
    public func bytes(from offset: Int) -> [UInt8] {
        state.withLock { state in
            let all = state.lines[state.first...].flatMap(\.bytes)
            return Array(all.dropFirst(max(0, offset - state.dropped)))
        }
    }
}

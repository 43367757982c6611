internal import CLinux
internal import Glibc
internal import Synchronization

/// Writes the chunked body of an open request from any thread, at once and without waiting.
///
/// For short messages that must not wait for a loop to wake up. It has a descriptor of its own for the same
/// connection, so that a descriptor's number closed by the loop, and given out again, is never written to. What the
/// kernel does not take is kept, up to a limit, and sent by the loop; beyond the limit messages are refused, whole.
/// While it exists nobody else may write to the call.
package final class StreamWriter: Sendable {
    private struct State {
        var descriptor: Int32
        /// The rest of a chunk, and chunks behind it, that the kernel has not taken yet.
        var pending: [UInt8] = []
        var isFlushing = false

        mutating func end() {
            guard descriptor >= 0 else { return }
            Glibc.close(descriptor)
            descriptor = -1
            pending = []
        }
    }

    /// What became of a message.
    package enum Outcome: Sendable {
        case taken
        /// Too much waits already; nothing of it was sent.
        case refused
        /// The connection is gone.
        case ended
    }

    private let state: Mutex<State>
    private let connection: ClientConnection
    private let idleSeconds: Double

    init?(_ connection: ClientConnection, idleSeconds: Double) {
        let descriptor = fcntl(connection.descriptor, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
        // What the kernel holds cannot be overtaken, so it holds little that is not on its way.
        var bytes = Self.unsentBytesMax
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, &bytes,
            socklen_t(MemoryLayout<Int32>.size))
        state = Mutex(State(descriptor: descriptor))
        self.connection = connection
        self.idleSeconds = idleSeconds
    }

    deinit {
        close()
    }

    private static let unsentBytesMax: Int32 = 128 << 10

    /// Sends one chunk.
    ///
    /// - Parameters:
    ///   - bytes: what it holds.
    ///   - pendingMax: how much may wait for the kernel, this chunk included. What is urgent may be sent behind more
    ///     than what is not.
    /// - Returns: what became of it.
    package func send(_ bytes: [UInt8], pendingMax: Int) -> Outcome {
        let (outcome, mustFlush) = state.withLock { state -> (Outcome, Bool) in
            guard state.descriptor >= 0 else { return (.ended, false) }
            guard state.pending.isEmpty else {
                guard state.pending.count + bytes.count <= pendingMax else {
                    return (.refused, false)
                }
                state.pending += Self.chunk(bytes)
                return (.taken, false)
            }
            let chunk = Self.chunk(bytes)
            guard let count = Self.write(chunk, state.descriptor) else {
                state.end()
                return (.ended, false)
            }
            guard count < chunk.count else { return (.taken, false) }
            state.pending = Array(chunk[count...])
            defer { state.isFlushing = true }
            return (.taken, !state.isFlushing)
        }
        if mustFlush {
            Task(executorPreference: connection.loop) { await self.flush() }
        }
        return outcome
    }

    /// Bytes that the kernel has not taken yet.
    package var waitingBytes: Int { state.withLock(\.pending.count) }

    /// Whether nothing can be sent any more: it was closed, the connection is gone, or the other side took nothing for too long.
    package var hasEnded: Bool { state.withLock { $0.descriptor < 0 } }

    package func close() {
        state.withLock { $0.end() }
    }

    /// Sends what waits, on the loop: there the kernel's word that there is room again cannot be missed.
    private func flush() async {
        while true {
            let isDone = state.withLock { state -> Bool in
                guard state.descriptor >= 0,
                    let count = Self.write(state.pending, state.descriptor)
                else {
                    state.end()
                    return true
                }
                state.pending.removeFirst(count)
                if state.pending.isEmpty { state.isFlushing = false }
                return state.pending.isEmpty
            }
            if isDone { return }
            let end = deadline(after: idleSeconds, from: EventLoop.clock())
            guard await connection.waitWritable(until: end) == .ready else { return close() }
        }
    }

    /// - Returns: how many bytes the kernel took; `nil` when the connection is gone.
    private static func write(_ bytes: [UInt8], _ descriptor: Int32) -> Int? {
        let count = bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Socket.noSignal)
        }
        let error = errno
        if count >= 0 { return count }
        return error == EAGAIN || error == EINTR ? 0 : nil
    }

    private static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        var chunk: [UInt8] = []
        chunk.reserveCapacity(bytes.count + 20)
        chunk += String(bytes.count, radix: 16).utf8
        chunk += [0x0D, 0x0A]
        chunk += bytes
        chunk += [0x0D, 0x0A]
        return chunk
    }
}

internal import Glibc

/// Reading the body of a request.
extension Exchange {
    /// Sets how large the body may be, before it is read. A larger `Content-Length` is refused at the first read.
    package func limitBody(_ bytes: Int) {
        bodyBytesMax = bytes
    }

    /// For streams that may be silent: how long a read may wait, or `nil` for ever. Also lifts the minimal rate.
    package func allowSilence(seconds: Double?) {
        bodyIdleSeconds = seconds ?? .infinity
        bodyBytesPerSecondMin = 0
    }

    /// Reads some of the body.
    ///
    /// - Returns: the number of bytes, 0 at the end of the body.
    /// - Throws: ``RequestError`` when the body is too large, malformed or too slow (let it through: it is answered),
    ///   ``ConnectionError`` when the client is gone.
    package func read(into buffer: UnsafeMutableRawBufferPointer) async throws -> Int {
        requireLoop()
        guard buffer.count > 0 else { return 0 }
        try beginBody()
        while true {
            switch bodyState {
            case .none: return 0
            case .counted(let rest):
                let room = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(rest))
                let count = try await connection.receive(into: room, for: self)
                try accept(count)
                bodyState = rest == count ? .none : .counted(rest - count)
                return count
            case .chunked:
                if let count = try await readChunk(buffer) { return count }
            }
        }
    }

    /// The next piece of the body, or `nil` at its end.
    package func next(upTo count: Int = 64 * 1024) async throws -> [UInt8]? {
        let size = min(count, declaredRest ?? count)
        guard size > 0 else { return nil }
        // The buffer is made before the wait: `read` needs memory that stays where it is.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { buffer.deallocate() }
        let length = try await read(into: buffer)
        return length == 0 ? nil : Array(buffer.prefix(length))
    }

    /// The whole body; refused with 413 beyond `limit`.
    package func collect(upTo limit: Int) async throws -> [UInt8] {
        limitBody(limit)
        var body: [UInt8] = []
        while let piece = try await next() { body += piece }
        return body
    }

    private var declaredRest: Int? {
        switch bodyState {
        case .none: 0
        case .counted(let rest): rest
        case .chunked: nil
        }
    }

    /// Before the first byte: checks the declared length and asks a waiting client to go ahead.
    private func beginBody() throws(RequestError) {
        guard bodyStarted == 0 else { return }
        if case .counted(let length) = bodyState, length > bodyBytesMax { throw .bodyTooLarge }
        bodyStarted = EventLoop.clock()
        guard owesContinue else { return }
        owesContinue = false
        // Bytes that are here already are not asked for, and after a final head it is too late.
        if !connection.hasBufferedBody, state == .unanswered { connection.transmitContinue() }
    }

    private func accept(_ count: Int) throws(RequestError) {
        bodyBytesRead += count
        if bodyBytesRead > bodyBytesMax { throw .bodyTooLarge }
    }

    /// - Returns: `nil` when only framing was read.
    private func readChunk(_ buffer: UnsafeMutableRawBufferPointer) async throws -> Int? {
        guard case .chunked(var decoder) = bodyState else { return 0 }
        // Inside a chunk, with nothing buffered: straight from the socket to the caller.
        if decoder.dataRemaining > 0, !connection.hasBufferedBody {
            let room = UnsafeMutableRawBufferPointer(
                rebasing: buffer.prefix(decoder.dataRemaining))
            let count = try await connection.receive(into: room, for: self)
            decoder.skipData(count)
            bodyState = .chunked(decoder)
            try accept(count)
            return count
        }
        if !connection.hasBufferedBody { try await connection.fillBody(for: self) }
        let step = try connection.decode(&decoder, into: buffer)
        bodyState = .chunked(decoder)
        switch step {
        case .data(_, let count):
            try accept(count)
            return count
        case .more: return nil
        case .end:
            bodyState = .none
            return 0
        }
    }

    /// When a read that begins now must be over.
    func bodyDeadline() throws(RequestError) -> UInt64 {
        let now = EventLoop.clock()
        if bodyBytesPerSecondMin > 0 {
            let elapsed = Double(now - bodyStarted) / 1e9 - bodyIdleSeconds
            if elapsed > 0, Double(bodyBytesRead) < elapsed * Double(bodyBytesPerSecondMin) {
                throw .bodyTimeout
            }
        }
        return deadline(after: bodyIdleSeconds, from: now)
    }
}

/// `seconds` from `now`, without overflow; infinity is never.
func deadline(after seconds: Double, from now: UInt64) -> UInt64 {
    guard seconds < 1e9 else { return .max }
    return now &+ UInt64(max(seconds, 0) * 1e9)
}

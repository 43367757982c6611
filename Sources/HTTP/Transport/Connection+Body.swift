/// Bodies of requests.
extension Connection {
    var hasBufferedBody: Bool { end > start }

    /// Gives out body bytes: those that came with the head, then straight from the socket.
    func receive(
        into buffer: UnsafeMutableRawBufferPointer, for exchange: Exchange
    ) async throws -> Int {
        if end > start, let slab {
            let count = min(buffer.count, end - start)
            buffer.copyMemory(from: UnsafeRawBufferPointer(slab.slice(start, start + count)))
            start += count
            return count
        }
        while true {
            switch read(into: buffer) {
            case .bytes(let count): return count
            case .end, .failed: throw ConnectionError.disconnected
            case .wouldBlock: try await waitForBody(exchange)
            }
        }
    }

    /// Reads more of the body into the space behind the head.
    func fillBody(for exchange: Exchange) async throws {
        guard let slab else { throw ConnectionError.disconnected }
        start = headEnd
        end = headEnd
        while true {
            let room = UnsafeMutableRawBufferPointer(
                start: slab.base + headEnd, count: slab.capacity - headEnd)
            switch read(into: room) {
            case .bytes(let count):
                end += count
                return
            case .end, .failed: throw ConnectionError.disconnected
            case .wouldBlock: try await waitForBody(exchange)
            }
        }
    }

    /// Takes the next piece of a chunked body out of the buffer.
    func decode(
        _ decoder: inout ChunkedDecoder, into buffer: UnsafeMutableRawBufferPointer
    ) throws(RequestError) -> ChunkedDecoder.Step {
        guard let slab else { return .more }
        var consumed = 0
        // No more than the caller has room for, so that each piece of data fits.
        let bytes = slab.slice(start, min(end, start + buffer.count))
        let step = try decoder.next(bytes, consumed: &consumed)
        start += consumed
        if case .data(let offset, let count) = step {
            buffer.copyMemory(
                from: UnsafeRawBufferPointer(
                    UnsafeBufferPointer(rebasing: bytes[offset..<(offset + count)])))
        }
        return step
    }

    private func waitForBody(_ exchange: Exchange) async throws {
        switch await waitReadable(until: try exchange.bodyDeadline()) {
        case .ready: return
        case .timedOut: throw RequestError.bodyTimeout
        case .cancelled: throw ConnectionError.cancelled
        case .closed: throw ConnectionError.disconnected
        }
    }
}

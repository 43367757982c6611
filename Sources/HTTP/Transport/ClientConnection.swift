internal import CLinux
internal import Glibc

/// A connection to a server: bytes out, responses in.
final class ClientConnection: Socket, @unchecked Sendable {
    // Safety: belongs to its loop, like every socket.
    let endpoint: Endpoint
    /// Set once it is connected; it is told about the end.
    weak var pool: ClientPool?
    private(set) var isUsed = false
    private(set) var isIdle = false
    /// Whether anything was sent, and anything received, for the current call.
    private(set) var hasSent = false
    private(set) var hasReceived = false
    private var slab: Slab?
    private var start = 0
    private var end = 0
    private(set) var parser: ResponseParser
    private var output = PendingOutput()

    init(descriptor: Int32, loop: EventLoop, endpoint: Endpoint, limits: Client.Limits) {
        self.endpoint = endpoint
        parser = ResponseParser(limits: limits.head)
        super.init(descriptor: descriptor, loop: loop)
    }

    /// The error of a connection attempt that is over.
    var pendingError: Int32 {
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
        return error
    }

    func beginUse() {
        isIdle = false
        isUsed = true
        hasSent = false
        hasReceived = false
        readDeadline = .max
    }

    func beginIdling(_ seconds: Double) {
        isIdle = true
        parser.reset()
        giveSlabBack()
        readDeadline = deadline(after: seconds, from: EventLoop.clock())
        loop.note(deadline: readDeadline)
    }

    /// An idle server has nothing to say: this is its end, or rubbish.
    override func becameReadable() {
        if isIdle { close() }
    }

    override func becameLate() {
        if isIdle { close() }
    }

    override func close() {
        guard !isClosed else { return }
        super.close()
        output.removeAll()
        giveSlabBack()
        pool?.remove(self)
    }

    private func giveSlabBack() {
        start = 0
        end = 0
        guard let slab else { return }
        self.slab = nil
        loop.recycle(slab)
    }

    // MARK: Sending

    func send(_ bytes: UnsafeRawBufferPointer) {
        guard output.isEmpty else { return output.add(bytes) }
        switch write(bytes) {
        case .bytes(let count):
            hasSent = true
            output.add(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(count)))
        case .wouldBlock: output.add(bytes)
        // The response may be here already, so this is found out by reading it.
        case .end, .failed: break
        }
    }

    var hasSentAll: Bool { output.isEmpty }

    func drain(_ idleSeconds: Double) async throws(ClientError) {
        while !output.isEmpty {
            switch output.push(self) {
            case .done: return
            case .failed:
                output.removeAll()
                throw .disconnected
            case .turnIsOver: await Task.yield()
            case .wouldBlock:
                let end = deadline(after: idleSeconds, from: EventLoop.clock())
                try check(await waitWritable(until: end))
            }
        }
        if isClosed { throw .disconnected }
    }

    // MARK: Receiving

    /// Reads until the head of the final response is there; 1xx heads are skipped.
    func receiveHead(until deadline: UInt64) async throws(ClientError) -> Headers {
        while true {
            if end > start, let slab {
                if start > 0 {
                    slab.moveToFront(start, end)
                    end -= start
                    start = 0
                }
                if let length = try parse(slab) {
                    start = length
                    guard let status = parser.status, status.rawValue >= 200 else {
                        if parser.status?.rawValue == 101 {
                            throw .malformed("the server changed protocols unasked")
                        }
                        parser.reset()
                        continue
                    }
                    return Headers(slab: Slab(slab.slice(0, length)), fields: parser.fields.fields)
                }
            }
            try await fill(until: deadline)
        }
    }

    private func parse(_ slab: Slab) throws(ClientError) -> Int? {
        do throws(RequestError) {
            return try parser.parse(slab.slice(0, end))
        } catch {
            throw .malformed("\(endpoint) sent no HTTP response: \(error.code)")
        }
    }

    var hasBuffered: Bool { end > start }

    /// Body bytes that came with the head, then straight from the socket.
    ///
    /// - Returns: 0 when the server has closed the connection.
    func receive(
        into buffer: UnsafeMutableRawBufferPointer, idleSeconds: Double
    ) async throws(ClientError) -> Int {
        if end > start, let slab {
            let count = min(buffer.count, end - start)
            buffer.copyMemory(from: UnsafeRawBufferPointer(slab.slice(start, start + count)))
            start += count
            return count
        }
        while true {
            switch read(into: buffer) {
            case .bytes(let count): return count
            case .end: return 0
            case .failed: throw .disconnected
            case .wouldBlock:
                let end = deadline(after: idleSeconds, from: EventLoop.clock())
                try check(await waitReadable(until: end))
            }
        }
    }

    /// Reads more into the buffer, which for a body must be empty.
    func fill(until deadline: UInt64) async throws(ClientError) {
        let slab = self.slab ?? loop.takeSlab()
        self.slab = slab
        if start == end {
            start = 0
            end = 0
        }
        while true {
            let room = UnsafeMutableRawBufferPointer(
                start: slab.base + end, count: slab.capacity - end)
            switch read(into: room) {
            case .bytes(let count):
                hasReceived = true
                end += count
                return
            case .end, .failed: throw .disconnected
            case .wouldBlock: try check(await waitReadable(until: deadline))
            }
        }
    }

    /// Takes the next piece of a chunked body out of the buffer.
    func decode(
        _ decoder: inout ChunkedDecoder, into buffer: UnsafeMutableRawBufferPointer
    ) throws(ClientError) -> ChunkedDecoder.Step {
        guard let slab else { return .more }
        var consumed = 0
        let bytes = slab.slice(start, min(end, start + buffer.count))
        do throws(RequestError) {
            let step = try decoder.next(bytes, consumed: &consumed)
            start += consumed
            if case .data(let offset, let count) = step {
                buffer.copyMemory(
                    from: UnsafeRawBufferPointer(
                        UnsafeBufferPointer(rebasing: bytes[offset..<(offset + count)])))
            }
            return step
        } catch {
            throw .malformed("\(endpoint) sent a malformed chunk")
        }
    }

    private func check(_ wake: Wake) throws(ClientError) {
        switch wake {
        case .ready: return
        case .timedOut: throw .timedOut
        case .cancelled: throw .cancelled
        case .closed: throw .disconnected
        }
    }
}

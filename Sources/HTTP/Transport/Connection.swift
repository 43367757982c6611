internal import CLinux
internal import Glibc

/// One client's connection: reads requests, has them answered, one after the other.
///
/// While nothing is under way there is no task: an event reads, parses, calls the handler's synchronous half and sends,
/// in one pass. Only when the handler asks for it, or an answer does not fit the socket, a task begins; it ends when the
/// connection falls idle again.
final class Connection: Socket, @unchecked Sendable {
    // Safety: belongs to its loop, like every socket.
    let server: ServerState
    let remoteAddress: String
    private var phase = Phase.idle
    private var slab: Slab?
    /// The bytes `[start, end)` of the slab are received and not yet used.
    private var start = 0
    private var end = 0
    private var parser: RequestParser
    private(set) var exchange: Exchange!
    private var task: Task<Void, Never>?
    private var output = PendingOutput()
    /// Of an unread body, to be dropped before the next head.
    private var discardBytes = 0
    private var lingerEnd: UInt64 = 0
    /// Whether it was refused for want of room, and so takes the place of no other.
    private(set) var isTurnedAway = false

    private enum Phase {
        /// Between requests, or in the middle of a head.
        case idle
        /// A request is being answered.
        case busy
        /// Answered and ended; what still comes is dropped so that the client can read the answer.
        case lingering
        case closed
    }

    /// Requests served in one go before other connections get their turn.
    private static let requestsPerTurn = 64

    init(descriptor: Int32, loop: EventLoop, server: ServerState, remoteAddress: String) {
        self.server = server
        self.remoteAddress = remoteAddress
        parser = RequestParser(limits: server.limits.head)
        super.init(descriptor: descriptor, loop: loop)
        exchange = Exchange(connection: self, loop: loop)
    }

    /// Whether the server is shutting down.
    var isDraining: Bool { server.isDraining }

    func begin() {
        readDeadline = deadline(after: server.limits.headSeconds, from: loop.now)
        loop.note(deadline: readDeadline)
    }

    /// Whether nothing is lost when it is closed: no request has begun, or all is answered.
    var isExpendable: Bool {
        switch phase {
        case .idle: !parser.hasBegun && start == end && !hasUnread
        case .lingering: true
        case .busy, .closed: false
        }
    }

    override func becameReadable() {
        switch phase {
        case .idle: continueServing()
        case .lingering: linger()
        case .busy, .closed: break
        }
    }

    override func becameLate() {
        switch phase {
        case .idle where parser.hasBegun || end > 0: refuse(.headTimeout)
        case .idle, .lingering: close()
        case .busy, .closed: break
        }
    }

    override func close() {
        guard phase != .closed else { return }
        phase = .closed
        super.close()
        output.removeAll()
        if exchange.currentRequest == nil { giveSlabBack() }
        server.remove(self)
    }

    /// Shutdown has begun: idle connections end now, the others after their answer.
    func drainOut() {
        if phase == .idle, !parser.hasBegun, end == 0 { close() }
    }

    /// The deadline of the shutdown is over.
    func abort() {
        task?.cancel()
        close()
    }

    // MARK: Serving

    private func continueServing() {
        if serve() {
            task = Task(executorPreference: loop) { [self] in await work() }
        }
    }

    /// Answers requests until more bytes are needed.
    ///
    /// - Returns: whether a task has to take over.
    private func serve() -> Bool {
        for _ in 0..<Self.requestsPerTurn {
            guard receiveHead() else { return false }
            phase = .busy
            readDeadline = .max
            guard server.handler.respond(to: exchange) == .done else { return true }
            if !exchange.isAnswered { exchange.respond(server.renderError(NoAnswer(), exchange)) }
            guard output.isEmpty else { return true }
            conclude()
            if phase != .idle { return false }
        }
        loop.execute { [self] in
            if phase == .idle { continueServing() }
        }
        return false
    }

    /// The asynchronous part: this exchange, and those behind it as long as they keep coming.
    private func work() async {
        repeat {
            if exchange.state == .unanswered { await handle() }
            do throws(ConnectionError) {
                try await drain()
            } catch {
                close()
            }
            conclude()
        } while phase == .idle && serve()
        task = nil
    }

    private func handle() async {
        do {
            try await server.handler.handle(exchange)
            if !exchange.isAnswered { throw NoAnswer() }
        } catch {
            if exchange.isAnswered {
                // Half an answer cannot be mended: the client must see that it was cut off.
                if exchange.state != .complete { close() }
            } else if !(error is ConnectionError) {
                exchange.respond(server.renderError(error, exchange))
            } else {
                close()
            }
        }
    }

    /// Makes the connection ready for the next request, or ends it.
    private func conclude() {
        guard phase == .busy else { return finishClosed() }
        let isWhole = exchange.state == .complete || exchange.state == .bodiless
        server.handler.concluded(exchange, isWhole: isWhole)
        var isLingering = false
        switch exchange.bodyState {
        case .none: break
        case .chunked: isLingering = true
        case .counted(let rest):
            if exchange.closes { isLingering = true } else { discardBytes = rest }
        }
        let closes = exchange.closes || isLingering || server.isDraining
        exchange.currentRequest = nil
        parser.reset()
        phase = .idle
        guard isWhole, !closes else {
            if isWhole, isLingering || end > start { beginLingering() } else { close() }
            return
        }
        discardBuffered()
        if end == start, discardBytes == 0 { fallIdle() }
    }

    /// A connection closed while its handler ran.
    private func finishClosed() {
        if exchange.currentRequest != nil { server.handler.concluded(exchange, isWhole: false) }
        exchange.currentRequest = nil
        giveSlabBack()
    }

    // MARK: Heads

    /// Reads until a whole head is there and opens its exchange.
    ///
    /// - Returns: false when more bytes are needed or the connection is over.
    private func receiveHead() -> Bool {
        do throws(RequestError) {
            while phase == .idle {
                if discardBytes > 0 { discardBuffered() }
                if end > start, discardBytes == 0, let slab {
                    compact()
                    if let length = try parser.parse(slab.slice(0, end)) {
                        exchange.begin(parser.head(in: slab), server.limits)
                        headEnd = length
                        start = length
                        return true
                    }
                }
                guard fill() else { return false }
            }
        } catch {
            refuse(error)
        }
        return false
    }

    /// Where the head of the current exchange ends; the body is read behind it.
    private var headEnd = 0

    private func compact() {
        guard start > 0, let slab else { return }
        slab.moveToFront(start, end)
        end -= start
        start = 0
    }

    /// Reads once.
    ///
    /// - Returns: false when nothing came: the connection now waits, or is closed.
    private func fill() -> Bool {
        guard isReadable else {
            waitForHead()
            return false
        }
        let slab = self.slab ?? loop.takeSlab()
        self.slab = slab
        switch read(
            into: UnsafeMutableRawBufferPointer(
                start: slab.base + end, count: slab.capacity - end))
        {
        case .bytes(let count):
            end += count
            return true
        case .wouldBlock:
            waitForHead()
        case .end, .failed:
            close()
        }
        return false
    }

    private func waitForHead() {
        if end == start, discardBytes == 0, !parser.hasBegun {
            fallIdle()
        } else if readDeadline == .max || !isHeadTimed {
            isHeadTimed = true
            readDeadline = deadline(after: server.limits.headSeconds, from: loop.now)
            loop.note(deadline: readDeadline)
        }
    }

    /// Whether ``readDeadline`` is that of a head under way; it is not moved by further bytes.
    private var isHeadTimed = false

    private func fallIdle() {
        giveSlabBack()
        isHeadTimed = false
        if server.isDraining { return close() }
        readDeadline = deadline(after: server.limits.idleSeconds, from: loop.now)
        loop.note(deadline: readDeadline)
    }

    private func giveSlabBack() {
        start = 0
        end = 0
        guard let slab else { return }
        self.slab = nil
        loop.recycle(slab)
    }

    private func discardBuffered() {
        let count = min(discardBytes, end - start)
        discardBytes -= count
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Tells the client that the server has no room for it.
    func turnAway() {
        let hasRoom = server.turnAway(self)
        isTurnedAway = true
        refuse(.tooManyConnections)
        if !hasRoom { close() }
    }

    /// Answers a request that could not even be read, and ends the connection.
    func refuse(_ error: RequestError) {
        let answer = server.renderError(error, Optional<Exchange>.none)
        loop.writer.output.removeAll()
        loop.writer.output.append("HTTP/1.1 ")
        loop.writer.output.append(answer.status.rawValue)
        loop.writer.output.append(byte: 0x20)
        loop.writer.output.append(answer.status.reason)
        loop.writer.output.append("\r\n")
        loop.appendDate()
        loop.writer.add("Content-Type", answer.contentType)
        for (name, value) in answer.headers { loop.writer.add(named: name, value) }
        loop.writer.add("Content-Length", answer.body.count)
        loop.writer.add("Connection", "close")
        loop.writer.output.append("\r\n")
        answer.body.withUnsafeBytes { transmit($0) }
        beginLingering()
    }

    // MARK: Lingering

    private func beginLingering() {
        guard phase != .closed else { return }
        phase = .lingering
        endWriting()
        giveSlabBack()
        lingerEnd = deadline(after: server.limits.lingerSeconds, from: loop.now)
        readDeadline = lingerEnd
        loop.note(deadline: lingerEnd)
        linger()
    }

    private func linger() {
        for _ in 0..<16 {
            switch discard(1 << 20) {
            case .bytes: continue
            case .wouldBlock: return
            case .end, .failed: return close()
            }
        }
        loop.execute { [self] in
            if phase == .lingering { linger() }
        }
    }
}

/// A handler returned without answering: an error of the handler.
struct NoAnswer: Error, CustomStringConvertible {
    let description = "the handler returned without an answer"
}

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

/// Answers on their way to the socket.
extension Connection {
    /// Sends the head in the loop's buffer and `body` behind it.
    func transmit(_ body: UnsafeRawBufferPointer) {
        if body.count <= Self.copiedBodyMax || !output.isEmpty {
            loop.writer.output.append(body.bindMemory(to: UInt8.self))
            send(loop.writer.output.bytes)
        } else {
            send(loop.writer.output.bytes, body, UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    /// Sends one piece of a streamed body.
    func transmit(piece: UnsafeRawBufferPointer, isChunk: Bool) {
        guard isChunk else { return send(piece) }
        loop.writer.output.removeAll()
        loop.writer.output.append(hex: piece.count)
        loop.writer.output.append("\r\n")
        if piece.count <= Self.copiedBodyMax {
            loop.writer.output.append(piece.bindMemory(to: UInt8.self))
            loop.writer.output.append("\r\n")
            return send(loop.writer.output.bytes)
        }
        let lineEnd: StaticString = "\r\n"
        send(
            loop.writer.output.bytes, piece,
            UnsafeRawBufferPointer(start: lineEnd.utf8Start, count: 2))
    }

    func transmitLastChunk() {
        let end: StaticString = "0\r\n\r\n"
        send(UnsafeRawBufferPointer(start: end.utf8Start, count: 5))
    }

    func transmitContinue() {
        let line: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
        send(UnsafeRawBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount))
    }

    /// Sends the head in the loop's buffer and a range of a file behind it.
    func transmit(file: Int32, offset: Int, count: Int, owner: AnyObject?) {
        if count <= Self.copiedBodyMax {
            let room = loop.writer.output.room(count)
            if pread(file, room, count, offset) == count {
                loop.writer.output.advance(count)
                return send(loop.writer.output.bytes)
            }
        }
        send(loop.writer.output.bytes, more: true)
        output.add(file: file, offset: offset, count: count, owner: owner)
        _ = push()
    }

    /// Bodies up to this size are copied behind their head: one system call is worth more than the copy.
    private static var copiedBodyMax: Int { 16 * 1024 }

    private func send(_ bytes: UnsafeRawBufferPointer, more: Bool = false) {
        guard output.isEmpty else { return output.add(bytes) }
        switch write(bytes, more: more) {
        case .bytes(let count): output.add(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(count)))
        case .wouldBlock: output.add(bytes)
        case .end, .failed: fail()
        }
    }

    private func send(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer,
        _ third: UnsafeRawBufferPointer
    ) {
        var sent = 0
        if output.isEmpty {
            let result = withUnsafeTemporaryAllocation(of: iovec.self, capacity: 3) { pieces in
                for (index, piece) in [first, second, third].enumerated() {
                    pieces[index] = iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress),
                        iov_len: piece.count)
                }
                return write(pieces)
            }
            switch result {
            case .bytes(let count): sent = count
            case .wouldBlock: break
            case .end, .failed: return fail()
            }
        }
        for piece in [first, second, third] {
            let skipped = min(sent, piece.count)
            sent -= skipped
            output.add(UnsafeRawBufferPointer(rebasing: piece.dropFirst(skipped)))
        }
    }

    /// The client takes nothing any more. The handler learns it at its next read or write.
    private func fail() {
        close()
    }

    /// Sends what is waiting, as far as the socket takes it, 2 MiB of a file at most.
    private func push() -> PendingOutput.Progress {
        let progress = output.push(self)
        if progress == .failed { fail() }
        return progress
    }

    /// Sends everything that is waiting.
    func drain() async throws(ConnectionError) {
        if isClosed { throw .disconnected }
        while !output.isEmpty {
            switch push() {
            case .done: return
            case .failed: throw .disconnected
            case .turnIsOver: await Task.yield()
            case .wouldBlock:
                let limit = server.limits.writeIdleSeconds
                switch await waitWritable(until: deadline(after: limit, from: EventLoop.clock())) {
                case .ready: break
                case .timedOut: throw .timedOut
                case .cancelled: throw .cancelled
                case .closed: throw .disconnected
                }
            }
        }
        if isClosed { throw .disconnected }
    }
}

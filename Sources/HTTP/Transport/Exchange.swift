internal import Base
internal import Glibc

/// One request and its answer, as a handler sees them. Valid until the handler returns.
///
/// Its methods are called on the loop of the connection, where the handler is started and where its child tasks run.
/// One task may read the body while another writes the answer.
package final class Exchange: @unchecked Sendable {
    // Safety: belongs to the loop of its connection; `requireLoop` checks it where a call may suspend.
    unowned let connection: Connection
    package let loop: EventLoop
    /// `host:port` of the client.
    package var remoteAddress: String { connection.remoteAddress }

    var currentRequest: RequestHead?
    var state = State.unanswered
    /// Whether the connection ends with this exchange.
    var closes = false
    var owesContinue = false
    var bodyState = BodyState.none
    var bodyBytesMax = 0
    var bodyIdleSeconds = 0.0
    var bodyBytesPerSecondMin = 0
    /// Of the request's body, without the framing of chunks.
    package internal(set) var bodyBytesRead = 0
    var bodyStarted: UInt64 = 0

    /// What the handler calls the request, for whoever counts requests; 0 until it says.
    package var label: UInt8 = 0
    /// Whether the handler has found that another node of the cluster sent the request.
    package var isOfMember = false
    /// The status of the answer; `nil` before there is one.
    package private(set) var answeredStatus: Status?
    /// Of the answer's body, as far as it was given to the connection.
    package private(set) var bodyBytesGiven = 0
    /// When the head was there: the time of the loop's turn.
    private var begun: UInt64 = 0
    /// Nanoseconds since the request's head was there.
    package var age: UInt64 {
        let now = EventLoop.clock()
        return now > begun ? now - begun : 0
    }

    /// How far the answer is.
    enum State: Equatable {
        case unanswered
        /// The whole answer was given; the connection may still be sending it.
        case complete
        /// Streaming a body of known length, so much of it still to come.
        case counted(Int)
        case chunked
        /// Streaming to an HTTP/1.0 client: the body ends with the connection.
        case untilClose
        /// Streaming to HEAD: the body is swallowed.
        case bodiless
    }

    /// What is still to come of the request body.
    enum BodyState {
        case none
        case counted(Int)
        case chunked(ChunkedDecoder)
    }

    init(connection: Connection, loop: EventLoop) {
        self.connection = connection
        self.loop = loop
    }

    package var request: RequestHead {
        guard let currentRequest else {
            preconditionFailure("an exchange was used after its handler returned")
        }
        return currentRequest
    }

    /// Whether the server is shutting down; an answer that waits for something should wait no more.
    package var isDraining: Bool { connection.isDraining }

    /// Open connections of the server, this one included.
    package var openConnections: Int { connection.server.connections }

    /// Whether the head of an answer has been given.
    package var isAnswered: Bool { state != .unanswered }

    func begin(_ head: RequestHead, _ limits: ServerLimits) {
        currentRequest = head
        state = .unanswered
        closes = !head.keepsAlive
        owesContinue = head.expectsContinue && head.hasBody
        bodyBytesMax = limits.bodyBytesMax
        bodyIdleSeconds = limits.bodyIdleSeconds
        bodyBytesPerSecondMin = limits.bodyBytesPerSecondMin
        bodyBytesRead = 0
        bodyStarted = 0
        label = 0
        isOfMember = false
        answeredStatus = nil
        bodyBytesGiven = 0
        begun = loop.now
        if head.isChunked {
            bodyState = .chunked(ChunkedDecoder())
        } else if let length = head.contentLength, length > 0 {
            bodyState = .counted(length)
        } else {
            bodyState = .none
        }
    }

    // MARK: Whole answers

    /// Answers with a body from memory: head and body in one system call.
    ///
    /// `headers` adds further fields; `Date`, `Content-Length` and `Connection` are there already.
    package func respond(
        _ status: Status, type: StaticString? = nil, body: [UInt8] = [],
        headers: (inout HeaderWriter) -> Void = { _ in }
    ) {
        body.withUnsafeBytes {
            respond(status, type: type, body: $0, headers: headers)
        }
    }

    package func respond(
        _ status: Status, type: StaticString? = nil, body: UnsafeRawBufferPointer,
        headers: (inout HeaderWriter) -> Void = { _ in }
    ) {
        guard beginHead(status) else { return }
        headers(&loop.writer)
        if let type { loop.writer.add("Content-Type", type) }
        endHead(status, length: body.count)
        if sendsBody(status) { bodyBytesGiven = body.count }
        connection.transmit(sendsBody(status) ? body : UnsafeRawBufferPointer(start: nil, count: 0))
        state = .complete
    }

    /// Answers an error or another ready-made value.
    package func respond(_ answer: Answer) {
        respond(answer.status, body: answer.body) { writer in
            if !answer.contentType.isEmpty { writer.add("Content-Type", answer.contentType) }
            for (name, value) in answer.headers { writer.add(named: name, value) }
        }
    }

    /// Answers with a range of a file. It is sent after the handler returns, as fast as the client takes it.
    ///
    /// `file` is a descriptor that `owner` keeps open; `owner` is held until the last byte is sent or the client is gone.
    package func respond(
        _ status: Status, type: StaticString? = nil, file: Int32, offset: Int, count: Int,
        owner: AnyObject?, headers: (inout HeaderWriter) -> Void = { _ in }
    ) {
        guard beginHead(status) else { return }
        headers(&loop.writer)
        if let type { loop.writer.add("Content-Type", type) }
        endHead(status, length: count)
        state = .complete
        if sendsBody(status), count > 0 {
            bodyBytesGiven = count
            connection.transmit(file: file, offset: offset, count: count, owner: owner)
        } else {
            connection.transmit(UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    /// Waits until the client's kernel has taken the whole answer given so far.
    package func flush() async throws(ConnectionError) {
        requireLoop()
        try await connection.drain()
    }

    // MARK: Streamed answers

    /// Begins an answer whose body follows by ``write(_:)`` and ``finish()``. The head is sent at once.
    ///
    /// `length` is that of the body, when it is known; otherwise it is sent in chunks.
    package func stream(
        _ status: Status, type: StaticString? = nil, length: Int? = nil,
        headers: (inout HeaderWriter) -> Void = { _ in }
    ) {
        guard beginHead(status) else { return }
        headers(&loop.writer)
        if let type { loop.writer.add("Content-Type", type) }
        let isChunked = length == nil && request.minorVersion == 1
        if length == nil, !isChunked { closes = true }
        endHead(status, length: length, isChunked: isChunked)
        if !sendsBody(status) {
            state = .bodiless
        } else if let length {
            state = .counted(length)
        } else {
            state = isChunked ? .chunked : .untilClose
        }
        connection.transmit(UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Sends a piece of the body, waiting until the client has room for it.
    package func write(_ bytes: [UInt8]) async throws(ConnectionError) {
        requireLoop()
        guard !bytes.isEmpty else { return }
        let isChunked = try account(bytes.count)
        guard let isChunked else { return }
        try await connection.drain()
        bytes.withUnsafeBytes { connection.transmit(piece: $0, isChunk: isChunked) }
        try await connection.drain()
    }

    /// Sends a piece of the body; the memory must stay valid until the call returns.
    package func write(_ bytes: UnsafeRawBufferPointer) async throws(ConnectionError) {
        requireLoop()
        guard bytes.count > 0 else { return }
        let isChunked = try account(bytes.count)
        guard let isChunked else { return }
        try await connection.drain()
        connection.transmit(piece: bytes, isChunk: isChunked)
        try await connection.drain()
    }

    /// Ends a streamed body. A handler that returns without it has its answer cut off, visibly to the client.
    package func finish() async throws(ConnectionError) {
        requireLoop()
        switch state {
        case .unanswered: throw .misused("finish without an answer")
        case .complete: break
        case .bodiless: break
        case .untilClose: break
        case .counted(let rest):
            guard rest == 0 else { throw .misused("the body is \(rest) bytes short") }
        case .chunked:
            try await connection.drain()
            connection.transmitLastChunk()
        }
        state = .complete
        try await connection.drain()
    }

    /// Takes `count` bytes into account.
    ///
    /// - Returns: whether they go as a chunk, or `nil` when they go nowhere.
    private func account(_ count: Int) throws(ConnectionError) -> Bool? {
        switch state {
        case .unanswered: throw .misused("a body was written before its head")
        case .complete: throw .misused("a body was written after its end")
        case .bodiless: return nil
        case .chunked:
            bodyBytesGiven += count
            return true
        case .untilClose:
            bodyBytesGiven += count
            return false
        case .counted(let rest):
            guard count <= rest else { throw .misused("the body is longer than announced") }
            bodyBytesGiven += count
            state = .counted(rest - count)
            return false
        }
    }

    // MARK: Heads

    /// - Returns: false when an answer has been given already; the first one stands.
    private func beginHead(_ status: Status) -> Bool {
        guard state == .unanswered else { return false }
        settleBody()
        answeredStatus = status
        loop.writer.output.removeAll()
        loop.writer.output.append("HTTP/1.1 ")
        loop.writer.output.append(status.rawValue)
        loop.writer.output.append(byte: 0x20)
        loop.writer.output.append(status.reason)
        loop.writer.output.append("\r\n")
        loop.appendDate()
        return true
    }

    private func endHead(_ status: Status, length: Int?, isChunked: Bool = false) {
        if let length, !status.forbidsBody {
            loop.writer.add("Content-Length", length)
        } else if isChunked, !status.forbidsBody {
            loop.writer.add("Transfer-Encoding", "chunked")
        }
        if connection.isDraining { closes = true }
        if closes {
            loop.writer.add("Connection", "close")
        } else if currentRequest?.minorVersion == 0 {
            loop.writer.add("Connection", "keep-alive")
        }
        loop.writer.output.append("\r\n")
    }

    private func sendsBody(_ status: Status) -> Bool {
        currentRequest?.method != .head && !status.forbidsBody
    }

    /// Decides, when the answer begins, whether the connection can outlive a body that is not read to its end.
    private func settleBody() {
        switch bodyState {
        case .none: break
        case .chunked(let decoder): if !decoder.isAtEnd { closes = true }
        case .counted(let rest):
            // The client may send the body or not when it gets a final status instead of 100 (RFC 9110 §10.1.1).
            if owesContinue || rest > connection.server.limits.discardBytesMax { closes = true }
        }
    }

    @inline(__always)
    func requireLoop() {
        precondition(loop.isCurrent, "an exchange was used off its loop: use exchange.loop.run")
    }
}

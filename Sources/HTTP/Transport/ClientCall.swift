/// A request under way, and its response when it comes. One task may write while another reads.
package final class ClientCall: @unchecked Sendable {
    // Safety: everything here belongs to the loop of the connection; every method goes there.
    private let connection: ClientConnection
    private let method: Method
    private let timeouts: Client.Timeouts
    /// What is left to write of the request body.
    private var remaining: Remaining
    private var incoming = Remaining.counted(0)
    private var decoder = ChunkedDecoder()
    private var hasHead = false
    private var isOver = false

    enum Remaining: Equatable {
        case counted(Int)
        case chunked
        case untilClose
    }

    init(
        _ connection: ClientConnection, method: Method, timeouts: Client.Timeouts,
        remaining: Remaining
    ) {
        self.connection = connection
        self.method = method
        self.timeouts = timeouts
        self.remaining = remaining
    }

    deinit {
        guard !isOver else { return }
        connection.loop.execute { [connection] in connection.close() }
    }

    // MARK: The request

    func sendHead(
        _ endpoint: Endpoint, _ target: String, _ headers: [(String, String)], length: Int?,
        isChunked: Bool = false, body: [UInt8]
    ) async throws(ClientError) {
        var target = target
        let isTarget = target.withUTF8 { $0.first == 0x2F && Tokens.isTarget($0) }
        guard isTarget else { throw .malformed("\(target) is not an encoded path") }
        for (name, _) in headers {
            var name = name
            guard name.withUTF8({ Tokens.isToken($0) }) else {
                throw .malformed("\(name) is not a header name")
            }
        }
        let loop = connection.loop
        loop.writer.output.removeAll()
        loop.writer.output.append(method.name)
        loop.writer.output.append(byte: 0x20)
        loop.writer.output.append(target)
        loop.writer.output.append(" HTTP/1.1\r\n")
        loop.writer.add("Host", endpoint.authority)
        for (name, value) in headers { loop.writer.add(named: name, value) }
        if let length { loop.writer.add("Content-Length", length) }
        if isChunked { loop.writer.add("Transfer-Encoding", "chunked") }
        loop.writer.output.append("\r\n")
        loop.writer.output.append(body)
        connection.send(loop.writer.output.bytes)
        try await connection.drain(timeouts.idleSeconds)
    }

    /// Sends a piece of the body, waiting until the server has room for it.
    package func write(_ bytes: [UInt8]) async throws(ClientError) {
        try await connection.loop.run { () async throws(ClientError) in
            guard !bytes.isEmpty else { return }
            switch self.remaining {
            case .counted(let rest):
                guard bytes.count <= rest else { throw .malformed("the body is too long") }
                self.remaining = .counted(rest - bytes.count)
                bytes.withUnsafeBytes { self.connection.send($0) }
            case .chunked:
                self.sendChunk(bytes)
            case .untilClose: throw .malformed("the body has ended")
            }
            try await self.connection.drain(self.timeouts.idleSeconds)
        }
    }

    private func sendChunk(_ bytes: [UInt8]) {
        loop.writer.output.removeAll()
        loop.writer.output.append(hex: bytes.count)
        loop.writer.output.append("\r\n")
        loop.writer.output.append(bytes)
        loop.writer.output.append("\r\n")
        connection.send(loop.writer.output.bytes)
    }

    /// A writer of the rest of the body that any thread may use; ``write(_:)`` and ``finish()`` may not be called
    /// while it exists. Only for a call without a length.
    package func streamWriter() async throws(ClientError) -> StreamWriter {
        try await connection.loop.run { () async throws(ClientError) -> StreamWriter in
            guard self.remaining == .chunked else { throw .malformed("the body has a length") }
            try await self.connection.drain(self.timeouts.idleSeconds)
            guard !self.connection.isClosed,
                let writer = StreamWriter(
                    self.connection, idleSeconds: self.timeouts.idleSeconds)
            else { throw .disconnected }
            return writer
        }
    }

    /// Ends the body.
    package func finish() async throws(ClientError) {
        try await connection.loop.run { () async throws(ClientError) in
            switch self.remaining {
            case .counted(let rest):
                guard rest == 0 else { throw .malformed("the body is \(rest) bytes short") }
            case .untilClose: return
            case .chunked:
                let end: StaticString = "0\r\n\r\n"
                self.connection.send(UnsafeRawBufferPointer(start: end.utf8Start, count: 5))
                self.remaining = .counted(0)
                try await self.connection.drain(self.timeouts.idleSeconds)
            }
            self.endIfBothAreDone()
        }
    }

    // MARK: The response

    /// The response, as soon as its head is there, even while the request body goes on. To be asked for once.
    package func response() async throws(ClientError) -> ClientResponse {
        try await connection.loop.run { () async throws(ClientError) -> ClientResponse in
            let end = deadline(after: self.timeouts.responseSeconds, from: EventLoop.clock())
            let headers = try await self.connection.receiveHead(until: end)
            let status = self.connection.parser.status ?? .badGateway
            let fields = self.connection.parser.fields
            if self.method == .head || status.forbidsBody {
                self.incoming = .counted(0)
            } else if fields.isChunked {
                self.incoming = .chunked
            } else if let length = fields.contentLength {
                self.incoming = .counted(length)
            } else {
                self.incoming = .untilClose
            }
            self.hasHead = true
            let response = ClientResponse(self, status, headers)
            self.endIfBothAreDone()
            return response
        }
    }

    /// Reads some of the response body.
    ///
    /// - Returns: 0 at its end.
    func read(into buffer: UnsafeMutableRawBufferPointer) async throws(ClientError) -> Int {
        while true {
            switch incoming {
            case .counted(0): return 0
            case .counted(let rest):
                let room = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(rest))
                let count = try await connection.receive(
                    into: room, idleSeconds: timeouts.idleSeconds)
                guard count > 0 else { throw .disconnected }
                incoming = .counted(rest - count)
                endIfBothAreDone()
                return count
            case .untilClose:
                let count = try await connection.receive(
                    into: buffer, idleSeconds: timeouts.idleSeconds)
                if count == 0 { close() }
                return count
            case .chunked:
                if let count = try await readChunk(buffer) { return count }
            }
        }
    }

    private func readChunk(
        _ buffer: UnsafeMutableRawBufferPointer
    ) async throws(ClientError) -> Int? {
        let idle = timeouts.idleSeconds
        if decoder.dataRemaining > 0, !connection.hasBuffered {
            let room = UnsafeMutableRawBufferPointer(
                rebasing: buffer.prefix(decoder.dataRemaining))
            let count = try await connection.receive(into: room, idleSeconds: idle)
            guard count > 0 else { throw .disconnected }
            decoder.skipData(count)
            return count
        }
        if !connection.hasBuffered {
            try await connection.fill(until: deadline(after: idle, from: EventLoop.clock()))
        }
        switch try connection.decode(&decoder, into: buffer) {
        case .data(_, let count): return count
        case .more: return nil
        case .end:
            incoming = .counted(0)
            endIfBothAreDone()
            return 0
        }
    }

    var loop: EventLoop { connection.loop }

    /// Gives the connection up, wherever the two bodies are.
    package func close() {
        if loop.isCurrent {
            end(reuse: false)
        } else {
            loop.execute { [self] in end(reuse: false) }
        }
    }

    private func endIfBothAreDone() {
        guard hasHead, remaining == .counted(0), incoming == .counted(0) else { return }
        end(reuse: connection.parser.keepsAlive && !connection.hasBuffered && connection.hasSentAll)
    }

    private func end(reuse: Bool) {
        guard !isOver else { return }
        isOver = true
        if incoming == .untilClose { incoming = .counted(0) }
        if reuse, let pool = connection.pool, !connection.isClosed {
            pool.giveBack(connection)
        } else {
            connection.close()
        }
    }
}

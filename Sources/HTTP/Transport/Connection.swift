/// One client's connection: reads requests, has them answered, one after the other.
///
/// While nothing is under way there is no task: an event reads, parses, calls the handler's synchronous half and sends,
/// in one pass. Only when the handler asks for it, or an answer does not fit the socket, a task begins; it ends when the
/// connection falls idle again.
final class Connection: Socket, @unchecked Sendable {
    // Safety: belongs to its loop, like every socket.
    let server: ServerState
    let remoteAddress: String
    var phase = Phase.idle
    var slab: Slab?
    /// The bytes `[start, end)` of the slab are received and not yet used.
    var start = 0
    var end = 0
    /// Where the head of the current exchange ends; the body is read behind it.
    var headEnd = 0
    var parser: RequestParser
    /// Whether ``readDeadline`` is that of a head under way; it is not moved by further bytes.
    var isHeadTimed = false
    private(set) var exchange: Exchange!
    private var task: Task<Void, Never>?
    var output = PendingOutput()
    /// Of an unread body, to be dropped before the next head.
    var discardBytes = 0
    /// Whether it was refused for want of room, and so takes the place of no other.
    var isTurnedAway = false

    enum Phase {
        /// Between requests, or in the middle of a head.
        case idle
        /// A request is being answered.
        case busy
        /// Answered and ended; what still comes is dropped so that the client can read the answer.
        case lingering
        case closed
    }

    /// How long a server that ends waits for the request of one who has just connected.
    private static let lateSeconds = 0.25

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
        // Whoever comes while the server ends has his request with him, or on its way.
        let patience = server.isDraining ? Self.lateSeconds : server.limits.headSeconds
        readDeadline = deadline(after: patience, from: loop.now)
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

    /// Shutdown has begun: idle connections end now, the others after their answer. A request that has arrived and was not read
    /// yet is one of the others: to its client it is no different from one that was lost half done.
    func drainOut() {
        if phase == .idle, isExpendable { close() }
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
}

/// A handler returned without answering: an error of the handler.
struct NoAnswer: Error, CustomStringConvertible {
    let description = "the handler returned without an answer"
}

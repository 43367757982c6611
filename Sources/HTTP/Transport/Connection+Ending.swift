/// Connections that are refused, or that end while the client still reads.
extension Connection {
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

    func beginLingering() {
        guard phase != .closed else { return }
        phase = .lingering
        endWriting()
        giveSlabBack()
        readDeadline = deadline(after: server.limits.lingerSeconds, from: loop.now)
        loop.note(deadline: readDeadline)
        linger()
    }

    func linger() {
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

internal import CLinux
internal import Glibc

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

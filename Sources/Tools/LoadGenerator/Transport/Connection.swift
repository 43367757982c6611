import Glibc

/// One kept-alive connection, used by one worker thread, blocking.
///
/// The load generator has a client of its own on purpose: a fault in the server's reading of HTTP
/// cannot be cancelled out by the same fault here, and a thread that blocks adds no scheduler of
/// its own to the latencies it measures.
final class Connection {
    private let socket: BlockingSocket
    private let inbox = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var inboxStart = 0
    private var inboxEnd = 0
    /// Whether a response has arrived on this connection: then a close before the next one may
    /// only mean that the server ended an idle connection, and the request is sent once more.
    private(set) var wasUsed = false

    /// What stands behind the path in each request to this server: the version, and its name.
    let headLines: [UInt8]

    init(to address: ServerAddress) {
        socket = BlockingSocket(to: address)
        headLines = Array(" HTTP/1.1\r\nHost: \(address)\r\n".utf8)
    }

    deinit {
        close()
        inbox.deallocate()
    }

    func close() {
        socket.close()
        inboxStart = 0
        inboxEnd = 0
        wasUsed = false
    }

    /// Sends a request whole and reads the head of its answer.
    ///
    /// - Parameters:
    ///   - head: request line and fields with the final empty line.
    ///   - body: what follows at once, or `nil`; with `expectsContinue` it follows only a 100.
    ///   - expectsContinue: whether the head says `Expect: 100-continue`.
    /// - Returns: the head of the final answer; its body is still to be read.
    /// - Throws: ``LoadFailure``; the connection must then be closed.
    func exchange(
        head: [UInt8], body: UnsafeRawBufferPointer?, expectsContinue: Bool = false
    ) throws(LoadFailure) -> ResponseHead {
        try socket.connectIfNeeded()
        if let body, !expectsContinue {
            try socket.send(head, body)
        } else {
            try socket.send(head)
        }
        var answer = try readHead()
        while (100..<200).contains(answer.status) {
            if expectsContinue, answer.status == 100, let body { try socket.send(body) }
            answer = try readHead()
        }
        wasUsed = true
        return answer
    }

    /// Reads the body of the answer into `buffer`; a longer one is read to its end and cut off.
    ///
    /// - Returns: the length of the whole body.
    func readBody(
        of head: ResponseHead, method: String, into buffer: UnsafeMutableRawBufferPointer
    ) throws(LoadFailure) -> Int {
        if method == "HEAD" || head.status == 204 || head.status == 304 { return 0 }
        if head.isChunked { return try readChunks(into: buffer) }
        if let length = head.contentLength {
            try read(length, into: buffer, at: 0)
            return length
        }
        var total = 0
        while try fill() {
            total += take(inboxEnd - inboxStart, into: buffer, at: total)
        }
        close()
        return total
    }

    private func readHead() throws(LoadFailure) -> ResponseHead {
        var searched = 0
        while true {
            let pending = UnsafeRawBufferPointer(rebasing: inbox[inboxStart..<inboxEnd])
            if let end = Self.headEnd(in: pending, from: max(0, searched - 3)) {
                let head = ResponseHead(UnsafeRawBufferPointer(rebasing: pending[..<end]))
                inboxStart += end + 4
                guard let head else { throw .malformed("head") }
                return head
            }
            searched = pending.count
            guard searched < Limits.headBytesMax - 1 else { throw .malformed("head too long") }
            guard try fill() else {
                throw .closed
            }
        }
    }

    /// Where the empty line begins, found by the newlines.
    private static func headEnd(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        var position = start
        while position + 3 < bytes.count,
            // The second of the two line feeds.
            let found = memchr(base + position + 3, 0x0A, bytes.count - position - 3)
        {
            let feed = base.distance(to: UnsafeRawPointer(found))
            if bytes[feed - 1] == 0x0D, bytes[feed - 2] == 0x0A, bytes[feed - 3] == 0x0D {
                return feed - 3
            }
            position = feed - 2
        }
        return nil
    }

    private func readChunks(
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(LoadFailure) -> Int {
        var total = 0
        while true {
            let line = try readLine()
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16), size >= 0 else {
                throw .malformed("chunk")
            }
            if size == 0 {
                while try !readLine().isEmpty {}
                return total
            }
            try read(size, into: buffer, at: total)
            total += size
            guard try readLine().isEmpty else { throw .malformed("chunk") }
        }
    }

    private func readLine() throws(LoadFailure) -> String {
        while true {
            if let end = inbox[inboxStart..<inboxEnd].firstIndex(of: 10) {
                var line = inbox[inboxStart..<end]
                if line.last == 13 { line = line.dropLast() }
                inboxStart = end + 1
                return String(decoding: line, as: UTF8.self)
            }
            guard inboxEnd - inboxStart < Limits.headBytesMax - 1 else { throw .malformed("line") }
            guard try fill() else { throw .closed }
        }
    }

    /// Reads exactly `count` bytes; those that fit go to `buffer` from `offset` on.
    private func read(
        _ count: Int, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(LoadFailure) {
        var done = min(count, inboxEnd - inboxStart)
        _ = take(done, into: buffer, at: offset)
        while done < count {
            let room = max(0, buffer.count - offset - done)
            if room == 0 {
                guard try fill() else { throw .closed }
                done += take(
                    min(count - done, inboxEnd - inboxStart), into: buffer, at: buffer.count)
                continue
            }
            let rest = UnsafeMutableRawBufferPointer(
                rebasing: buffer[(offset + done)..<(offset + done + min(room, count - done))])
            let received = try socket.receive(into: rest, whole: true)
            if received == 0 { throw .closed }
            done += received
        }
    }

    /// Moves bytes out of the inbox; what does not fit is dropped.
    private func take(
        _ count: Int, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) -> Int {
        let kept = min(count, max(0, buffer.count - offset))
        if kept > 0 {
            UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + kept)])
                .copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: inbox[inboxStart..<(inboxStart + kept)]))
        }
        inboxStart += count
        return count
    }

    /// Receives more; false at the end of the stream.
    private func fill() throws(LoadFailure) -> Bool {
        if inboxStart == inboxEnd {
            inboxStart = 0
            inboxEnd = 0
        } else if inboxStart > 0, inboxEnd == inbox.count {
            inbox.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: inbox[inboxStart..<inboxEnd]))
            inboxEnd -= inboxStart
            inboxStart = 0
        }
        let received = try socket.receive(
            into: UnsafeMutableRawBufferPointer(rebasing: inbox[inboxEnd...]))
        inboxEnd += received
        return received > 0
    }
}

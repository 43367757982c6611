import Glibc

/// One kept-alive connection, used by one worker thread, blocking.
///
/// The load generator has a client of its own on purpose: a fault in the server's reading of HTTP
/// cannot be cancelled out by the same fault here, and a thread that blocks adds no scheduler of
/// its own to the latencies it measures.
final class Connection {
    private var descriptor: Int32 = -1
    private let address: ServerAddress
    private let inbox = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var inboxStart = 0
    private var inboxEnd = 0
    /// Whether a response has arrived on this connection: then a close before the next one may
    /// only mean that the server ended an idle connection, and the request is sent once more.
    private(set) var wasUsed = false

    init(to address: ServerAddress) { self.address = address }

    deinit {
        close()
        inbox.deallocate()
    }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
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
        try connectIfNeeded()
        if let body, !expectsContinue {
            try sendAll(head, body)
        } else {
            try sendAll(head, nil)
        }
        var answer = try readHead()
        while (100..<200).contains(answer.status) {
            if expectsContinue, answer.status == 100, let body { try sendBytes(body) }
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

    private func connectIfNeeded() throws(LoadFailure) {
        guard descriptor < 0 else { return }
        let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard opened >= 0 else { throw .unreachable(String(cString: strerror(errno))) }
        var socketAddress = sockaddr_in()
        socketAddress.sin_family = sa_family_t(AF_INET)
        socketAddress.sin_port = address.port.bigEndian
        socketAddress.sin_addr.s_addr = address.host.bigEndian
        var limit = timeval(tv_sec: Limits.requestTimeoutSeconds, tv_usec: 0)
        let limitSize = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(opened, SOL_SOCKET, SO_RCVTIMEO, &limit, limitSize)
        setsockopt(opened, SOL_SOCKET, SO_SNDTIMEO, &limit, limitSize)
        var yes: Int32 = 1
        let yesSize = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(opened, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, yesSize)
        let result = withUnsafePointer(to: &socketAddress) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(opened, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let reason = String(cString: strerror(errno))
            Glibc.close(opened)
            throw .unreachable(reason)
        }
        descriptor = opened
    }

    /// Head and body in one system call, so that they share a packet where they fit.
    private func sendAll(
        _ head: [UInt8], _ body: UnsafeRawBufferPointer?
    ) throws(LoadFailure) {
        let sent = head.withUnsafeBytes { headBytes in
            var parts = [
                iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: headBytes.baseAddress),
                    iov_len: headBytes.count),
                iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: body?.baseAddress),
                    iov_len: body?.count ?? 0),
            ]
            return parts.withUnsafeMutableBufferPointer { pointer in
                var message = msghdr()
                message.msg_iov = pointer.baseAddress
                message.msg_iovlen = body == nil ? 1 : 2
                return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
            }
        }
        guard sent >= 0 else { throw failure(errno) }
        if sent < head.count {
            let rest = Array(head[sent...])
            try rest.withUnsafeBytes { bytes in
                Result { () throws(LoadFailure) in try sendBytes(bytes) }
            }.get()
            if let body { try sendBytes(body) }
        } else if let body, sent - head.count < body.count {
            try sendBytes(UnsafeRawBufferPointer(rebasing: body[(sent - head.count)...]))
        }
    }

    private func sendBytes(_ bytes: UnsafeRawBufferPointer) throws(LoadFailure) {
        var rest = bytes
        while !rest.isEmpty {
            let count = send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw failure(code)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
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
        var position = start
        while position + 3 < bytes.count {
            if bytes[position] == 13, bytes[position + 1] == 10, bytes[position + 2] == 13,
                bytes[position + 3] == 10
            {
                return position
            }
            position += 1
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
            let start = buffer.baseAddress?.advanced(by: offset + done)
            let received = recv(
                descriptor, start, min(room, count - done), Int32(MSG_WAITALL))
            if received == 0 { throw .closed }
            if received < 0 {
                let code = errno
                if code == EINTR { continue }
                throw failure(code)
            }
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
        while true {
            let start = inbox.baseAddress?.advanced(by: inboxEnd)
            let received = recv(descriptor, start, inbox.count - inboxEnd, 0)
            if received > 0 {
                inboxEnd += received
                return true
            }
            if received == 0 { return false }
            let code = errno
            if code != EINTR { throw failure(code) }
        }
    }

    private func failure(_ code: Int32) -> LoadFailure {
        code == EAGAIN || code == EWOULDBLOCK ? .timeout : .closed
    }
}

import Glibc

/// A TCP connection of one worker thread, which blocks in it.
///
/// A thread that blocks adds no scheduler of its own to the latencies it measures.
final class BlockingSocket {
    private var descriptor: Int32 = -1
    private let address: ServerAddress

    init(to address: ServerAddress) { self.address = address }

    deinit { close() }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    var isOpen: Bool { descriptor >= 0 }

    func connectIfNeeded() throws(LoadFailure) {
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

    /// Sends both parts in one system call, so that they share a packet where they fit.
    func send(_ head: [UInt8], _ body: UnsafeRawBufferPointer? = nil) throws(LoadFailure) {
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
                Result { () throws(LoadFailure) in try send(bytes) }
            }.get()
            if let body { try send(body) }
        } else if let body, sent - head.count < body.count {
            try send(UnsafeRawBufferPointer(rebasing: body[(sent - head.count)...]))
        }
    }

    func send(_ bytes: UnsafeRawBufferPointer) throws(LoadFailure) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw failure(code)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Receives what is there, or, when `whole`, as much as fits.
    ///
    /// - Returns: the number of bytes; 0 at the end of the stream.
    func receive(
        into buffer: UnsafeMutableRawBufferPointer, whole: Bool = false
    ) throws(LoadFailure) -> Int {
        while true {
            let count = recv(
                descriptor, buffer.baseAddress, buffer.count, whole ? Int32(MSG_WAITALL) : 0)
            if count >= 0 { return count }
            let code = errno
            if code != EINTR { throw failure(code) }
        }
    }

    private func failure(_ code: Int32) -> LoadFailure {
        code == EAGAIN || code == EWOULDBLOCK ? .timeout : .closed
    }
}

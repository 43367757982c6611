import Glibc
import Testing

/// A blocking socket that says exactly what a test tells it to: the independent other side.
final class RawClient {
    private let descriptor: Int32

    /// Connects. A small `receiveBuffer` makes a slow reader.
    init(port: Int, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
        }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0, "connect: \(String(cString: strerror(errno)))")
    }

    deinit {
        close(descriptor)
    }

    @discardableResult
    func send(_ text: String) -> Bool {
        send(Array(text.utf8))
    }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                let rest = UnsafeRawBufferPointer(rebasing: $0[sent...])
                return Glibc.send(descriptor, rest.baseAddress, rest.count, 0x4000)
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// Reads until `count` bytes are there, or the end.
    func receive(_ count: Int) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(count, 1 << 16))
        while result.count < count {
            let got = recv(descriptor, &buffer, min(buffer.count, count - result.count), 0)
            if got <= 0 { break }
            result += buffer[..<got]
        }
        return result
    }

    /// Everything up to the end of the connection.
    func receiveAll() -> String {
        String(decoding: receive(.max), as: UTF8.self)
    }

    /// Everything up to and with `end`.
    func receive(through end: String) -> String {
        var result: [UInt8] = []
        while !result.ends(with: end.utf8) {
            let byte = receive(1)
            if byte.isEmpty { break }
            result += byte
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// One response with a Content-Length.
    func response() -> (status: Int, head: String, body: String) {
        let head = receive(through: "\r\n\r\n")
        let status = Int(head.dropFirst(9).prefix(3)) ?? 0
        var length = 0
        for line in head.split(separator: "\r\n") where line.hasPrefix("Content-Length: ") {
            length = Int(line.dropFirst(16)) ?? 0
        }
        let body = length > 0 ? receive(length) : []
        return (status, head, String(decoding: body, as: UTF8.self))
    }

    func endWriting() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Ends with a reset instead of an orderly close.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, 8)
    }
}

extension Array where Element == UInt8 {
    fileprivate func ends(with end: String.UTF8View) -> Bool {
        count >= end.count && suffix(end.count).elementsEqual(end)
    }
}

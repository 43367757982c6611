import FoundationEssentials
import Glibc

/// Asks one node one question over HTTP, with a deadline, on a connection of its own.
///
/// It is a blocking socket on purpose: the tool asks a handful of nodes now and then, and must
/// still answer when a node is stopped, so it shares nothing with the nodes it looks at.
package struct NodeProbe {
    package struct Reply: Sendable {
        package let status: Int
        package let body: [UInt8]

        /// The body as a document of this type, or `nil` when it is something else.
        package func decoded<Value: Decodable>(as type: Value.Type) -> Value? {
            try? JSONDecoder().decode(type, from: Data(body))
        }
    }

    private let port: UInt16
    private let deadline: ContinuousClock.Instant

    /// Sends `GET path` to a node on loopback; `nil` when no whole answer came in time.
    package static func get(
        _ path: String, port: UInt16, timeout: Duration? = nil
    ) -> Reply? {
        let limit = timeout ?? Limits.probeTimeout
        return NodeProbe(port: port, deadline: .now + limit).ask(path)
    }

    private func ask(_ path: String) -> Reply? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { return nil }
        var address = Ports.loopback(port)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if connected != 0, errno != EINPROGRESS { return nil }
        let request =
            "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n"
        guard send(Array(request.utf8), on: descriptor) else { return nil }
        return receive(on: descriptor).flatMap(Self.reply)
    }

    private func send(_ bytes: [UInt8], on descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            guard wait(Int16(POLLOUT), on: descriptor) else { return false }
            let flags = Int32(MSG_NOSIGNAL)
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, flags)
            }
            if count < 0, errno != EAGAIN, errno != EINTR { return false }
            sent += max(0, count)
        }
        return true
    }

    private func receive(on descriptor: Int32) -> [UInt8]? {
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while received.count < Limits.probeBodyBytesMax {
            guard wait(Int16(POLLIN), on: descriptor) else { return nil }
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count == 0 { return received }
            if count < 0 {
                guard errno == EAGAIN || errno == EINTR else { return nil }
                continue
            }
            received += chunk[..<count]
        }
        return nil
    }

    private func wait(_ events: Int16, on descriptor: Int32) -> Bool {
        let left = deadline - .now
        guard left > .zero else { return false }
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        let milliseconds =
            left.components.seconds * 1000
            + left.components.attoseconds / 1_000_000_000_000_000
        return poll(&entry, 1, Int32(min(milliseconds + 1, 60_000))) > 0
    }

    /// Takes the answer apart: the connection was closed after it, so the body is what follows.
    static func reply(_ bytes: [UInt8]) -> Reply? {
        let separator: [UInt8] = [13, 10, 13, 10]
        guard let headEnd = bytes.indices.first(where: { bytes[$0...].starts(with: separator) })
        else { return nil }
        let head = String(decoding: bytes[..<headEnd], as: UTF8.self)
        let lines = head.split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            return nil
        }
        let body = Array(bytes[(headEnd + 4)...])
        let isChunked = lines.dropFirst().contains {
            $0.lowercased().hasPrefix("transfer-encoding:") && $0.lowercased().hasSuffix("chunked")
        }
        guard isChunked else { return Reply(status: status, body: body) }
        return unchunked(body).map { Reply(status: status, body: $0) }
    }

    private static func unchunked(_ body: [UInt8]) -> [UInt8]? {
        var whole: [UInt8] = []
        var rest = body[...]
        while let lineEnd = rest.firstIndex(of: 13) {
            let line = String(decoding: rest[rest.startIndex..<lineEnd], as: UTF8.self)
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16), size >= 0 else {
                return nil
            }
            if size == 0 { return whole }
            let start = lineEnd + 2
            guard size <= rest.endIndex - start - 2 else { return nil }
            whole += rest[start..<(start + size)]
            rest = rest[(start + size + 2)...]
        }
        return nil
    }
}

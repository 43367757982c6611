import Glibc
import Synchronization
import Testing

/// Answers the first request on its one connection, takes the second, and is gone.
final class MortalServer: Sendable {
    let port: Int
    private let descriptor: Int32
    private let requests = Mutex(0)

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        try #require(result)
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<MortalServer>.fromOpaque(argument).takeRetainedValue().serve()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_detach(thread)
    }

    private func serve() {
        let client = accept(descriptor, nil, nil)
        var buffer = [UInt8](repeating: 0, count: 4_096)
        if recv(client, &buffer, buffer.count, 0) > 0 { requests.withLock { $0 += 1 } }
        let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)
        send(client, answer, answer.count, 0)
        if recv(client, &buffer, buffer.count, 0) > 0 { requests.withLock { $0 += 1 } }
        close(descriptor)
        close(client)
    }

    /// How many requests it has seen.
    var seen: Int { requests.withLock { $0 } }
}

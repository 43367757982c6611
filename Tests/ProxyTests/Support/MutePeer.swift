import Glibc
import Synchronization
import Testing

@testable import Proxy

/// Listens and accepts, and neither reads nor writes.
final class MutePeer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let accepted = Mutex<[Int32]>([])

    init() throws {
        port = try FreePort.take()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // Little room, so that what is not read piles up at the sender.
        var bytes: Int32 = 4_096
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0
            }
        }
        #expect(isBound && listen(listener, 64) == 0)
        _ = fcntl(listener, F_SETFL, O_NONBLOCK)
    }

    deinit {
        for descriptor in accepted.withLock({ $0 }) + [listener] { close(descriptor) }
    }

    /// Ends the connections, as a process does that ends; it still listens.
    func hangUp() {
        let ended = accepted.withLock { accepted in
            defer { accepted = [] }
            return accepted
        }
        for descriptor in ended { close(descriptor) }
    }

    /// Listens no more, and ends the connections.
    func end() {
        shutdown(listener, Int32(SHUT_RDWR))
        hangUp()
    }

    /// Takes whoever is there; connections so far.
    func accept() -> Int {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { return accepted.withLock(\.count) }
            accepted.withLock { $0.append(descriptor) }
        }
    }
}

import Glibc
import Synchronization

/// A port of loopback that nobody listens on at the moment, and that nobody is likely to take: proxies give theirs up and
/// take them again, and one that the system hands to outgoing connections would be gone by then.
enum FreePort {
    struct Unavailable: Error {}

    /// Below Linux's default range for outgoing connections.
    private static let range: Range<UInt16> = 10_000..<32_000
    private static let next = Mutex(UInt16.random(in: range))

    static func take() throws -> UInt16 {
        for _ in range {
            let port = next.withLock { next in
                next = next + 1 < range.upperBound ? next + 1 : range.lowerBound
                return next
            }
            if isFree(port) { return port }
        }
        throw Unavailable()
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0
            }
        }
    }
}

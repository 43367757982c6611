internal import CLinux
internal import Glibc

/// An IP address and a port, as the system calls take it.
struct SocketAddress: @unchecked Sendable {
    // Safety: a value without references; `sockaddr_storage` is merely not marked so.
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    /// Looks a host up. Blocks for names; not for literal addresses.
    ///
    /// - Returns: the addresses in the order in which to try them; empty when there are none.
    static func resolve(host: String, port: Int, isPassive: Bool = false) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = isPassive ? 0x0001 : 0
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var result: [SocketAddress] = []
        var next = list
        while let info = next?.pointee {
            var address = SocketAddress()
            memcpy(&address.storage, info.ai_addr, Int(info.ai_addrlen))
            address.length = info.ai_addrlen
            result.append(address)
            next = info.ai_next
        }
        return result
    }

    /// Whether `host` needs no look-up.
    static func isLiteral(_ host: String) -> Bool {
        var space = in6_addr()
        return inet_pton(AF_INET, host, &space) == 1 || inet_pton(AF_INET6, host, &space) == 1
    }

    var family: Int32 { Int32(storage.ss_family) }

    var port: Int {
        var copy = storage
        return withUnsafeBytes(of: &copy) { bytes in
            Int(bytes[2]) << 8 | Int(bytes[3])
        }
    }

    /// `127.0.0.1:8080` or `[::1]:8080`.
    var text: String {
        var copy = storage
        return withUnsafeBytes(of: &copy) { bytes -> String in
            var buffer = [CChar](repeating: 0, count: 64)
            let isV6 = family == AF_INET6
            guard let base = bytes.baseAddress,
                inet_ntop(family, base + (isV6 ? 8 : 4), &buffer, 64) != nil
            else { return "?" }
            let host = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            return isV6 ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// Calls `body` as the system calls want it.
    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// Lets a system call fill in an address.
    static func filled(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> (result: Int32, error: Int32, address: SocketAddress) {
        var address = SocketAddress()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var error: Int32 = 0
        let result = withUnsafeMutablePointer(to: &address.storage) { pointer in
            let result = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, &length)
            }
            error = errno
            return result
        }
        address.length = length
        return (result, error, address)
    }
}

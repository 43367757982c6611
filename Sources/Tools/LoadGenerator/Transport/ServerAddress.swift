import Base

/// Where a server listens: an IPv4 address and a port, from `http://HOST:PORT`.
struct ServerAddress: Hashable, Sendable, ArgumentValue, CustomStringConvertible {
    /// In host order.
    let host: UInt32
    let port: UInt16

    init(host: UInt32, port: UInt16) {
        self.host = host
        self.port = port
    }

    init?(argument: String) {
        guard let (address, rest) = Self.split(argument), rest.isEmpty || rest == "/" else {
            return nil
        }
        self = address
    }

    static var expectation: String {
        "a URL such as http://127.0.0.1:8080 (names are not looked up)"
    }

    /// Takes `http://1.2.3.4:80/path` apart into the address and the rest.
    static func split(_ url: String) -> (ServerAddress, path: Substring)? {
        guard url.hasPrefix("http://") else { return nil }
        let rest = url.dropFirst("http://".count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end].split(separator: ":", omittingEmptySubsequences: false)
        guard authority.count <= 2, let host = authority.first.flatMap(hostNumber) else {
            return nil
        }
        guard authority.count == 2 else {
            return (ServerAddress(host: host, port: 80), rest[end...])
        }
        guard let port = UInt16(authority[1]) else { return nil }
        return (ServerAddress(host: host, port: port), rest[end...])
    }

    private static func hostNumber(_ text: Substring) -> UInt32? {
        if text == "localhost" { return 0x7F00_0001 }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            guard let byte = UInt8(part) else { return nil }
            number = number << 8 | UInt32(byte)
        }
        return number
    }

    var description: String {
        "\(host >> 24).\(host >> 16 & 255).\(host >> 8 & 255).\(host & 255):\(port)"
    }
}

/// Where a server listens: what stands in an `http://` URL before the path.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an IP address, without brackets.
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `http://host[:port][/]` or `host:port`.
    package init(_ url: String) throws(ClientError) {
        var rest = url[...]
        if rest.hasPrefix("http://") {
            rest = rest.dropFirst(7)
        } else if rest.contains("://") {
            throw .malformed("\(url): only http is spoken here")
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        let host: Substring
        var port = 80
        if rest.first == "[", let close = rest.firstIndex(of: "]") {
            host = rest[rest.index(after: rest.startIndex)..<close]
            rest = rest[rest.index(after: close)...]
        } else {
            host = rest.prefix { $0 != ":" && $0 != "/" }
            rest = rest.dropFirst(host.count)
        }
        if rest.first == ":" {
            guard let number = Int(rest.dropFirst()), 1...65_535 ~= number else {
                throw .malformed("\(url): the port is not a number from 1 to 65535")
            }
            port = number
        } else if !rest.isEmpty {
            throw .malformed("\(url): something stands behind the host")
        }
        let isHost = host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x40 }
        guard !host.isEmpty, isHost else { throw .malformed("\(url): the host is missing") }
        self.host = String(host)
        self.port = port
    }

    /// As in a Host header.
    package var authority: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    package var description: String { "http://\(authority)" }
}

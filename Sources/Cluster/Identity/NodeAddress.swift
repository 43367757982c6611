import Base

/// Where a node listens, as others reach it: a host (name or IPv4 address) and a TCP port.
public struct NodeAddress: Hashable, Sendable, CustomStringConvertible {
    public static let hostBytesMax = 253

    public let host: String
    public let port: UInt16

    /// - Returns: `nil` when the host is empty, too long, or holds bytes that no host name has.
    public init?(host: String, port: UInt16) {
        let bytes = host.utf8
        let allowed = bytes.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard !bytes.isEmpty, bytes.count <= Self.hostBytesMax, allowed, port != 0 else {
            return nil
        }
        self.host = host
        self.port = port
    }

    /// Reads `host:port`, or the same behind `http://` and before one closing slash.
    public init?(text: String) {
        var rest = Substring(text)
        if rest.hasPrefix("http://") { rest = rest.dropFirst(7) }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(parts[1])
        else { return nil }
        self.init(host: String(parts[0]), port: port)
    }

    /// Whether the host is an IPv4 address, and not a name that stands for one.
    public var isNumeric: Bool {
        host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
    }

    public var description: String { "\(host):\(port)" }

    /// The base of every URL at this node, without a closing slash.
    public var url: String { "http://\(host):\(port)" }
}

/// A request without its body: a view of the bytes that came from the network.
///
/// It may be kept, but its bytes belong to the connection: read it while the exchange lasts.
package struct RequestHead: Sendable {
    package let headers: Headers
    private let line: RequestLine
    /// The length of the body, when the client gave one.
    package let contentLength: Int?
    /// Whether the body comes in chunks, its length unknown.
    package let isChunked: Bool
    /// Whether the client holds the body back until it is asked for (RFC 9110 §10.1.1).
    package let expectsContinue: Bool
    /// Whether the client is ready to send another request on this connection.
    package let keepsAlive: Bool

    init(line: RequestLine, fields: FieldParser, slab: Slab) {
        self.line = line
        headers = Headers(slab: slab, fields: fields.fields)
        contentLength = fields.contentLength
        isChunked = fields.isChunked
        // RFC 9110 §10.1.1: an expectation of an HTTP/1.0 client is ignored.
        expectsContinue = fields.expectsContinue && line.minorVersion == 1
        keepsAlive = !fields.closes && (line.minorVersion == 1 || fields.keepsAlive)
    }

    package var method: Method { line.method }

    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    package var minorVersion: Int { Int(line.minorVersion) }

    package var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    /// The path as it was sent, still percent-encoded.
    package var rawPath: String {
        String(decoding: slice(line.pathStart, line.pathEnd), as: UTF8.self)
    }

    /// The path, percent-decoded; bytes that are not UTF-8 are replaced.
    package var path: String {
        guard line.pathHasEscapes else { return rawPath }
        return String(decoding: pathBytes, as: UTF8.self)
    }

    /// The path, percent-decoded, byte by byte as the client meant it.
    package var pathBytes: [UInt8] {
        PercentCoding.decode(slice(line.pathStart, line.pathEnd)) ?? []
    }

    /// What follows the `?`, as it was sent, or the empty string.
    package var rawQuery: String {
        String(decoding: slice(line.queryStart, line.targetEnd), as: UTF8.self)
    }

    /// Path and query as they were sent.
    package var target: String {
        String(decoding: slice(line.pathStart, line.targetEnd), as: UTF8.self)
    }

    /// Calls `body` with the path as it was sent: no String, no copy.
    package func withRawPath<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        body(slice(line.pathStart, line.pathEnd))
    }

    package func withRawQuery<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        body(slice(line.queryStart, line.targetEnd))
    }

    /// The first value of a query parameter, decoded; the empty string when it has a name but no value.
    package func query(_ name: String) -> String? {
        var found: String?
        forEachParameter { key, value in
            if found == nil, key == name { found = value }
        }
        return found
    }

    /// All query parameters, decoded, in the order they came. A malformed escape stands for itself.
    package var queryParameters: [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        forEachParameter { result.append(($0, $1)) }
        return result
    }

    private func forEachParameter(_ body: (String, String) -> Void) {
        for part in slice(line.queryStart, line.targetEnd).split(separator: 0x26) {
            let part = UnsafeBufferPointer(rebasing: part)
            let equals = part.firstIndex(of: 0x3D) ?? part.count
            let value = equals < part.count ? part[(equals + 1)...] : part[part.count...]
            body(
                Self.decoded(UnsafeBufferPointer(rebasing: part[..<equals])),
                Self.decoded(UnsafeBufferPointer(rebasing: value)))
        }
    }

    private static func decoded(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        guard let result = PercentCoding.decode(bytes, plusIsSpace: true) else {
            return String(decoding: bytes, as: UTF8.self)
        }
        return String(decoding: result, as: UTF8.self)
    }

    private func slice(_ start: UInt16, _ end: UInt16) -> UnsafeBufferPointer<UInt8> {
        headers.slab.slice(Int(start), Int(end))
    }
}

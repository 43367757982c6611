internal import Glibc

/// `METHOD TARGET HTTP/1.x`, as offsets into the head (RFC 9112 §3).
struct RequestLine: Sendable, Equatable {
    let method: Method
    var pathStart: UInt16
    var pathEnd: UInt16
    /// Behind the `?`; equal to `targetEnd` when there is no query.
    var queryStart: UInt16
    var targetEnd: UInt16
    let minorVersion: UInt8
    private(set) var pathHasEscapes = false

    init(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) throws(RequestError) {
        // The version is the last 8 bytes; it decides first, so that HTTP/2 gets an answer it knows.
        var blank = start
        while blank < end, base[blank] != 0x20 { blank += 1 }
        guard end - blank >= 11, base[end - 9] == 0x20 else { throw .badRequestLine }
        guard Self.isVersion(base + (end - 8)) else {
            throw memcmp(base + (end - 8), "HTTP/", 5) == 0 ? .badVersion : .badRequestLine
        }
        minorVersion = base[end - 1] - 0x30
        method = try Self.method(UnsafeBufferPointer(start: base + start, count: blank - start))
        let targetFirst = blank + 1
        let last = end - 9
        let target = UnsafeBufferPointer(start: base + targetFirst, count: last - targetFirst)
        guard !target.isEmpty, Tokens.isTarget(target) else { throw .badTarget }
        let first = try Self.pathStart(target, method) + targetFirst
        var pathLast = first
        while pathLast < last, base[pathLast] != 0x3F { pathLast += 1 }
        pathStart = UInt16(first)
        pathEnd = UInt16(pathLast)
        queryStart = UInt16(min(pathLast + 1, last))
        targetEnd = UInt16(last)
        try checkEscapes(base)
    }

    private static func isVersion(_ bytes: UnsafePointer<UInt8>) -> Bool {
        memcmp(bytes, "HTTP/1.", 7) == 0 && (bytes[7] == 0x31 || bytes[7] == 0x30)
    }

    private static func method(
        _ bytes: UnsafeBufferPointer<UInt8>
    ) throws(RequestError) -> Method {
        guard Tokens.isToken(bytes), let base = bytes.baseAddress else { throw .badRequestLine }
        switch bytes.count {
        case 3 where memcmp(base, "GET", 3) == 0: return .get
        case 3 where memcmp(base, "PUT", 3) == 0: return .put
        case 4 where memcmp(base, "HEAD", 4) == 0: return .head
        default: return Method(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Where the path begins in the target: at once in the origin form, behind the authority in the absolute form,
    /// which every server must accept (RFC 9112 §3.2.2).
    private static func pathStart(
        _ target: UnsafeBufferPointer<UInt8>, _ method: Method
    ) throws(RequestError) -> Int {
        if target[0] == 0x2F { return 0 }
        if method == .options, target.count == 1, target[0] == 0x2A { return 0 }
        guard target.count > 7, let base = target.baseAddress,
            equalsIgnoringCase(base, ("http://" as StaticString).utf8Start, 7)
        else { throw .badTarget }
        guard let slash = target[7...].firstIndex(of: 0x2F), slash > 7 else { throw .badTarget }
        return slash
    }

    /// Checked once here, so that decoding the path later cannot fail.
    private mutating func checkEscapes(_ base: UnsafePointer<UInt8>) throws(RequestError) {
        var index = Int(pathStart)
        let end = Int(pathEnd)
        while index < end {
            if base[index] == 0x25 {
                guard index + 2 < end, hexValue(base[index + 1]) != nil,
                    hexValue(base[index + 2]) != nil
                else { throw .badEscape }
                pathHasEscapes = true
                index += 2
            }
            index += 1
        }
    }
}

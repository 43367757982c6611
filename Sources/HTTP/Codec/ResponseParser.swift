internal import Glibc

/// Parses response heads (RFC 9112 §4), as strictly as ``RequestParser`` parses requests.
package struct ResponseParser: Sendable {
    private let limits: RequestParser.Limits
    private var scanner = LineScanner()
    private(set) var fields = FieldParser()
    private(set) var status: Status?
    private(set) var minorVersion = 1

    package init(limits: RequestParser.Limits = RequestParser.Limits()) {
        self.limits = limits
    }

    package mutating func reset() {
        scanner = LineScanner()
        fields.reset()
        status = nil
    }

    /// Looks at the bytes received so far; `bytes` must begin with those of the call before.
    ///
    /// - Returns: the length of the head, or `nil` when bytes are missing.
    package mutating func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(RequestError) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let count = min(bytes.count, limits.headBytesMax)
        while let (start, end) = try scanner.next(base, count) {
            if status == nil {
                try parseStatus(base + start, end - start)
            } else if end == start {
                if fields.isChunked, fields.contentLength != nil { throw .conflictingLengths }
                return scanner.lineStart
            } else {
                guard fields.fields.count < limits.fieldsMax else { throw .headTooLarge }
                try fields.parse(base, start, end)
            }
        }
        if bytes.count >= limits.headBytesMax { throw .headTooLarge }
        return nil
    }

    /// `HTTP/1.1 200 OK`, the reason and the blank before it optional.
    private mutating func parseStatus(
        _ line: UnsafePointer<UInt8>, _ count: Int
    ) throws(RequestError) {
        guard count >= 12, memcmp(line, "HTTP/1.", 7) == 0, line[7] == 0x31 || line[7] == 0x30,
            line[8] == 0x20, count == 12 || line[12] == 0x20,
            let code = decimal(UnsafeBufferPointer(start: line + 9, count: 3)), code >= 100,
            Tokens.isFieldValue(UnsafeBufferPointer(start: line + 12, count: count - 12))
        else { throw .badRequestLine }
        minorVersion = Int(line[7]) - 0x30
        status = Status(rawValue: code)
    }

    /// Whether another request may follow on the connection.
    var keepsAlive: Bool { !fields.closes && (minorVersion == 1 || fields.keepsAlive) }
}

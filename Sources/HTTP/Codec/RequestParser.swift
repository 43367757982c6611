internal import Glibc

/// Parses request heads (RFC 9112 §2-§3) from bytes that arrive in any pieces.
///
/// Give it the same, growing bytes until it says the head is complete; it goes on where it stopped. It is strict
/// wherever two parsers could disagree about where a message ends, because that is how requests are smuggled.
package struct RequestParser: Sendable {
    /// The bounds of a head.
    package struct Limits: Sendable {
        /// The request line. Object names are long, and the query carries a continuation token.
        package var lineBytesMax = 8 * 1024
        /// The whole head. Below 64 KiB, because fields are kept as 16-bit offsets.
        package var headBytesMax = 16 * 1024
        /// Fields; more than any client sends, few enough to look through.
        package var fieldsMax = 128

        package init() {}
    }

    private let limits: Limits
    private var scanner = LineScanner()
    private var blankLines = 0
    private(set) var line: RequestLine?
    private(set) var fields = FieldParser()

    package init(limits: Limits = Limits()) {
        precondition(limits.headBytesMax < 1 << 16, "a head is at most 64 KiB")
        self.limits = limits
        fields.fields.reserveCapacity(16)
    }

    /// Forgets the head: the next bytes begin a new one.
    package mutating func reset() {
        scanner = LineScanner()
        blankLines = 0
        line = nil
        fields.reset()
    }

    /// Whether something of a head has been seen.
    var hasBegun: Bool { line != nil || scanner.lineStart > 0 }

    /// Looks at the bytes received so far; `bytes` must begin with those of the call before.
    ///
    /// - Returns: the length of the head, with its empty line, or `nil` when bytes are missing.
    package mutating func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(RequestError) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let count = min(bytes.count, limits.headBytesMax)
        while let (start, end) = try scanner.next(base, count) {
            if line == nil {
                if end == start, blankLines < 2 {  // RFC 9112 §2.2: some clients send them
                    blankLines += 1
                    continue
                }
                guard end - start <= limits.lineBytesMax else { throw .targetTooLong }
                line = try RequestLine(base, start, end)
            } else if end == start {
                try finish()
                return scanner.lineStart
            } else {
                guard fields.fields.count < limits.fieldsMax else { throw .headTooLarge }
                try fields.parse(base, start, end)
            }
        }
        if line == nil, count - scanner.lineStart > limits.lineBytesMax { throw .targetTooLong }
        if bytes.count >= limits.headBytesMax { throw .headTooLarge }
        return nil
    }

    /// The rules that need all fields (RFC 9112 §3.2, §6.1).
    private mutating func finish() throws(RequestError) {
        guard let line else { return }
        if fields.hosts > 1 || (fields.hosts == 0 && line.minorVersion == 1) { throw .badHost }
        if fields.isChunked {
            if fields.contentLength != nil { throw .conflictingLengths }
            // HTTP/1.0 knows no chunks; a proxy in between may have passed the header on blindly.
            if line.minorVersion == 0 { throw .unknownTransferCoding }
        }
    }

    /// The head just completed, whose bytes are the first `length` of `slab`.
    func head(in slab: Slab) -> RequestHead {
        guard let line else { preconditionFailure("a head was asked for before it was complete") }
        return RequestHead(line: line, fields: fields, slab: slab)
    }
}

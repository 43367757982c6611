/// What the header fields of a message say about its framing and its connection, gathered line by line.
struct FieldParser: Sendable {
    var fields: [Field] = []
    var contentLength: Int?
    var isChunked = false
    var hasTransferEncoding = false
    var closes = false
    var keepsAlive = false
    var expectsContinue = false
    var hosts = 0

    mutating func reset() {
        fields.removeAll(keepingCapacity: true)
        contentLength = nil
        isChunked = false
        hasTransferEncoding = false
        closes = false
        keepsAlive = false
        expectsContinue = false
        hosts = 0
    }

    /// Takes the line `[start, end)`, without its CR LF, of a head that begins at `base`.
    mutating func parse(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(RequestError) {
        // A blank in front would continue the line before (obs-fold, RFC 9112 §5.2): refused.
        if base[start] == 0x20 || base[start] == 0x09 { throw .foldedHeader }
        var colon = start
        while colon < end, base[colon] != 0x3A { colon += 1 }
        // A blank before the colon is no token character either (RFC 9112 §5.1).
        guard colon < end,
            Tokens.isToken(UnsafeBufferPointer(start: base + start, count: colon - start))
        else { throw .badHeaderName }
        var first = colon + 1
        var last = end
        while first < last, base[first] == 0x20 || base[first] == 0x09 { first += 1 }
        while last > first, base[last - 1] == 0x20 || base[last - 1] == 0x09 { last -= 1 }
        let value = UnsafeBufferPointer(start: base + first, count: last - first)
        guard Tokens.isFieldValue(value) else { throw .badHeaderValue }
        let field = Field(
            nameStart: UInt16(start), nameEnd: UInt16(colon), valueStart: UInt16(first),
            valueEnd: UInt16(last))
        fields.append(field)
        try note(field, value, base)
    }

    /// Acts on the fields that frame the message; the length of the name rules out most at once.
    private mutating func note(
        _ field: Field, _ value: UnsafeBufferPointer<UInt8>, _ base: UnsafePointer<UInt8>
    ) throws(RequestError) {
        switch field.nameEnd - field.nameStart {
        case 4 where field.isNamed("host", in: base):
            hosts += 1
        case 6 where field.isNamed("expect", in: base):
            guard isEqual(value, "100-continue") else { throw .unknownExpectation }
            expectsContinue = true
        case 10 where field.isNamed("connection", in: base):
            if listContains(value, "close") { closes = true }
            if listContains(value, "keep-alive") { keepsAlive = true }
        case 14 where field.isNamed("content-length", in: base):
            // Even equal values twice are refused: no honest sender writes them (RFC 9112 §6.3).
            guard contentLength == nil, let length = decimal(value) else {
                throw .badContentLength
            }
            contentLength = length
        case 17 where field.isNamed("transfer-encoding", in: base):
            // One chunked and nothing else: chunked twice or below another coding hides a body.
            guard !hasTransferEncoding, isEqual(value, "chunked") else {
                throw .unknownTransferCoding
            }
            hasTransferEncoding = true
            isChunked = true
        default:
            break
        }
    }
}

/// Character classes and small scanners shared by the parsers (RFC 9110 §5.6).
enum Tokens {
    /// Bit n of the pair says whether ASCII n may stand in a token.
    private static let low: UInt64 = {
        var mask: UInt64 = 0
        for byte in "!#$%&'*+-.0123456789".utf8 { mask |= 1 << UInt64(byte) }
        return mask
    }()
    private static let high: UInt64 = {
        var mask: UInt64 = 0
        for byte in "ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~".utf8 {
            mask |= 1 << UInt64(byte - 64)
        }
        return mask
    }()

    static func isToken(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard !bytes.isEmpty else { return false }
        let (low, high) = (low, high)
        var all: UInt64 = 1
        var seen: UInt8 = 0
        for byte in bytes {  // no branch: every name of every field is looked at
            let mask = byte & 0x40 == 0 ? low : high
            all &= mask &>> UInt64(byte & 0x3F)
            seen |= byte
        }
        return all == 1 && seen < 0x80
    }

    /// Whether a field value holds nothing but visible bytes, blanks and tabs. Bytes from 0x80 on are
    /// opaque but allowed (RFC 9110 §5.5).
    static func isFieldValue(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var bad: UInt8 = 0
        for byte in bytes {  // no early exit: the loop is vectorised
            bad |= (byte < 0x20 && byte != 0x09) || byte == 0x7F ? 1 : 0
        }
        return bad == 0
    }

    /// Whether a request target holds no blank and no control byte.
    static func isTarget(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var bad: UInt8 = 0
        for byte in bytes { bad |= byte <= 0x20 || byte == 0x7F ? 1 : 0 }
        return bad == 0
    }
}

/// The value of a number in decimal digits, `nil` for anything else and from 2^63 on.
func decimal(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    guard !bytes.isEmpty, bytes.count <= 19 else { return nil }
    var value = 0
    for byte in bytes {
        let digit = byte &- 0x30
        guard digit < 10 else { return nil }
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        guard !overflow else { return nil }
        let (sum, carry) = product.addingReportingOverflow(Int(digit))
        guard !carry else { return nil }
        value = sum
    }
    return value
}

/// Calls `body` with each element of a comma-separated list, without the blanks around it; empty
/// elements are skipped (RFC 9110 §5.6.1).
func forEachElement(
    _ bytes: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void
) {
    var start = 0
    while start <= bytes.count {
        var end = start
        while end < bytes.count, bytes[end] != 0x2C { end += 1 }
        let element = trimmed(UnsafeBufferPointer(rebasing: bytes[start..<end]))
        if !element.isEmpty { body(element) }
        start = end + 1
    }
}

func listContains(_ bytes: UnsafeBufferPointer<UInt8>, _ token: StaticString) -> Bool {
    var found = false
    forEachElement(bytes) { element in
        if isEqual(element, token) { found = true }
    }
    return found
}

/// Compares ignoring case; `token` is in lower case.
func isEqual(_ bytes: UnsafeBufferPointer<UInt8>, _ token: StaticString) -> Bool {
    guard let base = bytes.baseAddress, bytes.count == token.utf8CodeUnitCount else { return false }
    return equalsIgnoringCase(base, token.utf8Start, bytes.count)
}

/// Without blanks and tabs at both ends.
func trimmed(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    var start = 0
    var end = bytes.count
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    return UnsafeBufferPointer(rebasing: bytes[start..<end])
}

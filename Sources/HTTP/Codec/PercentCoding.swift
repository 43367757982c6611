/// Percent-encoding (RFC 3986 §2.1), for paths and queries.
package enum PercentCoding {
    // MARK: Decoding

    /// Decodes `%xx`.
    ///
    /// - Parameters:
    ///   - bytes: a path, or a name or value of a query.
    ///   - plusIsSpace: whether `+` means a space, as in queries.
    /// - Returns: `nil` when a `%` is not followed by two hexadecimal digits.
    package static func decode(
        _ bytes: UnsafeBufferPointer<UInt8>, plusIsSpace: Bool = false
    ) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "%") {
                guard index + 1 < bytes.count, let high = hexValue(bytes[index]),
                    let low = hexValue(bytes[index + 1])
                else { return nil }
                result.append(high << 4 | low)
                index += 2
            } else {
                let isSpace = plusIsSpace && byte == UInt8(ascii: "+")
                result.append(isSpace ? UInt8(ascii: " ") : byte)
            }
        }
        return result
    }

    /// Decodes to text, strictly.
    ///
    /// - Parameters:
    ///   - text: as it came.
    ///   - plusIsSpace: whether `+` means a space, as in queries.
    /// - Returns: `nil` when a `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
    package static func decoded(_ text: Substring, plusIsSpace: Bool = false) -> String? {
        let isPlain = text.utf8.allSatisfy {
            $0 != UInt8(ascii: "%") && !(plusIsSpace && $0 == UInt8(ascii: "+"))
        }
        if isPlain { return String(text) }
        var text = text
        let bytes = text.withUTF8 { decode($0, plusIsSpace: plusIsSpace) }
        return bytes.flatMap { String(validating: $0, as: UTF8.self) }
    }

    // MARK: Encoding

    /// Appends a path as it may stand in a `Location`: whatever is not allowed there is encoded, and what the
    /// client encoded stays as it was.
    package static func append(path: Substring, to bytes: inout [UInt8]) {
        for byte in path.utf8 { append(byte, unless: isPathByte(byte), to: &bytes) }
    }

    /// Appends a query in the same way; `#` and whatever is not printable is encoded.
    package static func append(query: Substring, to bytes: inout [UInt8]) {
        for byte in query.utf8 {
            append(byte, unless: isPathByte(byte) || byte == UInt8(ascii: "?"), to: &bytes)
        }
    }

    /// Text that is not encoded yet, as one element of a path or as a query's name or value.
    package static func encoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 { append(byte, unless: isUnreserved(byte), to: &bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func append(_ byte: UInt8, unless isAllowed: Bool, to bytes: inout [UInt8]) {
        if isAllowed {
            bytes.append(byte)
        } else {
            bytes.append(UInt8(ascii: "%"))
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        }
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Unreserved bytes, sub-delimiters, `:`, `@`, `/` (RFC 3986 §3.3), and `%` of what is encoded already.
    private static func isPathByte(_ byte: UInt8) -> Bool {
        isUnreserved(byte) || "!$&'()*+,;=:@/%".utf8.contains(byte)
    }
}

func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
}

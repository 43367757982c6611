/// Percent-encoding (RFC 3986 §2.1), for paths and queries.
package enum PercentCoding {
    /// The bytes that the text stands for; `nil` when a `%` is not followed by two hexadecimal digits, or the
    /// bytes are not UTF-8.
    ///
    /// - Parameter plusIsSpace: whether `+` means a space, as in queries.
    package static func decoded(_ text: Substring, plusIsSpace: Bool = false) -> String? {
        let utf8 = text.utf8
        let isPlain = utf8.allSatisfy {
            $0 != UInt8(ascii: "%") && !(plusIsSpace && $0 == UInt8(ascii: "+"))
        }
        if isPlain { return String(text) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count)
        var index = utf8.startIndex
        while index < utf8.endIndex {
            let byte = utf8[index]
            index = utf8.index(after: index)
            guard byte == UInt8(ascii: "%") else {
                bytes.append(
                    plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                continue
            }
            var value: UInt8 = 0
            for _ in 0..<2 {
                guard index < utf8.endIndex, let digit = digit(utf8[index]) else { return nil }
                value = value << 4 | digit
                index = utf8.index(after: index)
            }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }

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

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    static func isUnreserved(_ byte: UInt8) -> Bool {
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
        if isUnreserved(byte) { return true }
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"),
            UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: ":"),
            UInt8(ascii: "@"), UInt8(ascii: "/"), UInt8(ascii: "%"):
            return true
        default: return false
        }
    }
}

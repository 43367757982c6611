/// Percent-coding of paths and queries (RFC 3986 §2.1).
package enum PercentCoding {
    /// Encodes a path: unreserved characters, sub-delimiters, `:`, `@` and `/` stay as they are.
    package static func encodePath(_ path: String) -> String {
        encode(path.utf8) { isUnreserved($0) || "!$&'()*+,;=:@/".utf8.contains($0) }
    }

    /// Encodes a name or a value of a query: only unreserved characters stay as they are.
    package static func encodeQuery(_ text: String) -> String {
        encode(text.utf8, isUnreserved)
    }

    /// Decodes `%xx`.
    ///
    /// - Returns: `nil` when a `%` is not followed by two hexadecimal digits.
    package static func decode(
        _ bytes: UnsafeBufferPointer<UInt8>, plusIsBlank: Bool = false
    ) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == 0x25 {
                guard index + 1 < bytes.count, let high = hexValue(bytes[index]),
                    let low = hexValue(bytes[index + 1])
                else { return nil }
                result.append(high << 4 | low)
                index += 2
            } else {
                result.append(byte == 0x2B && plusIsBlank ? 0x20 : byte)
            }
        }
        return result
    }

    package static func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBufferPointer { decode($0) }
    }

    private static func encode(
        _ bytes: String.UTF8View, _ isKept: (UInt8) -> Bool
    ) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 16)
        for byte in bytes {
            if isKept(byte) {
                result.append(byte)
            } else {
                result.append(0x25)
                result.append(upperHexDigit(byte >> 4))
                result.append(upperHexDigit(byte & 15))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    private static func upperHexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x37 + value
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

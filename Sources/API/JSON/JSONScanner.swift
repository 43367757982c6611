import Base

/// Walks over JSON text byte by byte (RFC 8259): the one place that knows its grammar.
///
/// Bounded and total: nesting is limited, nothing is allocated beyond what the input holds, and text that is
/// not JSON is a ``Base/DecodingFailure`` with its place. It can skip a value without building it, which is how
/// listings are merged.
struct JSONScanner {
    private let bytes: [UInt8]
    private(set) var offset = 0
    private var depth = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The next byte that is not white space, without taking it; `nil` at the end.
    mutating func peek() -> UInt8? {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return bytes[offset]
            }
        }
        return nil
    }

    mutating func take(_ expected: UInt8) throws(DecodingFailure) {
        guard peek() == expected else {
            throw failure("'\(Character(Unicode.Scalar(expected)))' wanted")
        }
        offset += 1
    }

    /// Takes the byte when it comes next.
    mutating func takes(_ wanted: UInt8) -> Bool {
        guard peek() == wanted else { return false }
        offset += 1
        return true
    }

    mutating func finish() throws(DecodingFailure) {
        if peek() != nil { throw failure("text behind the end") }
    }

    mutating func enter() throws(DecodingFailure) {
        depth += 1
        guard depth <= Limits.jsonDepthMax else { throw failure("nested too deeply") }
    }

    mutating func leave() {
        depth -= 1
    }

    /// Calls `member` once for each key of an object; it must take the value.
    mutating func object(
        _ member: (inout JSONScanner, String) throws(DecodingFailure) -> Void
    ) throws(DecodingFailure) {
        try take(UInt8(ascii: "{"))
        try enter()
        if !takes(UInt8(ascii: "}")) {
            repeat {
                let key = try string()
                try take(UInt8(ascii: ":"))
                try member(&self, key)
            } while takes(UInt8(ascii: ","))
            try take(UInt8(ascii: "}"))
        }
        leave()
    }

    /// Calls `element` once for each element of an array; it must take the value.
    mutating func array(
        _ element: (inout JSONScanner) throws(DecodingFailure) -> Void
    ) throws(DecodingFailure) {
        try take(UInt8(ascii: "["))
        try enter()
        if !takes(UInt8(ascii: "]")) {
            repeat { try element(&self) } while takes(UInt8(ascii: ","))
            try take(UInt8(ascii: "]"))
        }
        leave()
    }

    /// Takes a value and says where it stands.
    mutating func skipValue() throws(DecodingFailure) -> Range<Int> {
        let next = peek()
        let start = offset
        switch next {
        case UInt8(ascii: "{"):
            try object { (scanner, _) throws(DecodingFailure) in _ = try scanner.skipValue() }
        case UInt8(ascii: "["):
            try array { (scanner) throws(DecodingFailure) in _ = try scanner.skipValue() }
        case UInt8(ascii: "\""): _ = try string()
        default: _ = try word()
        }
        return start..<offset
    }

    /// Takes `true`, `false`, `null` or a number, as text.
    mutating func word() throws(DecodingFailure) -> String {
        _ = peek()
        let start = offset
        while offset < bytes.count, Self.isWord(bytes[offset]) { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard text == "true" || text == "false" || text == "null" || Self.isNumber(text) else {
            offset = start
            throw failure("value wanted")
        }
        return text
    }

    mutating func string() throws(DecodingFailure) -> String {
        try take(UInt8(ascii: "\""))
        let start = offset
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                let text = String(validating: bytes[start..<offset], as: UTF8.self)
                guard let text else { throw failure("text is not UTF-8") }
                offset += 1
                return text
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw failure("control character in text")
            default: offset += 1
            }
        }
        throw failure("text without an end")
    }

    private mutating func escapedString(from start: Int) throws(DecodingFailure) -> String {
        var text = Array(bytes[start..<offset])
        while offset < bytes.count {
            let byte = bytes[offset]
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let whole = String(validating: text, as: UTF8.self) else {
                    throw failure("text is not UTF-8")
                }
                return whole
            case UInt8(ascii: "\\"): text.append(contentsOf: try escape())
            case 0..<0x20: throw failure("control character in text")
            default: text.append(byte)
            }
        }
        throw failure("text without an end")
    }

    private mutating func escape() throws(DecodingFailure) -> [UInt8] {
        guard offset < bytes.count else { throw failure("text without an end") }
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(Character(try scalar())).utf8)
        default: throw failure("unknown escape")
        }
    }

    /// `\uXXXX`, or two of them that form a surrogate pair; a lone surrogate is the replacement character.
    private mutating func scalar() throws(DecodingFailure) -> Unicode.Scalar {
        let first = try hexWord()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let mark = offset
        if first < 0xDC00, offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        {
            offset += 2
            let second = try hexWord()
            if (0xDC00...0xDFFF).contains(second),
                let scalar = Unicode.Scalar(
                    0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
            offset = mark
        }
        return "\u{FFFD}"
    }

    private mutating func hexWord() throws(DecodingFailure) -> UInt32 {
        guard offset + 4 <= bytes.count else { throw failure("text without an end") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[offset])).hexDigitValue else {
                throw failure("hexadecimal digit wanted")
            }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func isNumber(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func digits() -> Bool {
            let count = rest.prefix { (0x30...0x39).contains($0) }.count
            rest = rest.dropFirst(count)
            return count > 0
        }
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        if rest.first == UInt8(ascii: "0") {
            rest = rest.dropFirst()
        } else if !digits() {
            return false
        }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            if !digits() { return false }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") {
                rest = rest.dropFirst()
            }
            if !digits() { return false }
        }
        return rest.isEmpty
    }

    func failure(_ reason: String) -> DecodingFailure { DecodingFailure(reason, at: offset) }
}

package import Base

/// A parsed JSON value, for control messages. Numbers keep their text, so no 64-bit value loses a digit.
package enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// - Throws: ``Base/DecodingFailure`` when the bytes are not one JSON value.
    package init(parsing bytes: [UInt8]) throws(DecodingFailure) {
        var scanner = JSONScanner(bytes)
        self = try Self.value(&scanner)
        try scanner.finish()
    }

    private static func value(_ scanner: inout JSONScanner) throws(DecodingFailure) -> JSONValue {
        switch scanner.peek() {
        case UInt8(ascii: "{"):
            var members: [JSONObject.Member] = []
            try scanner.object { (scanner, key) throws(DecodingFailure) in
                members.append(JSONObject.Member(key: key, value: try value(&scanner)))
            }
            return .object(JSONObject(members))
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try scanner.array { (scanner) throws(DecodingFailure) in
                elements.append(try value(&scanner))
            }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try scanner.string())
        default:
            switch try scanner.word() {
            case "null": return .null
            case "true": return .bool(true)
            case "false": return .bool(false)
            case let number: return .number(number)
            }
        }
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// A whole number that is not negative, bare or quoted (contract §2.3).
    package var unsigned: UInt64? {
        switch self {
        case .number(let text), .string(let text):
            text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
        default: nil
        }
    }

    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }
}

/// The members of a JSON object in their order. Keys match without regard to case, as AIStore's decoder does;
/// of equal keys the last one counts.
package struct JSONObject: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package let key: String
        package let value: JSONValue
    }

    package let members: [Member]

    init(_ members: [Member]) {
        self.members = members
    }

    package subscript(key: String) -> JSONValue? {
        members.last { Self.matches($0.key, key) }?.value
    }

    /// The first key that is none of these.
    package func keyOutside(_ known: [String]) -> String? {
        members.first { member in !known.contains { Self.matches(member.key, $0) } }?.key
    }

    static func matches(_ left: String, _ right: String) -> Bool {
        left == right
            || (left.utf8.count == right.utf8.count
                && zip(left.utf8, right.utf8).allSatisfy { lower($0) == lower($1) })
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

extension JSONWriter {
    /// Writes a value as it was read; numbers keep their text.
    package mutating func value(_ json: JSONValue) {
        switch json {
        case .null: null()
        case .bool(let flag): value(flag)
        case .number(let text): raw(text.utf8)
        case .string(let text): value(text)
        case .array(let elements): array { for element in elements { $0.value(element) } }
        case .object(let object):
            self.object { json in
                for member in object.members {
                    json.key(member.key)
                    json.value(member.value)
                }
            }
        }
    }
}

import Base

// Layout of AIStore 3.3: two bytes of format, eight of XXH64, then records with a separator between two.
extension ObjectAttributes {
    private static let format: [UInt8] = [1, 1]
    /// Never part of UTF-8 text: the first byte wants two continuation bytes behind it.
    private static let separator: [UInt8] = [0xE3, 0x2F, 0xBD]
    private static let headBytes = 10
    /// Between the paths of copies, and between the keys and values of custom metadata.
    private static let pathSeparator: UInt8 = 0
    private static let metadataSeparator: UInt8 = 1

    private enum Key: UInt16 {
        case checksumType = 0
        case checksumValue = 1
        case version = 2
        case size = 3
        case copies = 4
        case custom = 5
        /// Ours; far from where AIStore's own go on.
        case edition = 0x4D01
    }

    var encoded: [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(128)
        Self.append(.checksumType, checksumType.utf8, to: &body)
        Self.append(.checksumValue, checksumValue.utf8, to: &body)
        Self.append(.version, version.utf8, to: &body)
        Self.append(.size, Self.bigEndian(size), to: &body)
        if !copies.isEmpty {
            Self.append(
                .copies, copies.map { Array($0.utf8) }.joined(separator: [Self.pathSeparator]),
                to: &body)
        }
        if !custom.isEmpty {
            let texts = custom.flatMap { [Array($0.key.utf8), Array($0.value.utf8)] }
            Self.append(.custom, texts.joined(separator: [Self.metadataSeparator]), to: &body)
        }
        if edition > 0 { Self.append(.edition, String(edition, radix: 16).utf8, to: &body) }
        let hash = XXH64.digest(body, seed: XXH64.placementSeed)
        return Self.format + Self.bigEndian(hash) + body
    }

    private static func append(_ key: Key, _ value: some Sequence<UInt8>, to body: inout [UInt8]) {
        if !body.isEmpty { body.append(contentsOf: separator) }
        body.append(UInt8(key.rawValue >> 8))
        body.append(UInt8(truncatingIfNeeded: key.rawValue))
        body.append(contentsOf: value)
    }

    /// - Throws: ``Base/DecodingFailure`` for another format, a hash that differs, a record that is cut short or appears
    ///   twice, text that is not UTF-8, or a missing size. Records with unknown keys are passed over.
    init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        guard bytes.count > Self.headBytes, Array(bytes[..<2]) == Self.format else {
            throw DecodingFailure("object attributes of another format", at: 0)
        }
        let hash = XXH64.digest(
            Array(bytes[Self.headBytes...]), seed: XXH64.placementSeed)
        guard Self.number(bytes[2..<Self.headBytes]) == hash else {
            throw DecodingFailure("hash of the object attributes differs", at: 2)
        }
        self.init(size: 0)
        checksumType = ""
        var seen: Set<UInt16> = []
        var rest = bytes[Self.headBytes...]
        while true {
            let start = rest.startIndex
            guard rest.count >= 2 else { throw DecodingFailure("record is cut short", at: start) }
            let code = UInt16(rest[start]) << 8 | UInt16(rest[start + 1])
            guard seen.insert(code).inserted else {
                throw DecodingFailure("second record with key \(code)", at: start)
            }
            rest = rest.dropFirst(2)
            let value = try Self.takeValue(of: code, &rest)
            try read(code, value)
            if rest.isEmpty { break }
            rest = rest.dropFirst(Self.separator.count)
        }
        guard seen.contains(Key.size.rawValue) else {
            throw DecodingFailure("object attributes without a size", at: Self.headBytes)
        }
    }

    /// The value at the front, up to a separator or the end. A size is eight bytes, whatever they are: a
    /// separator can be among them.
    private static func takeValue(
        of code: UInt16, _ rest: inout ArraySlice<UInt8>
    ) throws(DecodingFailure) -> ArraySlice<UInt8> {
        if code == Key.size.rawValue {
            let value = rest.prefix(8)
            rest = rest.dropFirst(8)
            guard value.count == 8, rest.isEmpty || rest.starts(with: separator) else {
                throw DecodingFailure("size does not have eight bytes", at: value.startIndex)
            }
            return value
        }
        var end = rest.startIndex
        while end < rest.endIndex, !rest[end...].starts(with: separator) { end += 1 }
        let value = rest[..<end]
        rest = rest[end...]
        return value
    }

    private mutating func read(
        _ code: UInt16, _ value: ArraySlice<UInt8>
    ) throws(DecodingFailure) {
        switch Key(rawValue: code) {
        case .checksumType: checksumType = try Self.text(value)
        case .checksumValue: checksumValue = try Self.text(value)
        case .version: version = try Self.text(value)
        case .size: size = Self.number(value)
        case .copies: copies = try Self.texts(value, between: Self.pathSeparator)
        case .custom:
            let texts = try Self.texts(value, between: Self.metadataSeparator)
            guard texts.count.isMultiple(of: 2) else {
                throw DecodingFailure("custom metadata has a key without a value", at: 0)
            }
            custom = stride(from: 0, to: texts.count, by: 2).map {
                Metadata(key: texts[$0], value: texts[$0 + 1])
            }
        case .edition:
            guard let number = UInt64(try Self.text(value), radix: 16) else {
                throw DecodingFailure("edition is not a number", at: value.startIndex)
            }
            edition = number
        case nil: break
        }
    }

    private static func texts(
        _ bytes: ArraySlice<UInt8>, between separator: UInt8
    ) throws(DecodingFailure) -> [String] {
        var texts: [String] = []
        for part in bytes.split(separator: separator, omittingEmptySubsequences: false) {
            texts.append(try text(part))
        }
        return texts
    }

    private static func text(_ bytes: ArraySlice<UInt8>) throws(DecodingFailure) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw DecodingFailure("not UTF-8 text", at: bytes.startIndex)
        }
        return text
    }

    private static func bigEndian(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

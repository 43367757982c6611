/// Reads what ``ByteWriter`` wrote, and refuses everything else.
///
/// The input is never trusted: a length that points past the end, text that is not UTF-8, or a
/// flag other than 0 and 1 is a ``DecodingFailure``, and nothing is allocated before its length has
/// been checked against the bytes that are there.
public struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    public private(set) var offset: Int

    public init(_ bytes: [UInt8]) {
        self.init(bytes[...])
    }

    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        offset = bytes.startIndex
    }

    /// The bytes not yet read.
    public var remaining: Int { bytes.endIndex - offset }

    public mutating func readUInt8() throws(DecodingFailure) -> UInt8 {
        try read(UInt8.self)
    }

    public mutating func readBool() throws(DecodingFailure) -> Bool {
        switch try readUInt8() {
        case 0: false
        case 1: true
        case let other: throw DecodingFailure("flag is \(other), not 0 or 1", at: offset - 1)
        }
    }

    public mutating func read<Integer: FixedWidthInteger>(
        _ type: Integer.Type
    ) throws(DecodingFailure) -> Integer {
        let width = Integer.bitWidth / 8
        guard remaining >= width else {
            throw DecodingFailure("\(width) bytes wanted, \(remaining) left", at: offset)
        }
        let value = bytes.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: offset - bytes.startIndex, as: Integer.self)
        }
        offset += width
        return Integer(littleEndian: value)
    }

    /// Reads a 32-bit byte count and that many bytes.
    ///
    /// - Parameter limit: the most bytes that this place of the format may hold.
    /// - Returns: the bytes, without their count.
    /// - Throws: ``DecodingFailure`` when the count is above the limit or beyond the end.
    public mutating func readBlock(limit: Int = .max) throws(DecodingFailure) -> [UInt8] {
        let count = Int(try read(UInt32.self))
        guard count <= limit, count <= remaining else {
            throw DecodingFailure("block of \(count) bytes, \(remaining) left", at: offset - 4)
        }
        return try readRaw(count)
    }

    public mutating func readString(limit: Int = .max) throws(DecodingFailure) -> String {
        let start = offset
        try skipBlock(limit: limit)
        let text = bytes.withUnsafeBufferPointer { buffer in
            Self.text(
                UnsafeBufferPointer(
                    rebasing: buffer[start + 4 - bytes.startIndex..<offset - bytes.startIndex]))
        }
        guard let text else { throw DecodingFailure("text is not UTF-8", at: start) }
        return text
    }

    /// The library's check is generic and a great deal slower than looking for what is not ASCII, which nearly nothing is.
    private static func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        guard bytes.allSatisfy({ $0 < 0x80 }) else {
            return String(validating: bytes, as: UTF8.self)
        }
        return String(unsafeUninitializedCapacity: bytes.count) {
            $0.initialize(fromContentsOf: bytes)
        }
    }

    /// Reads exactly `count` bytes.
    public mutating func readRaw(_ count: Int) throws(DecodingFailure) -> [UInt8] {
        guard count >= 0, remaining >= count else {
            throw DecodingFailure("\(count) bytes wanted, \(remaining) left", at: offset)
        }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    public mutating func skip(_ count: Int) throws(DecodingFailure) {
        guard count >= 0, remaining >= count else {
            throw DecodingFailure("\(count) bytes wanted, \(remaining) left", at: offset)
        }
        offset += count
    }

    /// Passes over what ``readBlock(limit:)`` would read.
    public mutating func skipBlock(limit: Int = .max) throws(DecodingFailure) {
        let count = Int(try read(UInt32.self))
        guard count <= limit, count <= remaining else {
            throw DecodingFailure("block of \(count) bytes, \(remaining) left", at: offset - 4)
        }
        offset += count
    }

    /// Refuses bytes behind the end of a record.
    public func finish() throws(DecodingFailure) {
        guard remaining == 0 else {
            throw DecodingFailure("\(remaining) bytes behind the end", at: offset)
        }
    }
}

/// Appends little-endian integers, strings and byte blocks to a growing buffer.
///
/// The counterpart is ``ByteReader``. Every format of Martlet's own (log records, state rows,
/// frames) is written through this pair, so that byte order and length prefixes are decided once.
public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8]

    public init(capacity: Int = 64) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    public mutating func write(_ value: UInt8) {
        bytes.append(value)
    }

    public mutating func write(_ value: Bool) {
        bytes.append(value ? 1 : 0)
    }

    /// Appends a fixed-width integer, least significant byte first.
    public mutating func write<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends a 32-bit byte count, then the bytes.
    public mutating func write(block: some Collection<UInt8>) {
        write(UInt32(block.count))
        bytes.append(contentsOf: block)
    }

    /// Appends a 32-bit byte count, then the text in UTF-8.
    public mutating func write(_ text: String) {
        var text = text
        text.withUTF8 {
            write(UInt32($0.count))
            bytes.append(contentsOf: $0)
        }
    }

    /// Appends bytes as they are, without a length.
    public mutating func write(raw: some Sequence<UInt8>) {
        bytes.append(contentsOf: raw)
    }
}

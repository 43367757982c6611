import CZstd

/// Zstandard (RFC 8878), for snapshots at rest and on the wire.
public enum Zstandard {
    /// Fast, and within a few percent of what higher levels reach on rows of names.
    private static let level: Int32 = 3
    /// A state of this size would be millions of buckets; a length above it is not believed.
    public static let plainBytesMax = 2 << 30

    /// Compresses; `nil` when the library cannot (it is out of memory).
    public static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        let bound = ZSTD_compressBound(bytes.count)
        var isWhole = false
        let packed = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let written = bytes.withUnsafeBytes {
                ZSTD_compress(buffer.baseAddress, bound, $0.baseAddress, $0.count, level)
            }
            isWhole = ZSTD_isError(written) == 0
            count = isWhole ? written : 0
        }
        return isWhole ? packed : nil
    }

    /// Decompresses exactly `count` bytes.
    ///
    /// - Throws: ``DecodingFailure`` when the input is damaged or holds another number of bytes.
    /// - Returns: the plain bytes.
    public static func decompressed(
        _ bytes: [UInt8], count: Int
    ) throws(DecodingFailure) -> [UInt8] {
        guard count >= 0, count <= plainBytesMax else {
            throw DecodingFailure("\(count) bytes are more than anything compressed here", at: 0)
        }
        var isWhole = false
        let plain = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let written = bytes.withUnsafeBytes {
                ZSTD_decompress(buffer.baseAddress, count, $0.baseAddress, $0.count)
            }
            isWhole = ZSTD_isError(written) == 0 && written == count
            initialized = isWhole ? count : 0
        }
        guard isWhole else { throw DecodingFailure("compressed bytes are damaged", at: 0) }
        return plain
    }

    private enum Coding: UInt8 {
        case plain = 0
        case zstandard = 1
    }

    /// One byte for the coding, the plain length, then the bytes.
    public static func framed(_ bytes: [UInt8]) -> [UInt8] {
        let packed = compressed(bytes)
        var writer = ByteWriter(capacity: 16 + (packed?.count ?? bytes.count))
        writer.write((packed == nil ? Coding.plain : .zstandard).rawValue)
        writer.write(UInt64(bytes.count))
        writer.write(raw: packed ?? bytes)
        return writer.bytes
    }

    /// Reads what ``framed(_:)`` wrote.
    public static func unframed(_ bytes: [UInt8]) throws(DecodingFailure) -> [UInt8] {
        var reader = ByteReader(bytes)
        let code = try reader.readUInt8()
        guard let count = Int(exactly: try reader.read(UInt64.self)) else {
            throw DecodingFailure("length is too large", at: 1)
        }
        let body = try reader.readRaw(reader.remaining)
        switch Coding(rawValue: code) {
        case .plain where body.count == count: return body
        case .zstandard: return try decompressed(body, count: count)
        case .plain, nil: throw DecodingFailure("unknown coding \(code), or a wrong length", at: 0)
        }
    }
}

import Base
import Glibc

/// What objects consist of: bytes that follow from the object's name, a sequence number and size.
///
/// The first 64 bytes name the object and the write, so a reader can tell whose bytes it got and
/// from when; the rest is cut from a pool of random bytes at a place the name chooses, so making
/// and checking an object costs a copy and a comparison.
struct Content: Sendable {
    static let headBytes = 64
    let size: Int
    private let pool: [UInt8]

    init(size: Int) {
        self.size = size
        var random = SeededRandom(seed: 0x4D61_7274_6C65_7421)
        var pool: [UInt8] = []
        let count = size + 4096
        pool.reserveCapacity(count + 8)
        while pool.count < count {
            withUnsafeBytes(of: random.next().littleEndian) { pool.append(contentsOf: $0) }
        }
        self.pool = pool
    }

    /// Fills `buffer`, which has room for `size` bytes.
    func fill(_ buffer: UnsafeMutableRawBufferPointer, name: String, sequence: UInt64) {
        let start = Self.poolStart(name)
        pool.withUnsafeBytes { bytes in
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)]))
        }
        let head = Self.head(name: name, sequence: sequence)
        for (index, byte) in head.prefix(size).enumerated() { buffer[index] = byte }
    }

    /// Why the bytes are not this object as written at `sequence` or later; `nil` when they are.
    func difference(
        _ bytes: UnsafeRawBufferPointer, name: String, from sequence: UInt64
    ) -> String? {
        guard bytes.count == size else { return "\(name): \(bytes.count) bytes, not \(size)" }
        guard size >= Self.headBytes else {
            let head = Self.head(name: name, sequence: sequence).prefix(size)
            return bytes.elementsEqual(head) ? nil : "\(name): other bytes"
        }
        let written = String(decoding: bytes[..<Self.headBytes], as: UTF8.self)
        let fields = written.split(separator: "|", omittingEmptySubsequences: false)
        guard fields.count == 3, let found = UInt64(fields[0]) else {
            return "\(name): not written by this program"
        }
        guard fields[1] == name.prefix(Self.nameBytesMax) else {
            return "\(name): holds the bytes of \(fields[1])"
        }
        guard found >= sequence else {
            return "\(name): holds write \(found), though write \(sequence) was acknowledged"
        }
        let start = Self.poolStart(name)
        let same = pool.withUnsafeBytes { pool in
            let expected = UnsafeRawBufferPointer(
                rebasing: pool[(start + Self.headBytes)..<(start + size)])
            let found = UnsafeRawBufferPointer(rebasing: bytes[Self.headBytes...])
            guard let first = expected.baseAddress, let second = found.baseAddress else {
                return true
            }
            return memcmp(first, second, expected.count) == 0
        }
        return same ? nil : "\(name): damaged bytes"
    }

    private static let nameBytesMax = 40

    private static func head(name: String, sequence: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headBytes + nameBytesMax)
        bytes.append(contentsOf: String(sequence).utf8)
        bytes.append(UInt8(ascii: "|"))
        // By characters only where a longer name has to be cut.
        let isShort = name.utf8.count <= nameBytesMax
        bytes.append(contentsOf: isShort ? name[...].utf8 : name.prefix(nameBytesMax).utf8)
        bytes.append(UInt8(ascii: "|"))
        while bytes.count < headBytes { bytes.append(UInt8(ascii: ".")) }
        return Array(bytes.prefix(headBytes))
    }

    private static func poolStart(_ name: String) -> Int {
        Int(XXH64.digest(Array(name.utf8)) % 4096)
    }
}

/// 64-bit checksum for frames and snapshots: finds damage, not malice.
///
/// Each eight-byte word is mixed in by multiplication and rotation; the length and a final
/// avalanche (the finaliser of MurmurHash3, public domain) follow. Bytes may arrive in pieces of
/// any size.
public struct Checksum: Hashable, Sendable {
    private var state: UInt64 = 0x243F_6A88_85A3_08D3
    private var word: UInt64 = 0
    private var count: UInt64 = 0

    public init() {}

    public mutating func update(_ bytes: some Sequence<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable { bytes in
            update(UnsafeRawBufferPointer(bytes))
        }
        if isDone == nil { for byte in bytes { update(byte) } }
    }

    /// A word at a time, wherever words begin in memory.
    private mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while count & 7 != 0, offset < bytes.count {
            update(bytes[offset])
            offset += 1
        }
        while offset + 8 <= bytes.count {
            word = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            mix()
            count &+= 8
            offset += 8
        }
        while offset < bytes.count {
            update(bytes[offset])
            offset += 1
        }
    }

    private mutating func update(_ byte: UInt8) {
        word |= UInt64(byte) << (8 * (count & 7))
        count &+= 1
        if count & 7 == 0 { mix() }
    }

    private mutating func mix() {
        state = (state ^ word) &* 0x9E37_79B9_7F4A_7C15
        state = state << 29 | state >> 35
        word = 0
    }

    public func finalized() -> UInt64 {
        var last = self
        last.mix()
        var value = last.state ^ count
        value = (value ^ (value >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        value = (value ^ (value >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return value ^ (value >> 33)
    }

    public static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var checksum = Checksum()
        checksum.update(bytes)
        return checksum.finalized()
    }
}

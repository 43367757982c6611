/// XXH64, the 64-bit hash on which placement and object checksums rest bit by bit.
///
/// Four lanes eat 32 bytes a round; the tail is folded in word by word; a final avalanche mixes
/// the bits. Specification: "xxHash fast digest algorithm", Yann Collet, version 0.1.1.
///
/// A value is fed with ``update(_:)-(UnsafeRawBufferPointer)`` as often as needed;
/// ``finish()`` may be asked at any time and does not end the stream.
public struct XXH64: Sendable {
    /// The seed of placement digests and of the object xattr (`kindSeed` nowhere else).
    public static let placementSeed: UInt64 = 1_103_515_245

    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    private let seed: UInt64
    private var lanes: (UInt64, UInt64, UInt64, UInt64)
    /// Bytes that do not fill a stripe yet.
    private var tail: InlineArray<32, UInt8>
    private var tailCount = 0
    private var total: UInt64 = 0

    public init(seed: UInt64 = 0) {
        self.seed = seed
        tail = .init(repeating: 0)
        lanes = (
            seed &+ Self.prime1 &+ Self.prime2, seed &+ Self.prime2, seed, seed &- Self.prime1
        )
    }

    /// The digest of one whole input.
    public static func digest(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var hash = XXH64(seed: seed)
        hash.update(bytes)
        return hash.finish()
    }

    public static func digest(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        bytes.withUnsafeBytes { digest($0, seed: seed) }
    }

    public static func digest(_ text: String, seed: UInt64 = 0) -> UInt64 {
        var text = text
        return text.withUTF8 { digest(UnsafeRawBufferPointer($0), seed: seed) }
    }

    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    public mutating func update(_ text: String) {
        var text = text
        text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
    }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        total &+= UInt64(bytes.count)
        var next = 0
        if tailCount > 0 {
            while tailCount < 32, next < bytes.count {
                tail[tailCount] = bytes[next]
                tailCount += 1
                next += 1
            }
            guard tailCount == 32 else { return }
            var stripe = tail
            withUnsafeBytes(of: &stripe) { stripes($0, from: 0, through: 32) }
            tailCount = 0
        }
        let whole = next + (bytes.count - next) / 32 * 32
        stripes(bytes, from: next, through: whole)
        next = whole
        while next < bytes.count {
            tail[tailCount] = bytes[next]
            tailCount += 1
            next += 1
        }
    }

    public func finish() -> UInt64 {
        var hash: UInt64
        if total >= 32 {
            hash = Self.rotate(lanes.0, 1) &+ Self.rotate(lanes.1, 7)
            hash = hash &+ Self.rotate(lanes.2, 12) &+ Self.rotate(lanes.3, 18)
            hash = Self.merge(hash, lanes.0)
            hash = Self.merge(hash, lanes.1)
            hash = Self.merge(hash, lanes.2)
            hash = Self.merge(hash, lanes.3)
        } else {
            hash = seed &+ Self.prime5
        }
        return Self.avalanche(foldTail(into: hash &+ total))
    }

    private func foldTail(into start: UInt64) -> UInt64 {
        var hash = start
        var next = 0
        while next + 8 <= tailCount {
            hash ^= Self.round(0, word(at: next, bytes: 8))
            hash = Self.rotate(hash, 27) &* Self.prime1 &+ Self.prime4
            next += 8
        }
        if next + 4 <= tailCount {
            hash ^= word(at: next, bytes: 4) &* Self.prime1
            hash = Self.rotate(hash, 23) &* Self.prime2 &+ Self.prime3
            next += 4
        }
        while next < tailCount {
            hash ^= UInt64(tail[next]) &* Self.prime5
            hash = Self.rotate(hash, 11) &* Self.prime1
            next += 1
        }
        return hash
    }

    private func word(at start: Int, bytes count: Int) -> UInt64 {
        var word: UInt64 = 0
        for place in (0..<count).reversed() {
            word = word << 8 | UInt64(tail[start + place])
        }
        return word
    }

    /// Eats whole stripes of 32 bytes; lanes live in locals, so that no exclusivity check is paid per word.
    private mutating func stripes(_ bytes: UnsafeRawBufferPointer, from: Int, through end: Int) {
        guard from < end else { return }
        var (lane0, lane1, lane2, lane3) = lanes
        var next = from
        while next < end {
            lane0 = Self.round(lane0, Self.load(bytes, next))
            lane1 = Self.round(lane1, Self.load(bytes, next + 8))
            lane2 = Self.round(lane2, Self.load(bytes, next + 16))
            lane3 = Self.round(lane3, Self.load(bytes, next + 24))
            next += 32
        }
        lanes = (lane0, lane1, lane2, lane3)
    }

    private static func load(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotate(lane &+ word &* prime2, 31) &* prime1
    }

    private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
        (hash ^ round(0, lane)) &* prime1 &+ prime4
    }

    private static func avalanche(_ start: UInt64) -> UInt64 {
        var hash = start
        hash = (hash ^ hash >> 33) &* prime2
        hash = (hash ^ hash >> 29) &* prime3
        return hash ^ hash >> 32
    }

    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value << bits | value >> (64 - bits)
    }
}

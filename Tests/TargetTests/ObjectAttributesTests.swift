import Base
import Cluster
import Testing

@testable import Target

/// The extended attribute `user.ais.lom` (contract §17.4).
@Suite struct ObjectAttributesTests {
    /// The sample of the contract.
    static let sample: [UInt8] =
        [0x01, 0x01, 0x25, 0x98, 0xB2, 0x55, 0xD6, 0x9A, 0x3A, 0xA7]
        + [0, 0] + Array("xxhash".utf8) + [0xE3, 0x2F, 0xBD]
        + [0, 1] + Array("ca76ac1853bee157".utf8) + [0xE3, 0x2F, 0xBD]
        + [0, 2] + Array("1".utf8) + [0xE3, 0x2F, 0xBD]
        + [0, 3] + [0, 0, 0, 0, 0, 0, 0, 0x16]

    static var hello: ObjectAttributes {
        ObjectAttributes(
            checksumType: .xxhash, checksumValue: "ca76ac1853bee157", version: "1", size: 22)
    }

    @Test func `the contract's sample is read and written byte for byte`() throws {
        #expect(try ObjectAttributes(decoding: Self.sample) == Self.hello)
        #expect(Self.hello.encoded == Self.sample)
    }

    @Test func `whatever is written is read again`() throws {
        var random = SeededRandom(seed: 1)
        for _ in 0..<2_000 {
            var attributes = ObjectAttributes(
                checksumType: Bool.random(using: &random) ? .xxhash : .none,
                checksumValue: Self.text(&random), version: Self.text(&random),
                size: random.next() >> UInt64.random(in: 0..<64, using: &random))
            attributes.copies = (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                "/" + Self.text(&random)
            }
            attributes.custom = (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                ObjectAttributes.Metadata(
                    key: "k" + Self.text(&random), value: Self.text(&random))
            }
            #expect(try ObjectAttributes(decoding: attributes.encoded) == attributes)
        }
    }

    /// AIStore cuts such a record in two: its size looks like the end of it.
    @Test func `a size whose bytes contain the separator is read whole`() throws {
        for size: UInt64 in [0xE32FBD, 0xE3_2FBD_00, 0xE3_2FBD_E32F_BD00] {
            let attributes = ObjectAttributes(size: size)
            #expect(try ObjectAttributes(decoding: attributes.encoded).size == size)
        }
    }

    @Test func `records of later writers are passed over`() throws {
        let body =
            Array(Self.sample[10...]) + [0xE3, 0x2F, 0xBD, 0x01, 0x00] + Array("later".utf8)
        #expect(try ObjectAttributes(decoding: Self.signed(body)) == Self.hello)
    }

    @Test func `every truncation and every changed byte is refused`() {
        for count in 0..<Self.sample.count {
            #expect(throws: DecodingFailure.self) {
                _ = try ObjectAttributes(decoding: Array(Self.sample[..<count]))
            }
        }
        for place in Self.sample.indices {
            var bytes = Self.sample
            bytes[place] ^= 0x10
            #expect(throws: DecodingFailure.self) { _ = try ObjectAttributes(decoding: bytes) }
        }
    }

    @Test func `arbitrary bytes behind a right hash are read or refused, never more`() {
        var random = SeededRandom(seed: 2)
        let pieces: [[UInt8]] = [
            [0, 0], [0, 1], [0, 3], [0, 4], [0, 5], [0xE3, 0x2F, 0xBD], [1], [0], [0xE3], [0xFF],
            Array("text".utf8), [0, 0, 0, 0, 0, 0, 0, 1],
        ]
        for _ in 0..<20_000 {
            let body = (0..<Int.random(in: 0..<12, using: &random)).flatMap { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &random)]
            }
            _ = try? ObjectAttributes(decoding: Self.signed(body))
        }
    }

    @Test func `two sizes, or none, are refused`() {
        let size: [UInt8] = [0, 3, 0, 0, 0, 0, 0, 0, 0, 1]
        for body in [size + [0xE3, 0x2F, 0xBD] + size, [0, 2, 0x31], []] {
            #expect(throws: DecodingFailure.self) {
                _ = try ObjectAttributes(decoding: Self.signed(body))
            }
        }
    }

    private static func signed(_ body: [UInt8]) -> [UInt8] {
        let hash = XXH64.digest(body, seed: XXH64.placementSeed)
        return [1, 1] + (0..<8).map { UInt8(truncatingIfNeeded: hash >> UInt64(56 - 8 * $0)) }
            + body
    }

    private static func text(_ random: inout SeededRandom) -> String {
        let letters = Array("abz09/=. éß中")
        return String(
            (0..<Int.random(in: 0..<12, using: &random)).map { _ in
                letters[Int.random(in: 0..<letters.count, using: &random)]
            })
    }
}

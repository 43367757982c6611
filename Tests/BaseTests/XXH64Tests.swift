import Base
import Testing

/// XXH64 against the vectors of the contract (§17.1, §17.2) and of its specification.
@Suite struct XXH64Tests {
    @Test(
        arguments: [
            ("", 0, 0xEF46_DB37_51D8_E999),
            ("hello world 0123456789", 0, 0xCA76_AC18_53BE_E157),
            ("t1", XXH64.placementSeed, 14_214_570_646_889_990_061),
            ("t2", XXH64.placementSeed, 17_780_131_176_456_335_389),
            ("t3", XXH64.placementSeed, 7_900_451_649_967_436_292),
            ("15205:8083", XXH64.placementSeed, 14_352_746_151_954_853_905),
            ("ais/@#/abc/obj1", XXH64.placementSeed, 6_531_582_550_460_060_813),
            ("ais/@teamZ#/rb/r1", XXH64.placementSeed, 520_241_800_251_453_010),
        ] as [(String, UInt64, UInt64)])
    func `the published digests come out`(_ text: String, seed: UInt64, digest: UInt64) {
        #expect(XXH64.digest(text, seed: seed) == digest)
    }

    @Test func `any way of cutting the input gives the same digest`() {
        let bytes = (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let whole = XXH64.digest(bytes, seed: 7)
        for first in 0...200 {
            for second in stride(from: first, through: 200, by: 13) {
                var hash = XXH64(seed: 7)
                hash.update(Array(bytes[..<first]))
                hash.update(Array(bytes[first..<second]))
                hash.update(Array(bytes[second...]))
                #expect(hash.finish() == whole)
            }
        }
    }
}

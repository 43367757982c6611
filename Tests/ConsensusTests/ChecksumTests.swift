import Testing

@testable import Consensus

@Suite struct ChecksumTests {
    /// Worked out by a second implementation, byte by byte: what older builds have written and sent stays readable.
    @Test(
        arguments: [
            (0, 0x969C_56EF_D660_4CA3), (1, 0x6E34_2729_D625_28DB), (7, 0xA004_86B6_58E0_7EFB),
            (8, 0x6603_B6C2_739D_9B09), (9, 0x2C1A_2B10_BB22_9B06), (64, 0x4134_F6BF_35A3_3C6C),
            (333, 0x6687_BCEA_B2B5_D113),
        ] as [(Int, UInt64)])
    func `the checksum of known bytes is the known one, in one piece or in many`(
        count: Int, expected: UInt64
    ) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
        #expect(Checksum.of(bytes) == expected)
        #expect(Checksum.of(AnySequence(bytes)) == expected)
        for cut in 0...min(count, 20) {
            var checksum = Checksum()
            checksum.update(bytes[..<cut])
            checksum.update(bytes[cut...])
            #expect(checksum.finalized() == expected)
        }
    }
}

import Base
import Testing

@Suite struct ByteCodingTests {
    private static var sample: [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt32(0xDEAD_BEEF))
        writer.write("größe")
        writer.write(true)
        writer.write(block: [1, 2, 3])
        return writer.bytes
    }

    private func read(_ bytes: [UInt8]) throws(DecodingFailure) -> (UInt32, String, Bool, [UInt8]) {
        var reader = ByteReader(bytes)
        let result = (
            try reader.read(UInt32.self), try reader.readString(), try reader.readBool(),
            try reader.readBlock()
        )
        try reader.finish()
        return result
    }

    @Test func `what was written is read back`() throws {
        let (number, text, flag, block) = try read(Self.sample)
        #expect(number == 0xDEAD_BEEF && text == "größe" && flag && block == [1, 2, 3])
    }

    @Test func `every truncation is refused`() {
        for count in 0..<Self.sample.count {
            #expect(throws: DecodingFailure.self) { try read(Array(Self.sample.prefix(count))) }
        }
    }

    @Test func `a length beyond the end allocates nothing and is refused`() {
        var reader = ByteReader([0xFF, 0xFF, 0xFF, 0xFF, 1])
        #expect(throws: DecodingFailure.self) { try reader.readBlock() }
    }

    @Test func `bytes behind the end are refused`() {
        #expect(throws: DecodingFailure.self) { try read(Self.sample + [0]) }
    }
}

/// Lower-case hexadecimal text, as checksums and positions are written.
public enum Hex {
    private static let digits: [UInt8] = Array("0123456789abcdef".utf8)

    /// The value in exactly 16 digits, most significant first.
    public static func padded(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            for place in 0..<16 {
                buffer[place] =
                    digits[Int(truncatingIfNeeded: value >> UInt64(60 - 4 * place)) & 15]
            }
            return 16
        }
    }

    public static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

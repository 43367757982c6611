import Testing

@testable import HTTP

/// Character classes (RFC 9110 §5.6.2).
@Suite struct TokensTests {
    private static func isToken(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer(Tokens.isToken)
    }

    @Test func `a token has letters, digits and fifteen signs, and one of them at least`() {
        let allowed = Set(
            "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        for byte in UInt8.min...UInt8.max {
            let isAllowed = allowed.contains(byte)
            #expect(Self.isToken([byte]) == isAllowed, "\(byte)")
            // Wherever it stands, what is allowed beside it does not hide it.
            #expect(Self.isToken([byte, 0x61]) == isAllowed, "\(byte)")
            #expect(Self.isToken([0x61, byte, 0x7E]) == isAllowed, "\(byte)")
        }
        #expect(!Self.isToken([]))
    }
}

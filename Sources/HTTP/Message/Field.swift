/// Where one header field stands in the bytes of its head.
///
/// 16 bits suffice: no head is longer than 64 KiB (`RequestParser.Limits`).
package struct Field: Sendable, Equatable {
    var nameStart: UInt16
    var nameEnd: UInt16
    var valueStart: UInt16
    var valueEnd: UInt16

    @inline(__always)
    func isNamed(_ name: StaticString, in base: UnsafePointer<UInt8>) -> Bool {
        let count = name.utf8CodeUnitCount
        guard Int(nameEnd) - Int(nameStart) == count else { return false }
        return equalsIgnoringCase(base + Int(nameStart), name.utf8Start, count)
    }
}

@inline(__always)
func inLowerCase(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

/// Compares header names: `lower` is in lower case already.
@inline(__always)
func equalsIgnoringCase(
    _ bytes: UnsafePointer<UInt8>, _ lower: UnsafePointer<UInt8>, _ count: Int
) -> Bool {
    for index in 0..<count {
        if inLowerCase(bytes[index]) != lower[index] { return false }
    }
    return true
}

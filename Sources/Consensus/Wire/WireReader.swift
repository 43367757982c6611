/// Takes little-endian values from a frame; every length is checked before it is believed.
struct WireReader {
    private let bytes: ArraySlice<UInt8>
    private var offset: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        offset = bytes.startIndex
    }

    var remaining: Int { bytes.endIndex - offset }

    mutating func byte() throws(WireFailure) -> UInt8 {
        guard remaining >= 1 else { throw .truncated }
        defer { offset += 1 }
        return bytes[offset]
    }

    mutating func flag() throws(WireFailure) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw .malformed
        }
    }

    mutating func number32() throws(WireFailure) -> UInt32 {
        UInt32(try number(bytes: 4))
    }

    mutating func number64() throws(WireFailure) -> UInt64 { try number(bytes: 8) }

    private mutating func number(bytes count: Int) throws(WireFailure) -> UInt64 {
        guard remaining >= count else { throw .truncated }
        var value: UInt64 = 0
        for place in 0..<count { value |= UInt64(bytes[offset + place]) << UInt64(8 * place) }
        offset += count
        return value
    }

    mutating func blob(max: Int) throws(WireFailure) -> [UInt8] {
        let count = Int(try number32())
        guard count <= max else { throw .tooLarge }
        guard count <= remaining else { throw .truncated }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    /// An index or a term. One so large that arithmetic on it could overflow was never reached.
    mutating func ordinal() throws(WireFailure) -> UInt64 {
        let value = try number64()
        guard value < 1 << 62 else { throw .malformed }
        return value
    }

    mutating func mark() throws(WireFailure) -> LogMark {
        LogMark(index: Index(try ordinal()), term: Term(try ordinal()))
    }

    func end() throws(WireFailure) {
        guard remaining == 0 else { throw .malformed }
    }
}

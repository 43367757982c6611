import HTTP

/// Chunked bodies: however the bytes are cut into pieces, the same body comes out and ends at the
/// same place, or is refused.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = UnsafeBufferPointer(start: start, count: count)
    let whole = decode(bytes, piece: max(1, count))
    let cut = decode(bytes, piece: 1 + Int(bytes.first ?? 0) % 7)
    precondition(whole == cut, "how a body was cut changed what it says")
    return 0
}

private struct Decoded: Equatable {
    var body: [UInt8] = []
    var end: Int?
    var isRefused = false
}

private func decode(_ bytes: UnsafeBufferPointer<UInt8>, piece: Int) -> Decoded {
    var decoder = ChunkedDecoder()
    var decoded = Decoded()
    var position = 0
    while position < bytes.count {
        let part = UnsafeBufferPointer(
            rebasing: bytes[position..<min(bytes.count, position + piece)])
        var consumed = 0
        do {
            var isDue = true
            while isDue {
                switch try decoder.next(part, consumed: &consumed) {
                case .data(let offset, let count):
                    decoded.body += part[offset..<(offset + count)]
                case .more: isDue = false
                case .end:
                    decoded.end = position + consumed
                    return decoded
                }
            }
        } catch {
            decoded.isRefused = true
            return decoded
        }
        position += part.count
    }
    return decoded
}

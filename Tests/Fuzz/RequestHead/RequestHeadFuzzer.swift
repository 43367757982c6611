import HTTP

/// Request heads: however the bytes are cut into pieces, the head ends at the same place, or is
/// refused.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = UnsafeBufferPointer(start: start, count: count)
    let whole = end(of: bytes, piece: max(1, count))
    let cut = end(of: bytes, piece: 1 + Int(bytes.first ?? 0) % 7)
    precondition(whole == cut, "how a head was cut changed where it ends: \(whole), \(cut)")
    return 0
}

private enum End: Equatable {
    case length(Int)
    case missing
    case refused
}

private func end(of bytes: UnsafeBufferPointer<UInt8>, piece: Int) -> End {
    var parser = RequestParser()
    var seen = 0
    while seen < bytes.count {
        seen = min(bytes.count, seen + piece)
        do {
            if let length = try parser.parse(UnsafeBufferPointer(rebasing: bytes[..<seen])) {
                return .length(length)
            }
        } catch {
            return .refused
        }
    }
    return .missing
}

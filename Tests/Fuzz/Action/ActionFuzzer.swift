import API
import HTTP

/// Bodies and targets of requests come from anybody: any bytes must give a value or a failure.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    _ = try? ActionMessage(decoding: bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    let target = RequestTarget(text)
    if let decoded = PercentCoding.decoded(target.path) {
        precondition(
            PercentCoding.decoded(PercentCoding.encoded(decoded)[...]) == decoded,
            "a path does not survive being encoded and decoded")
    }
    return 0
}

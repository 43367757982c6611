import API
import HTTP

/// Bodies and targets of requests come from anybody: any bytes must give a value or a failure.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let text = String(decoding: bytes, as: UTF8.self)
    if let message = try? ActionMessage(decoding: bytes) {
        _ = try? BatchRequest(message, query: .empty)
    }
    if let terms = try? ChangeTerms(session: nil, sequence: nil, match: text) {
        precondition(terms.preconditions.count <= 3, "a document is named twice")
    }
    let target = RequestTarget(text)
    if let decoded = PercentCoding.decoded(target.path) {
        precondition(
            PercentCoding.decoded(PercentCoding.encoded(decoded)[...]) == decoded,
            "a path does not survive being encoded and decoded")
    }
    return 0
}

import Cluster

/// Log records come from the disk and from other nodes: any bytes must give a record or a failure,
/// and a record that was read must be written back as the same bytes.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    if let record = try? LogRecord(decoding: bytes) {
        let again = try? LogRecord(decoding: record.encoded)
        precondition(again == record, "a record does not survive being written and read")
    }
    return 0
}

import API

/// Cached states come from disks and from targets: any bytes must give a state or a failure.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    _ = try? CachedState(decoding: bytes)
    return 0
}

import API

/// The follow stream: however it is cut into pieces, the same frames come out, and a frame that was
/// read is written back as one that reads the same.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = frames(in: bytes, piece: max(1, bytes.count))
    let cut = frames(in: bytes, piece: 1 + Int(bytes.first ?? 0) % 13)
    precondition(whole == cut, "how the stream was cut changed what it says")
    for frame in whole {
        precondition(
            frames(in: frame.encoded, piece: 64) == [frame],
            "a frame does not survive being written and read")
    }
    return 0
}

private func frames(in bytes: [UInt8], piece: Int) -> [FollowFrame] {
    var buffer = FrameBuffer()
    var frames: [FollowFrame] = []
    var position = 0
    while position < bytes.count {
        let end = min(bytes.count, position + piece)
        buffer.append(bytes[position..<end])
        position = end
        do {
            while let body = try buffer.next() { frames.append(try FollowFrame(decoding: body)) }
        } catch {
            return frames
        }
    }
    return frames
}

import API
import Consensus

/// What members send one another: frames of the consensus group's streams, however they are cut, and the reports in JSON. Any bytes must
/// give a message or a failure, and a message that was read must be written as one that reads the same.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = frames(in: bytes, piece: max(1, bytes.count))
    let cut = frames(in: bytes, piece: 1 + Int(bytes.first ?? 0) % 13)
    precondition(whole == cut, "how the stream was cut changed what it says")
    for frame in whole + sealed(bytes) {
        precondition(
            frames(in: frame.encoded, piece: 64) == [frame],
            "a frame does not survive being written and read")
    }
    if let report = try? FollowerReport(decoding: bytes) {
        precondition((try? FollowerReport(decoding: report.encoded)) == report)
    }
    if let report = try? MountpathReport(decoding: bytes) {
        precondition((try? MountpathReport(decoding: report.encoded)) == report)
    }
    if let report = try? RemovalReport(decoding: bytes) {
        precondition((try? RemovalReport(decoding: report.encoded)) == report)
    }
    _ = try? JoinRequest(decoding: bytes)
    return 0
}

/// The bytes as the body of a frame whose checksum is right: a fuzzer does not find one by itself.
private func sealed(_ bytes: [UInt8]) -> [Frame] {
    let body = [Frame.version] + bytes
    let sum = Checksum.of(body[...])
    let tail = (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt64($0))) }
    return (try? Frame(decoding: (body + tail)[...])).map { [$0] } ?? []
}

private func frames(in bytes: [UInt8], piece: Int) -> [Frame] {
    var reader = FrameReader()
    var frames: [Frame] = []
    var position = 0
    while position < bytes.count {
        let end = min(bytes.count, position + piece)
        reader.append(bytes[position..<end])
        position = end
        do {
            while let frame = try reader.next() { frames.append(frame) }
        } catch {
            return frames
        }
    }
    return frames
}

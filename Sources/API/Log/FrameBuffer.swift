package import Base

/// Cuts a stream of bytes into frames, however the network cut it into pieces.
package struct FrameBuffer: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0
    private let frameBytesMax: Int

    package init(frameBytesMax: Int = Limits.frameBytesMax) {
        self.frameBytesMax = frameBytesMax
    }

    package mutating func append(_ more: some Sequence<UInt8>) {
        if start > 0, start == bytes.count || start > 64 << 10 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    /// The body of the next whole frame (what stands behind its length); `nil` when more bytes are needed.
    ///
    /// - Throws: when a length is beyond the limit. The stream cannot be used any further.
    package mutating func next() throws(DecodingFailure) -> ArraySlice<UInt8>? {
        guard bytes.count - start >= 4 else { return nil }
        let count = (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
        guard count <= frameBytesMax else {
            throw DecodingFailure("frame of \(count) bytes, limit \(frameBytesMax)", at: start)
        }
        guard bytes.count - start - 4 >= count else { return nil }
        let body = bytes[start + 4..<start + 4 + count]
        start += 4 + count
        return body
    }

    /// Whether a frame has begun and not ended.
    package var isInsideFrame: Bool { start < bytes.count }
}

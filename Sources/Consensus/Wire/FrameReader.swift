/// Cuts a stream of bytes into frames, whatever pieces it arrives in.
public struct FrameReader: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    /// Adds what has arrived.
    public mutating func append(_ bytes: some Sequence<UInt8>) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer += bytes
    }

    /// The next whole frame; `nil` until more has arrived. After an error the stream is of no use.
    public mutating func next() throws(WireFailure) -> Frame? {
        guard buffer.count - start >= 4 else { return nil }
        var header = WireReader(buffer[start..<start + 4])
        let count = Int(try header.number32())
        guard count <= WireLimits.frameBytesMax else { throw .tooLarge }
        guard count >= 10 else { throw .truncated }
        guard buffer.count - start - 4 >= count else { return nil }
        let first = start + 4
        start = first + count
        return try Frame(decoding: buffer[first..<first + count])
    }
}

/// A snapshot that is being received: its pieces are taken in order, whoever sends them.
struct SnapshotReceipt: Sendable {
    let base: LogBase
    let byteCount: UInt64
    let checksum: UInt64
    private(set) var bytes: [UInt8] = []
    private var running = Checksum()
    /// When the last piece arrived.
    var contact: UInt64
    /// All pieces are here and the driver is decoding them.
    var isDecoding = false

    init(_ chunk: SnapshotChunk, now: UInt64) {
        base = chunk.base
        byteCount = chunk.byteCount
        checksum = chunk.checksum
        contact = now
    }

    func isFor(_ chunk: SnapshotChunk) -> Bool {
        base == chunk.base && byteCount == chunk.byteCount && checksum == chunk.checksum
    }

    var nextOffset: UInt64 { UInt64(bytes.count) }
    var isComplete: Bool { nextOffset == byteCount }
    var isSound: Bool { running.finalized() == checksum }

    /// Takes the piece that is due; others are ignored.
    mutating func take(_ chunk: SnapshotChunk) {
        guard chunk.offset == nextOffset,
            UInt64(chunk.bytes.count) <= byteCount - nextOffset
        else { return }
        bytes += chunk.bytes
        running.update(chunk.bytes)
    }
}

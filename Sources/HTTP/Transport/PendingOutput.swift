/// What the socket has not taken yet: bytes, then perhaps a range of a file.
///
/// It holds at most one answer or one piece of a streamed body, because writers wait for it to empty.
struct PendingOutput {
    private var bytes: [UInt8] = []
    private var position = 0
    private var file: FileRange?

    struct FileRange {
        let descriptor: Int32
        var offset: Int
        var count: Int
        /// Keeps the descriptor open.
        let owner: AnyObject?
    }

    enum Progress {
        case done
        case wouldBlock
        /// More could be sent, but others want the loop too.
        case turnIsOver
        case failed
    }

    /// One `sendfile` turn: one fast reader must not starve the rest of its loop.
    private static let fileBytesPerTurn = 2 << 20

    var isEmpty: Bool { position == bytes.count && file == nil }

    mutating func add(_ more: UnsafeRawBufferPointer) {
        precondition(file == nil || more.isEmpty, "bytes were written behind a file range")
        bytes += more
    }

    mutating func add(file descriptor: Int32, offset: Int, count: Int, owner: AnyObject?) {
        file = FileRange(descriptor: descriptor, offset: offset, count: count, owner: owner)
    }

    mutating func removeAll() {
        bytes = []
        position = 0
        file = nil
    }

    mutating func push(_ socket: Socket) -> Progress {
        while position < bytes.count {
            let result = bytes.withUnsafeBytes {
                socket.write(UnsafeRawBufferPointer(rebasing: $0[position...]), more: file != nil)
            }
            switch result {
            case .bytes(let count): position += count
            case .wouldBlock: return .wouldBlock
            case .end, .failed: return .failed
            }
        }
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 16)
        position = 0
        return pushFile(socket)
    }

    private mutating func pushFile(_ socket: Socket) -> Progress {
        guard var range = file else { return .done }
        var turn = Self.fileBytesPerTurn
        while range.count > 0 {
            guard turn > 0 else {
                file = range
                return .turnIsOver
            }
            switch socket.sendFile(
                range.descriptor, offset: range.offset, count: min(range.count, turn))
            {
            // The file is shorter than was promised: the client must see that something is missing.
            case .bytes(0), .end, .failed: return .failed
            case .bytes(let count):
                range.offset += count
                range.count -= count
                turn -= count
            case .wouldBlock:
                file = range
                return .wouldBlock
            }
        }
        file = nil
        return .done
    }
}

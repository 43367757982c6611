import Synchronization

/// Memory for uploads under way: taken from a list and given back, so that a busy target does not fault in fresh
/// pages for every body, and bounded, so that many slow clients cannot take all of it.
final class PieceBuffers: Sendable {
    private struct Pool {
        var free: [PieceBuffer] = []
        var freeSmall: [PieceBuffer] = []
        var taken = 0
    }

    private static let freeMax = 32
    private static let freeSmallMax = 256
    private let pool = Mutex(Pool())

    init() {}

    /// - Parameter bytes: the length of the body when it is known.
    /// - Returns: `nil` when too much memory is in use already.
    func take(for bytes: Int?) -> PieceBuffer? {
        let isSmall = bytes.map { $0 <= TargetLimits.smallPieceBytes } ?? false
        return pool.withLock { pool -> PieceBuffer? in
            guard pool.taken < TargetLimits.piecesMax else { return nil }
            pool.taken += 1
            let kept = isSmall ? pool.freeSmall.popLast() : pool.free.popLast()
            return kept
                ?? PieceBuffer(isSmall ? TargetLimits.smallPieceBytes : TargetLimits.pieceBytes)
        }
    }

    func giveBack(_ buffer: PieceBuffer) {
        pool.withLock { pool in
            pool.taken -= 1
            if buffer.bytes.count <= TargetLimits.smallPieceBytes {
                if pool.freeSmall.count < Self.freeSmallMax { pool.freeSmall.append(buffer) }
            } else if pool.free.count < Self.freeMax {
                pool.free.append(buffer)
            }
        }
    }
}

/// One piece of memory. Used by one upload, which awaits each use before the next.
final class PieceBuffer: @unchecked Sendable {
    // Safety: see above; the memory itself does not move.
    let bytes: UnsafeMutableRawBufferPointer

    init(_ count: Int) {
        bytes = .allocate(byteCount: count, alignment: 4_096)
    }

    deinit {
        bytes.deallocate()
    }
}

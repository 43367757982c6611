internal import Glibc

/// Memory of a fixed size with an address that does not move: a read buffer, and behind a message head
/// the bytes its fields point into.
///
/// Whoever keeps a head keeps its slab. A slab whose head may still be read is not reused: see
/// `EventLoop.recycle`.
package final class Slab: @unchecked Sendable {
    // Safety: a connection writes only behind the head that readers look at, on one loop.
    let base: UnsafeMutablePointer<UInt8>
    let capacity: Int

    init(capacity: Int) {
        self.base = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    /// A slab that holds just these bytes.
    convenience init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.init(capacity: max(bytes.count, 1))
        if let source = bytes.baseAddress { memcpy(base, source, bytes.count) }
    }

    deinit {
        base.deallocate()
    }

    @inline(__always)
    func slice(_ start: Int, _ end: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + start, count: end - start)
    }

    /// Moves `range` to the front.
    func moveToFront(_ start: Int, _ end: Int) {
        if start > 0 { memmove(base, base + start, end - start) }
    }
}

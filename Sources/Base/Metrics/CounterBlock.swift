internal import Synchronization

/// Numbers that one thread adds to and any thread reads.
///
/// Adding is a load and a store: without a second writer nothing can come in between, so no locked instruction is
/// needed. A reader sees each number whole, but not all of them at one moment.
public final class CounterBlock: @unchecked Sendable {
    // Safety: the cells are atomic and live as long as the block; `add` is called by one thread at a time.
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    public let count: Int

    /// Two blocks must not share a line of the cache: their writers are on different cores.
    private static let lineBytes = 64

    public init(count: Int) {
        self.count = count
        let bytes = (count * MemoryLayout<Atomic<UInt64>>.stride + Self.lineBytes - 1)
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: bytes / Self.lineBytes * Self.lineBytes, alignment: Self.lineBytes)
        cells = raw.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        for index in 0..<count { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: count)
        UnsafeMutableRawPointer(cells).deallocate()
    }

    /// Only for the one thread that writes.
    @inline(__always)
    public func add(_ amount: UInt64, at index: Int) {
        precondition(index >= 0 && index < count, "a block of \(count) has no counter \(index)")
        let sum = cells[index].load(ordering: .relaxed) &+ amount
        cells[index].store(sum, ordering: .relaxed)
    }

    public func value(at index: Int) -> UInt64 {
        precondition(index >= 0 && index < count, "a block of \(count) has no counter \(index)")
        return cells[index].load(ordering: .relaxed)
    }
}

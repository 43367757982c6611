import Synchronization

/// Counts the changes of objects, so that whoever kept something about one can tell that it is old.
///
/// A reader takes the number *before* it opens the file, a writer raises it *after* the rename and before its client
/// is told. Whatever was opened before the rename therefore carries a number that no longer stands once the client
/// knows. Objects share numbers: a false alarm costs one open.
final class ObjectGenerations: @unchecked Sendable {
    // Safety: atomics made once; only loaded and raised afterwards.
    private let numbers: UnsafeMutablePointer<Atomic<UInt64>>
    private let count: Int

    init(stripes: Int = 16_384) {
        count = stripes
        numbers = .allocate(capacity: stripes)
        for index in 0..<stripes { (numbers + index).initialize(to: Atomic(0)) }
    }

    deinit {
        numbers.deinitialize(count: count)
        numbers.deallocate()
    }

    @inline(__always)
    func current(_ digest: UInt64) -> UInt64 {
        numbers[Int(digest % UInt64(count))].load(ordering: .acquiring)
    }

    /// All objects may have changed.
    func raiseAll() {
        for index in 0..<count {
            (numbers + index).pointee.add(1, ordering: .acquiringAndReleasing)
        }
    }

    func raise(_ digest: UInt64) {
        numbers[Int(digest % UInt64(count))].add(1, ordering: .acquiringAndReleasing)
    }
}

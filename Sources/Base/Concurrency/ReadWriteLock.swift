internal import Glibc

/// A value that many threads look at and few change: readers do not wait for each other.
///
/// For what is read by more threads than there are cores. A `Mutex` spins when it is held, and whoever holds it for two
/// retains may be off its core just then: that costs each of the others microseconds.
public final class ReadWriteLock<Value>: @unchecked Sendable {
    // Safety: the value is read under the lock held for reading, and changed under the lock held for writing.
    private let lock = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)
    @exclusivity(unchecked) private var value: Value

    public init(_ value: sending Value) {
        self.value = value
        pthread_rwlock_init(lock, nil)
    }

    deinit {
        pthread_rwlock_destroy(lock)
        lock.deallocate()
    }

    /// Runs `body` while nobody changes the value. It must not ask for the same lock again.
    public func read<Result, Failure: Error>(
        _ body: (borrowing Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_rwlock_rdlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        return try body(value)
    }

    /// Runs `body` while nobody else has the value.
    public func write<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_rwlock_wrlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        return try body(&value)
    }
}

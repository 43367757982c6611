import Glibc

/// One lock per object, approximately: objects share a stripe now and then, which costs time and nothing else.
///
/// Held from reading the version an object has to the rename that gives it the next one, fsync included.
final class ObjectLocks: @unchecked Sendable {
    // Safety: the mutexes are made once and only locked and unlocked afterwards.
    private let mutexes: UnsafeMutablePointer<pthread_mutex_t>
    private let count: Int

    init(stripes: Int = 4_096) {
        count = stripes
        mutexes = .allocate(capacity: stripes)
        for index in 0..<stripes { pthread_mutex_init(mutexes + index, nil) }
    }

    deinit {
        for index in 0..<count { pthread_mutex_destroy(mutexes + index) }
        mutexes.deallocate()
    }

    func withLock<Value, Failure: Error>(
        _ digest: UInt64, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let mutex = mutexes + Int(digest % UInt64(count))
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }
}

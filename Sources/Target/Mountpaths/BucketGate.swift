import Cluster
import Glibc

/// Which life of each bucket may be written to now, and the lock between writers and destruction.
///
/// A commit runs inside ``enter(_:_:_:)`` and is turned away when its bucket has been destroyed since it began;
/// ``replace(_:with:_:)`` waits for the commits under way. So what is renamed into a bucket's directory belongs to
/// that life of the bucket, whatever was in flight.
final class BucketGate: @unchecked Sendable {
    // Safety: a stripe's table is read under its lock, and written under the lock held for writing.
    private let stripes: [Stripe]

    private final class Stripe {
        let lock = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)
        var live: [Bucket: Incarnation] = [:]
        /// Those that exist, and whose place is not ready for them.
        var heldBack: [Bucket: Incarnation] = [:]

        init() { pthread_rwlock_init(lock, nil) }

        deinit {
            pthread_rwlock_destroy(lock)
            lock.deallocate()
        }
    }

    init(stripes count: Int = 64) {
        stripes = (0..<count).map { _ in Stripe() }
    }

    /// Runs `body` while the bucket cannot be destroyed.
    ///
    /// - Returns: `nil`, and `body` is not run, when this life of the bucket is over or has not begun.
    func enter<Value, Failure: Error>(
        _ bucket: Bucket, _ incarnation: Incarnation, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value? {
        let stripe = stripe(of: bucket)
        pthread_rwlock_rdlock(stripe.lock)
        defer { pthread_rwlock_unlock(stripe.lock) }
        guard stripe.live[bucket] == incarnation else { return nil }
        return try body()
    }

    /// Ends the bucket's life, runs `body` with no commit under way, and begins another one, if `body` says that its place
    /// is ready for it.
    func replace(
        _ bucket: Bucket, with incarnation: Incarnation?, _ body: (Incarnation?) -> Bool
    ) {
        let stripe = stripe(of: bucket)
        pthread_rwlock_wrlock(stripe.lock)
        defer { pthread_rwlock_unlock(stripe.lock) }
        let isReady = body(stripe.live[bucket])
        stripe.live[bucket] = isReady ? incarnation : nil
        stripe.heldBack[bucket] = isReady ? nil : incarnation
    }

    /// Whether this life of the bucket has begun everywhere but here.
    func holdsBack(_ bucket: Bucket, _ incarnation: Incarnation) -> Bool {
        let stripe = stripe(of: bucket)
        pthread_rwlock_rdlock(stripe.lock)
        defer { pthread_rwlock_unlock(stripe.lock) }
        return stripe.heldBack[bucket] == incarnation
    }

    /// All buckets that live now.
    var buckets: [Bucket] {
        stripes.flatMap { stripe in
            pthread_rwlock_rdlock(stripe.lock)
            defer { pthread_rwlock_unlock(stripe.lock) }
            return Array(stripe.live.keys)
        }
    }

    private func stripe(of bucket: Bucket) -> Stripe {
        let hash = UInt(bitPattern: bucket.hashValue)
        return stripes[Int(hash % UInt(stripes.count))]
    }
}

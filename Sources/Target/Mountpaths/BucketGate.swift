import Base
import Cluster

/// Which life of each bucket may be written to now, and the lock between writers and destruction.
///
/// A commit runs inside ``enter(_:_:_:)`` and is turned away when its bucket has been destroyed since it began;
/// ``replace(_:with:_:)`` waits for the commits under way. So what is renamed into a bucket's directory belongs to
/// that life of the bucket, whatever was in flight.
final class BucketGate: Sendable {
    private let stripes: [ReadWriteLock<Stripe>]

    private struct Stripe {
        var live: [Bucket: Incarnation] = [:]
        /// Those that exist, and whose place is not ready for them.
        var heldBack: [Bucket: Incarnation] = [:]
    }

    init(stripes count: Int = 64) {
        stripes = (0..<count).map { _ in ReadWriteLock(Stripe()) }
    }

    /// Runs `body` while the bucket cannot be destroyed.
    ///
    /// - Returns: `nil`, and `body` is not run, when this life of the bucket is over or has not begun.
    func enter<Value, Failure: Error>(
        _ bucket: Bucket, _ incarnation: Incarnation, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value? {
        try stripe(of: bucket).read { stripe throws(Failure) in
            guard stripe.live[bucket] == incarnation else { return nil }
            return try body()
        }
    }

    /// Ends the bucket's life, runs `body` with no commit under way, and begins another one, if `body` says that its place
    /// is ready for it.
    func replace(
        _ bucket: Bucket, with incarnation: Incarnation?, _ body: (Incarnation?) -> Bool
    ) {
        stripe(of: bucket).write { stripe in
            let isReady = body(stripe.live[bucket])
            stripe.live[bucket] = isReady ? incarnation : nil
            stripe.heldBack[bucket] = isReady ? nil : incarnation
        }
    }

    /// Whether this life of the bucket has begun everywhere but here.
    func holdsBack(_ bucket: Bucket, _ incarnation: Incarnation) -> Bool {
        stripe(of: bucket).read { $0.heldBack[bucket] == incarnation }
    }

    /// All buckets that live now.
    var buckets: [Bucket] {
        stripes.flatMap { stripe in stripe.read { Array($0.live.keys) } }
    }

    private func stripe(of bucket: Bucket) -> ReadWriteLock<Stripe> {
        let hash = UInt(bitPattern: bucket.hashValue)
        return stripes[Int(hash % UInt(stripes.count))]
    }
}

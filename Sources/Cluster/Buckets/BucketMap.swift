package import Base

/// Every bucket and what it is set to (AIS: BMD).
package struct BucketMap: Equatable, Sendable {
    /// AIStore's counter, + 1 for every change.
    package internal(set) var version: UInt64 = 0
    package internal(set) var buckets = SortedMap<Bucket, BucketProperties>()

    package init() {}

    package subscript(bucket: Bucket) -> BucketProperties? { buckets[bucket] }
}

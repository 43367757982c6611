public import Base

/// Every bucket and what it is set to (AIS: BMD).
public struct BucketMap: Equatable, Sendable {
    /// AIStore's counter, + 1 for every change.
    public internal(set) var version: UInt64 = 0
    public internal(set) var buckets = SortedMap<Bucket, BucketProperties>()

    public init() {}

    public subscript(bucket: Bucket) -> BucketProperties? { buckets[bucket] }
}

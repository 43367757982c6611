import Base
import Cluster

/// Names one object: its bucket, and its name within it.
struct ObjectKey: Sendable {
    let bucket: Bucket
    let name: String
    /// What placement and the cache go by.
    let digest: UInt64

    init(_ bucket: Bucket, _ name: String) {
        self.bucket = bucket
        self.name = name
        digest = bucket.digest(object: name)
    }

    /// `ais/@#/bucket/object` (AIS: uname).
    var text: String { bucket.keyPrefix + name }
}

/// One life of a bucket: the same name, destroyed and created again, is another one.
///
/// The creation time stands beside the id, because after a forced recovery the id alone may be given out again.
struct Incarnation: Hashable, Sendable {
    let id: UInt64
    let created: UInt64

    init(id: UInt64, created: UInt64) {
        self.id = id
        self.created = created
    }

    init(_ properties: BucketProperties) {
        id = properties.id
        created = properties.created.nanoseconds
    }
}

/// What kind of requests a run consists of.
enum Workload: String, Sendable {
    /// Read objects that were stored before the clock started.
    case get
    /// Store objects, each under a new name or, with `--objects`, over old ones in turn.
    case put
    /// Create buckets, each under a new name.
    case bucketCreate = "bucket-create"
    /// Create and destroy a bucket of the worker's own in turn: metadata changes that leave nothing behind.
    case bucketCycle = "bucket-cycle"
    /// Ask for the properties of one bucket, which a majority confirms.
    case bucketHead = "bucket-head"
    /// The same as `bucketCycle` at an etcd member: a key of the worker's own gets another value.
    case etcdPut = "etcd-put"
    /// The same as `bucketHead` at an etcd member.
    case etcdGet = "etcd-get"
    /// Seven reads, then three writes, of objects of its own.
    case mixed

    var summary: String {
        switch self {
        case .get: "Reads objects that it stores first, and compares every byte."
        case .put: "Stores objects under new names."
        case .bucketCreate: "Creates buckets under new names."
        case .bucketCycle: "Creates a bucket and destroys it again, each worker its own."
        case .bucketHead: "Reads the properties of one bucket, as a majority has them."
        case .etcdPut:
            "Puts values of --size bytes at an etcd cluster, by gRPC, each worker under its own key."
        case .etcdGet: "Reads one key of an etcd cluster, by gRPC, linearizably."
        case .mixed: "Seven reads to three writes, each worker on objects of its own."
        }
    }
    /// Whether it is about objects, and needs a bucket for them.
    var isOfObjects: Bool {
        switch self {
        case .get, .put, .mixed: true
        case .bucketCreate, .bucketCycle, .bucketHead, .etcdPut, .etcdGet: false
        }
    }
}

/// What kind of requests a run consists of.
enum Workload: String, Sendable {
    /// Read objects that were stored before the clock started.
    case get
    /// Store objects, each under a new name or, with `--objects`, over old ones in turn.
    case put
    /// Create buckets, each under a new name.
    case bucketCreate = "bucket-create"
    /// Seven reads, then three writes, of objects of its own.
    case mixed

    var summary: String {
        switch self {
        case .get: "Reads objects that it stores first, and compares every byte."
        case .put: "Stores objects under new names."
        case .bucketCreate: "Creates buckets under new names."
        case .mixed: "Seven reads to three writes, each worker on objects of its own."
        }
    }
}

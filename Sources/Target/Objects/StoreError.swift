/// Why an object could not be stored, read or removed.
enum StoreError: Error, Sendable {
    case objectNotFound(String)
    /// A file without our attributes lies where the object would be; somebody put it there by hand.
    case notAnObject(String)
    /// The attributes do not decode, or contradict the file.
    case damaged(path: String, reason: String)
    /// This life of the bucket is over.
    case bucketGone
    /// It exists, and a directory or disk here is in no state to serve it.
    case bucketHeldBack
    /// The name is, or needs, a directory where the bucket has it the other way round.
    case nameConflict(String)
    case attributesTooLarge(bytes: Int)
    case checksumMismatch(given: String, computed: String, bytes: UInt64)
    /// The mountpath of this path takes no part, and it holds the object, or may; an empty path when none takes part.
    case mountpathUnavailable(String)
    case file(FileError)
}

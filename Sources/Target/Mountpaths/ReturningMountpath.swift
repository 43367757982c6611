import Base
import Cluster
import Glibc

/// A mountpath that comes back: copies that were replaced or removed while it was away go from it before it takes part.
///
/// What it has was written before it left, under a lower edition than that of the notes; a copy of the same edition or a later
/// one is none that they mean.
struct ReturningMountpath {
    let mountpath: Mountpath
    private(set) var removed = 0
    /// Directories that have lost a name, and have to be synced.
    private var touched: Set<String> = []

    init(_ mountpath: Mountpath) {
        self.mountpath = mountpath
    }

    /// Removes what these notes mean, of buckets in the life they have in `state`. An older life's directory goes as a whole, or is kept
    /// (decision 0011).
    mutating func take(
        _ records: [AbsenceFile.Record], in state: ClusterState
    ) throws(FileError) {
        for record in records {
            guard let properties = state.buckets[record.bucket],
                Incarnation(properties) == record.incarnation,
                let present = try edition(of: record.key), present < record.edition
            else { continue }
            try remove(record.key)
        }
        try sync()
    }

    /// Looks at every object on it, and removes those of which the others have a later copy: what is done when not everything
    /// could be noted.
    mutating func compare(with others: [Mountpath], in state: ClusterState) throws(FileError) {
        for bucket in try BucketLayout.buckets(on: mountpath.directory)
        where state.buckets[bucket] != nil {
            var walker = ObjectWalker(
                mountpath.directory, root: BucketLayout.objects(of: bucket), prefix: "", after: "",
                page: 1_000)
            while let bytes = try walker.next() {
                guard let name = String(validating: bytes, as: UTF8.self) else { continue }
                let key = ObjectKey(bucket, name)
                guard let present = try edition(of: key) else { continue }
                for other in others {
                    guard let edition = try Self.edition(of: key, on: other), edition > present
                    else { continue }
                    try remove(key)
                    break
                }
            }
        }
        try sync()
    }

    private mutating func remove(_ key: ObjectKey) throws(FileError) {
        let name = BucketLayout.object(key)
        try mountpath.directory.unlink(name)
        removed += 1
        if let parent = Directory.parent(of: name) { touched.insert(parent) }
    }

    private mutating func sync() throws(FileError) {
        for directory in touched { try mountpath.directory.sync(directory) }
        touched = []
    }

    private func edition(of key: ObjectKey) throws(FileError) -> UInt64? {
        try Self.edition(of: key, on: mountpath)
    }

    /// - Returns: `nil` when there is no such object, or a file that is none.
    private static func edition(
        of key: ObjectKey, on mountpath: Mountpath
    ) throws(FileError) -> UInt64? {
        let path = "\(mountpath.path)/\(BucketLayout.object(key))"
        let value: [UInt8]?
        do throws(FileError) {
            value = try ExtendedAttribute.read(ObjectAttributes.attributeName, path: path)
        } catch {
            switch error.number {
            case ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG: return nil
            default: throw error
            }
        }
        return value.flatMap { try? ObjectAttributes(decoding: $0) }?.edition
    }
}

import Base
import Cluster
import Glibc
import HTTP

/// The objects on this target's mountpaths. Every function that touches a file may block, and is called on a pool,
/// except where it says otherwise.
final class ObjectStore: Sendable {
    /// As it is now; whoever uses it twice takes it once.
    var mountpaths: MountpathSet { table.current }
    let table: MountpathTable
    let directories: BucketDirectories
    let absences: AbsenceLog
    let cache: ObjectCache
    let generations = ObjectGenerations()
    let locks = ObjectLocks()
    let life: WorkName

    init(
        _ table: MountpathTable, _ directories: BucketDirectories, _ absences: AbsenceLog,
        life: WorkName, openObjects: Int
    ) {
        self.table = table
        self.directories = directories
        self.absences = absences
        self.life = life
        cache = ObjectCache(capacity: openObjects)
    }

    // MARK: Reading

    /// The object if it is kept open and has not changed since. Does not block.
    @inline(__always)
    func cached(_ digest: UInt64) -> OpenObject? {
        guard let object = cache.find(digest) else { return nil }
        return object.generation == generations.current(digest) ? object : nil
    }

    /// Opens an object, and keeps it open for the next reader.
    func open(
        _ key: ObjectKey, of incarnation: Incarnation
    ) throws(StoreError) -> OpenObject {
        if let object = cached(key.digest), object.incarnation == incarnation,
            object.keyBytes.elementsEqual(key.text.utf8)
        {
            return object
        }
        let opened = try directories.enter(key.bucket, incarnation) { () throws(StoreError) in
            try openFile(of: key, incarnation)
        }
        guard let opened else { throw directories.refusal(of: key.bucket, incarnation) }
        cache.insert(opened)
        return opened
    }

    private func openFile(
        of key: ObjectKey, _ incarnation: Incarnation
    ) throws(StoreError) -> OpenObject {
        // Before the open, see ``ObjectGenerations``; and before the set is taken, which raises all of them when it changes.
        let generation = generations.current(key.digest)
        let set = mountpaths
        var newest: OpenObject?
        for mountpath in set.places(of: key.digest) {
            let found: OpenObject
            do throws(StoreError) {
                found = try openFile(of: key, incarnation, on: mountpath, generation)
            } catch {
                guard case .objectNotFound = error else { throw error }
                continue
            }
            // One copy is all there is, as long as no mountpath has come back with what was replaced meanwhile.
            guard set.hasReturned else { return found }
            if let known = newest, known.attributes.edition >= found.attributes.edition { continue }
            newest = found
        }
        guard let newest else { throw absence(of: key, in: set) }
        return newest
    }

    /// No such object, unless it may lie where nobody can look.
    private func absence(of key: ObjectKey, in set: MountpathSet) -> StoreError {
        if set.all.isEmpty { return .mountpathUnavailable("") }
        if let absent = awayWithCopies(of: key, in: set).first {
            return .mountpathUnavailable(absent.path)
        }
        return .objectNotFound(key.name)
    }

    /// The mountpaths that are away and may have a copy that counts.
    func awayWithCopies(
        of key: ObjectKey, in set: MountpathSet
    ) -> [MountpathRecord.Entry] {
        set.absentPlaces(of: key.digest).filter { !absences.isVoid(key.digest, on: $0.identity) }
    }

    private func openFile(
        of key: ObjectKey, _ incarnation: Incarnation, on mountpath: Mountpath,
        _ generation: UInt64
    ) throws(StoreError) -> OpenObject {
        let name = BucketLayout.object(key)
        let file = try Self.openFile(name, on: mountpath, key)
        var status = stat()
        guard fstat(file.number, &status) == 0 else {
            throw .file(FileError("stat", name, errno))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .objectNotFound(key.name) }
        let path = "\(mountpath.path)/\(name)"
        let attributes = try Self.attributes(of: file, path, size: Int(status.st_size))
        Self.warm(file, size: Int(status.st_size))
        return OpenObject(
            file: file, key: key, incarnation: incarnation, status: status,
            attributes: attributes, generation: generation)
    }

    private static func openFile(
        _ name: String, on mountpath: Mountpath, _ key: ObjectKey
    ) throws(StoreError) -> FileDescriptor {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
        do throws(FileError) {
            // Access times are kept by us (see OpenObject); only the file's owner may ask the kernel not to.
            do throws(FileError) {
                return try mountpath.directory.open(name, flags | doesNotTouchAccessTime)
            } catch  where error.number == EPERM {
                return try mountpath.directory.open(name, flags)
            }
        } catch {
            switch error.number {
            case ENOENT, ENOTDIR, ELOOP: throw missing(key, on: mountpath)
            default: throw .file(error)
            }
        }
    }

    /// No such object, unless it is the disk that is not there.
    static func missing(_ key: ObjectKey, on mountpath: Mountpath) -> StoreError {
        do throws(FileError) {
            try mountpath.checkPresence()
            return .objectNotFound(key.name)
        } catch {
            return .file(error)
        }
    }

    /// O_NOATIME
    private static let doesNotTouchAccessTime: Int32 = 0o1000000

    static func attributes(
        of file: FileDescriptor, _ path: String, size: Int
    ) throws(StoreError) -> ObjectAttributes {
        let value: [UInt8]?
        do throws(FileError) {
            value = try ExtendedAttribute.read(
                ObjectAttributes.attributeName, of: file, path: path)
        } catch {
            throw .file(error)
        }
        guard let value else { throw .notAnObject(path) }
        return try decode(value, path, size: size)
    }

    static func decode(
        _ value: [UInt8], _ path: String, size: Int
    ) throws(StoreError) -> ObjectAttributes {
        do throws(DecodingFailure) {
            let attributes = try ObjectAttributes(decoding: value)
            guard attributes.size == UInt64(size) else {
                throw DecodingFailure(
                    "the file has \(size) bytes, its attributes say \(attributes.size)", at: 0)
            }
            return attributes
        } catch {
            throw .damaged(path: path, reason: error.description)
        }
    }

    /// Has the first bytes read while this thread may wait for them, so that the loop will not.
    private static func warm(_ file: FileDescriptor, size: Int) {
        if size <= smallBytes {
            withUnsafeTemporaryAllocation(byteCount: smallBytes, alignment: 16) {
                _ = pread(file.number, $0.baseAddress, size, 0)
            }
        } else {
            posix_fadvise(file.number, 0, off_t(min(size, warmBytes)), Int32(POSIX_FADV_WILLNEED))
        }
    }

    private static let smallBytes = 16 << 10
    private static let warmBytes = 2 << 20

    // MARK: Removing

    /// What mountpaths have of it that are away is noted to be void first: a copy that comes back must find that.
    func remove(
        _ key: ObjectKey, of incarnation: Incarnation, durable: Bool
    ) throws(StoreError) {
        try locks.withLock(key.digest) { () throws(StoreError) in
            var set = mountpaths
            while try !noteRemoval(of: key, incarnation, in: set, durable: durable) {
                set = mountpaths
            }
            var places: [Mountpath] = []
            let entered: Void? = try directories.enter(key.bucket, incarnation) {
                () throws(StoreError) in
                for mountpath in set.places(of: key.digest) where try unlink(key, on: mountpath) {
                    places.append(mountpath)
                }
                generations.raise(key.digest)
            }
            guard entered != nil else { throw directories.refusal(of: key.bucket, incarnation) }
            cache.remove(key.digest)
            guard !places.isEmpty else { throw absence(of: key, in: set) }
            guard durable else { return }
            for mountpath in places { try syncName(of: key, incarnation, on: mountpath) }
        }
    }

    /// - Returns: false when the set has changed meanwhile.
    /// - Throws: when the object may lie where nobody can look, and cannot be removed there.
    private func noteRemoval(
        of key: ObjectKey, _ incarnation: Incarnation, in set: MountpathSet, durable: Bool
    ) throws(StoreError) -> Bool {
        let away = awayWithCopies(of: key, in: set)
        guard let first = away.first else { return true }
        // What is not seen here may not exist at all, or be what lies there: the client must not be told either.
        guard try exists(key, in: set) else { throw .mountpathUnavailable(first.path) }
        switch note(key, incarnation, in: set, for: away.map(\.identity), durable: durable) {
        case .noted: return true
        case .changed: return false
        case .full: throw .mountpathUnavailable(first.path)
        }
    }

    private func exists(_ key: ObjectKey, in set: MountpathSet) throws(StoreError) -> Bool {
        for mountpath in set.places(of: key.digest) {
            do throws(FileError) {
                let status = try mountpath.directory.status(BucketLayout.object(key))
                if status.st_mode & S_IFMT == S_IFREG { return true }
            } catch {
                guard error.isMissing || error.number == ENOTDIR else { throw .file(error) }
            }
        }
        return false
    }

    /// Lets go of everything that was opened under an earlier set of mountpaths. Called when the set has been replaced.
    func forgetOpenObjects() {
        generations.raiseAll()
        for object in cache.objects { cache.remove(object.key.digest) }
    }

    // MARK: Housekeeping

    /// Writes access times out, and lets go of what has been replaced, removed or destroyed.
    func tidy(_ state: ClusterState, lag: UInt64) {
        for object in cache.objects {
            let bucket = state.buckets[object.key.bucket]
            let isCurrent =
                object.generation == generations.current(object.key.digest)
                && bucket.map { Incarnation($0) } == object.incarnation
            if isCurrent {
                object.writeAccessTime(lag: lag)
            } else {
                cache.remove(object.key.digest)
            }
        }
    }
}

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
    private let locks = ObjectLocks()
    private let life: WorkName

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
    private func awayWithCopies(
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
    private static func missing(_ key: ObjectKey, on mountpath: Mountpath) -> StoreError {
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

    // MARK: Writing

    /// Opens a work file for an object, making its bucket's directories when they are missing.
    func begin(
        _ put: PutRequest, in state: ClusterState
    ) throws(StoreError) -> WorkFile {
        let key = put.key
        guard let mountpath = mountpaths.owner(of: key.digest) else {
            throw .mountpathUnavailable("")
        }
        do throws(FileError) {
            if let work = try open(put, on: mountpath) { return work }
            if try directories.make(key.bucket, put.incarnation, on: mountpath, state: state),
                let work = try open(put, on: mountpath)
            {
                return work
            }
        } catch {
            if case .file(let gone) = Self.missing(key, on: mountpath) { throw .file(gone) }
            throw .file(error)
        }
        throw directories.refusal(of: key.bucket, put.incarnation)
    }

    /// - Returns: `nil` when the bucket has no directory for work files here.
    private func open(
        _ put: PutRequest, on mountpath: Mountpath
    ) throws(FileError) -> WorkFile? {
        // Without a journal that keeps the order, the count of its names would have to be flushed once more behind the link.
        let hasName =
            !mountpath.traits.hasUnnamedFiles || (put.isDurable && !mountpath.traits.keepsOrder)
        let name = hasName ? workName(in: put.key.bucket) : nil
        do throws(FileError) {
            let file =
                if let name {
                    try mountpath.directory.open(name, O_RDWR | O_CREAT | O_EXCL)
                } else {
                    try mountpath.directory.openUnnamed(
                        in: BucketLayout.work(of: put.key.bucket), O_RDWR)
                }
            return WorkFile(file, name: name, on: mountpath, hashes: put.hashes)
        } catch  where error.isMissing {
            return nil
        }
    }

    private func workName(in bucket: Bucket) -> String {
        "\(BucketLayout.work(of: bucket))/\(life.next())"
    }

    /// Makes the work file the object.
    ///
    /// The order for a durable bucket: attributes, fsync of the file, name, fsync of the directory. A crash before
    /// the name is there leaves the old object, and a work file that the next life removes; one behind it leaves the new
    /// object, whole, whether or not the client was told. Where the filesystem keeps the order of changes, the bytes are only written
    /// out before the file gets its name, and the file is flushed behind it: one commit of the journal is enough then (decision 0041).
    ///
    /// Copies of the old object on other mountpaths go before the client is told, and what mountpaths have of it that are away is
    /// noted to be void. The mountpath may leave the set at any
    /// moment: the client is told of success only if it took part when all was done (decision 0021).
    func commit(
        _ work: WorkFile, _ put: PutRequest
    ) throws(StoreError) {
        let key = put.key
        let keepsOrder = work.mountpath.traits.keepsOrder
        try put.check(computed: work.checksum, bytes: UInt64(work.size))
        try locks.withLock(key.digest) { () throws(StoreError) in
            let set = mountpaths
            try Self.checkPresence(of: work.mountpath, in: set)
            var attributes = put.attributes(computed: work.checksum, size: UInt64(work.size))
            attributes.edition = set.edition
            // Whoever can take a name only if it is free need not look first whether it is.
            let mayBeNew = work.name == nil && !set.isScattered
            if put.keepsVersions {
                attributes.version = mayBeNew ? "1" : String(nextVersion(of: key, in: set))
            }
            try Self.write(attributes, to: work)
            if put.isDurable {
                do throws(FileError) {
                    if keepsOrder { try work.writeOut() } else { try work.sync() }
                } catch {
                    throw .file(error)
                }
            }
            let entered: Void? = try directories.enter(key.bucket, put.incarnation) {
                () throws(StoreError) in
                if mayBeNew {
                    let isNew = try naming(key, on: work.mountpath) { name throws(FileError) in
                        try work.link(to: name)
                    }
                    if isNew { return generations.raise(key.digest) }
                    if put.keepsVersions {
                        attributes.version = String(nextVersion(of: key, in: set))
                        try Self.write(attributes, to: work)
                    }
                }
                try naming(key, on: work.mountpath) { name throws(FileError) in
                    try work.rename(to: name, passing: workName(in: key.bucket))
                }
                generations.raise(key.digest)
            }
            guard entered != nil else { throw directories.refusal(of: key.bucket, put.incarnation) }
            cache.remove(key.digest)
            if put.isDurable {
                if keepsOrder {
                    do throws(FileError) { try work.sync() } catch { throw .file(error) }
                } else {
                    try syncName(of: key, put.incarnation, on: work.mountpath)
                }
            }
            try giveUpCopies(
                of: key, put.incarnation, in: set, but: work.mountpath, durable: put.isDurable)
            try Self.checkPresence(of: work.mountpath, in: mountpaths)
        }
    }

    private static func write(
        _ attributes: ObjectAttributes, to work: WorkFile
    ) throws(StoreError) {
        let encoded = attributes.encoded
        guard encoded.count <= TargetLimits.attributesBytesMax else {
            throw .attributesTooLarge(bytes: encoded.count)
        }
        do throws(FileError) { try work.setAttributes(encoded) } catch { throw .file(error) }
    }

    private static func checkPresence(
        of mountpath: Mountpath, in set: MountpathSet
    ) throws(StoreError) {
        guard set.contains(mountpath) else { throw .mountpathUnavailable(mountpath.path) }
    }

    /// Removes what the object has left on the other mountpaths, and notes it for those that are away. Only when the new object is
    /// there: a note for one that never came would cost the old one.
    private func giveUpCopies(
        of key: ObjectKey, _ incarnation: Incarnation, in set: MountpathSet, but home: Mountpath,
        durable: Bool
    ) throws(StoreError) {
        var set = set
        while set.isScattered {
            try removeCopies(of: key, incarnation, in: set, but: home, durable: durable)
            let away = awayWithCopies(of: key, in: set).map(\.identity)
            switch note(key, incarnation, in: set, for: away, durable: durable) {
            case .noted: return
            // Copies are compared when the mountpath returns; until then this one is the only one to be seen.
            case .full: return absences.miss(away)
            case .changed: set = mountpaths
            }
        }
    }

    private func note(
        _ key: ObjectKey, _ incarnation: Incarnation, in set: MountpathSet,
        for away: [MountpathIdentity], durable: Bool
    ) -> AbsenceLog.Outcome {
        guard !away.isEmpty else { return .noted }
        let record = AbsenceFile.Record(
            bucket: key.bucket, incarnation: incarnation, name: key.name, edition: set.edition)
        do throws(FileError) {
            return try absences.note(record, for: away, durable: durable)
        } catch {
            return .full
        }
    }

    /// Removes what the object has left on the other mountpaths.
    private func removeCopies(
        of key: ObjectKey, _ incarnation: Incarnation, in set: MountpathSet, but home: Mountpath,
        durable: Bool
    ) throws(StoreError) {
        for mountpath in set.all where mountpath !== home {
            let entered: Bool? = try directories.enter(key.bucket, incarnation) {
                () throws(StoreError) in try unlink(key, on: mountpath)
            }
            guard entered == true else { continue }
            generations.raise(key.digest)
            cache.remove(key.digest)
            if durable { try syncName(of: key, incarnation, on: mountpath) }
        }
    }

    /// - Returns: whether there was something to remove.
    private func unlink(_ key: ObjectKey, on mountpath: Mountpath) throws(StoreError) -> Bool {
        do throws(FileError) {
            try mountpath.directory.unlink(BucketLayout.object(key))
            return true
        } catch {
            switch error.number {
            case ENOENT, ENOTDIR, EISDIR:
                guard case .file(let gone) = Self.missing(key, on: mountpath) else { return false }
                throw .file(gone)
            default: throw .file(error)
            }
        }
    }

    /// Runs `body`, which gives a file an object's name on a mountpath.
    @discardableResult
    private func naming<Value>(
        _ key: ObjectKey, on mountpath: Mountpath, _ body: (String) throws(FileError) -> Value
    ) throws(StoreError) -> Value {
        let name = BucketLayout.object(key)
        do throws(FileError) {
            do throws(FileError) {
                return try body(name)
            } catch  where error.isMissing {
                // The name has a path of its own, which is made with the first object in it.
                try mountpath.directory.makePath(Directory.parent(of: name) ?? "")
                return try body(name)
            }
        } catch {
            switch error.number {
            case EISDIR, ENOTDIR, EEXIST, ENOTEMPTY: throw .nameConflict(key.name)
            default: throw .file(error)
            }
        }
    }

    private func syncName(
        of key: ObjectKey, _ incarnation: Incarnation, on mountpath: Mountpath
    ) throws(StoreError) {
        guard let directory = Directory.parent(of: BucketLayout.object(key)) else { return }
        do throws(FileError) {
            try directories.sync(directory, of: incarnation, on: mountpath)
        } catch {
            // The bucket went to the trash behind the rename: the object was there, and is gone with it.
            if error.isMissing { return }
            throw .file(error)
        }
    }

    /// One more than the version on disk; 1 for a new object, or when the old one's attributes cannot be read: what
    /// is replaced anyway must not forbid its replacement.
    private func nextVersion(of key: ObjectKey, in set: MountpathSet) -> UInt64 {
        var newest: UInt64 = 0
        let name = BucketLayout.object(key)
        // Most names are new, and need no walk from the root.
        for mountpath in set.places(of: key.digest) where mountpath.directory.mayHave(name) {
            let path = "\(mountpath.path)/\(name)"
            guard
                let value = try? ExtendedAttribute.read(
                    ObjectAttributes.attributeName, path: path),
                let present = try? ObjectAttributes(decoding: value),
                let number = UInt64(present.version), number < .max
            else { continue }
            newest = max(newest, number)
        }
        return newest + 1
    }

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

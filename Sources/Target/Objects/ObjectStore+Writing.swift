import Base
import Cluster
import Glibc

/// From the first bytes of an upload to the object. Every function may block, and is called on a pool.
extension ObjectStore {
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
            let mayBeNew = Self.mayBeNew(work, in: set)
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
                try name(work, put, attributes, in: set)
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

    /// Whether an object is taken for new until its name turns out not to be free: whoever can take a name only if it is
    /// free need not look first.
    private static func mayBeNew(_ work: WorkFile, in set: MountpathSet) -> Bool {
        work.name == nil && !set.isScattered
    }

    /// Gives the work file the object's name. `attributes` are those that it has; of one that was taken for new, and is not, they
    /// are written again.
    private func name(
        _ work: WorkFile, _ put: PutRequest, _ attributes: ObjectAttributes, in set: MountpathSet
    ) throws(StoreError) {
        let key = put.key
        if Self.mayBeNew(work, in: set) {
            let isNew = try naming(key, on: work.mountpath) { name throws(FileError) in
                try work.link(to: name)
            }
            if isNew { return }
            if put.keepsVersions {
                var attributes = attributes
                attributes.version = String(nextVersion(of: key, in: set))
                try Self.write(attributes, to: work)
            }
        }
        try naming(key, on: work.mountpath) { name throws(FileError) in
            try work.rename(to: name, passing: workName(in: key.bucket))
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

    func note(
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
    func unlink(_ key: ObjectKey, on mountpath: Mountpath) throws(StoreError) -> Bool {
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

    func syncName(
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
}

import Base
import Cluster
import Glibc
import Synchronization

/// The directories of all buckets on all mountpaths: made at the first write, moved away when a bucket is destroyed,
/// and compared with the state whenever a whole state comes in.
///
/// Called in the order of the log, by whoever applies it, before the state is published: nobody can write into a
/// bucket under a state that this class has not seen.
final class BucketDirectories: Sendable {
    private let table: MountpathTable
    var mountpaths: MountpathSet { table.current }
    /// The last state that the directories were brought in line with, held while they are, and while the set of
    /// mountpaths changes.
    private let settled = Mutex(ClusterState())
    private let gate = BucketGate()
    private let trash: Trash
    private let log: Logger
    /// Directories are made one at a time, so that none is in use before it is marked.
    private let making = Mutex(())
    private let durable = DurableNames()

    init(_ table: MountpathTable, trash: Trash, log: Logger) {
        self.table = table
        self.trash = trash
        self.log = log
    }

    // MARK: The state changes

    /// The newest position that any directory was marked at: a state of the same generation before it has been
    /// overtaken already, and is not to be applied.
    func newestMark(clusterID: String) throws(FileError) -> LogPosition {
        var newest = LogPosition.zero
        for mountpath in mountpaths.all {
            for bucket in try BucketLayout.buckets(on: mountpath.directory) {
                guard case .marked(let mark) = marking(of: bucket, on: mountpath),
                    mark.clusterID == clusterID
                else { continue }
                newest = max(newest, mark.position)
            }
        }
        return newest
    }

    /// Brings everything in line with a whole state: after a snapshot.
    func reconcile(with state: ClusterState) throws(FileError) {
        let result = settled.withLock { settled -> Result<Void, FileError> in
            settled = state
            do throws(FileError) {
                return .success(try settleAll(state))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// The same with the state that everything was brought in line with last: what is on the disks may be another.
    func reconcile() throws(FileError) {
        let result = settled.withLock { settled -> Result<Void, FileError> in
            // Before a target knows its cluster it must not take buckets for destroyed.
            guard !settled.map.clusterID.isEmpty else { return .success(()) }
            do throws(FileError) {
                return .success(try settleAll(settled))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func settleAll(_ state: ClusterState) throws(FileError) {
        var found: Set<Bucket> = []
        for mountpath in mountpaths.all {
            found.formUnion(try BucketLayout.buckets(on: mountpath.directory))
        }
        for bucket in found.union(gate.buckets) where state.buckets[bucket] == nil {
            follow(bucket, in: state)
        }
        for (bucket, properties) in state.buckets.buckets {
            let next = Incarnation(properties)
            gate.replace(bucket, with: next) { present in
                guard found.contains(bucket) || (present != nil && present != next) else {
                    return true
                }
                return settle(bucket, state)
            }
        }
    }

    /// Follows one bucket that an entry created, changed or destroyed.
    func change(_ bucket: Bucket, in state: ClusterState) {
        settled.withLock { settled in
            settled = state
            follow(bucket, in: state)
        }
    }

    private func follow(_ bucket: Bucket, in state: ClusterState) {
        let next = state.buckets[bucket].map { Incarnation($0) }
        gate.replace(bucket, with: next) { present in
            if present != nil, present == next { return true }
            return settle(bucket, state)
        }
    }

    // MARK: Mountpaths come and go

    /// Brings a mountpath in line with the state, and calls `join` at a moment at which it is: from then on it is settled
    /// with the others.
    ///
    /// - Parameters:
    ///   - mountpath: one that takes no part yet.
    ///   - prepare: called when it is settled, while the state may go on; with the state it is settled by.
    ///   - join: called when nothing may go on; with the state as it is then.
    /// - Returns: false when a bucket's directory on it is in no state to be used; `join` is not called then.
    /// - Throws: what the disk, or one of the two, has to say.
    func admit(
        _ mountpath: Mountpath, prepare: (ClusterState) throws(FileError) -> Void,
        join: (ClusterState) throws(FileError) -> Void
    ) throws(FileError) -> Bool {
        let first = settled.withLock { $0 }
        let found = try BucketLayout.buckets(on: mountpath.directory)
        // The long part, in which the state may go on; nobody waits for it.
        for bucket in found where !first.map.clusterID.isEmpty {
            guard settle(bucket, on: mountpath, first) else { return false }
        }
        try prepare(first)
        let result = settled.withLock { state -> Result<Bool, FileError> in
            for bucket in found where state.buckets[bucket] != first.buckets[bucket] {
                guard settle(bucket, on: mountpath, state) else { return .success(false) }
            }
            do throws(FileError) {
                try join(state)
                return .success(true)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Takes a mountpath out by `leave`; buckets that only it held back are served again.
    func dismiss(_ leave: () -> Void) {
        settled.withLock { state in
            leave()
            for (bucket, properties) in state.buckets.buckets
            where gate.holdsBack(bucket, Incarnation(properties)) {
                follow(bucket, in: state)
            }
        }
    }

    /// - Returns: whether the bucket may be used: a directory of another life that cannot be moved out of its way would
    ///   show through.
    private func settle(_ bucket: Bucket, _ state: ClusterState) -> Bool {
        var isReady = true
        for mountpath in mountpaths.all {
            if !settle(bucket, on: mountpath, state) { isReady = false }
        }
        return isReady
    }

    private func settle(
        _ bucket: Bucket, on mountpath: Mountpath, _ state: ClusterState
    ) -> Bool {
        let marking = marking(of: bucket, on: mountpath)
        if case .absent = marking { return true }
        let properties = state.buckets[bucket]
        let place = "\(mountpath.path)/\(BucketLayout.directory(of: bucket))"
        switch marking {
        case .absent: return true
        case .unmarked:
            guard let properties else {
                log.info("\(place) is left as it is: no bucket \(bucket), and no mark")
                return true
            }
            log.info("\(place) is adopted: bucket \(bucket) exists, and nothing marks it as older")
            return mark(bucket, Incarnation(properties), on: mountpath, state)
        case .unreadable(let error):
            // A disk that fails for a moment must not cost the bucket its objects.
            log.error("bucket \(bucket) is not served: the mark of \(place): \(error)")
            return false
        case .damaged(let reason):
            return keepAside(
                bucket, of: "damaged", on: mountpath, because: reason,
                isInTheWay: properties != nil)
        case .marked(let present):
            switch present.verdict(properties, in: state) {
            case .belongs(renew: false): return true
            case .belongs(renew: true):
                return mark(bucket, present.incarnation, on: mountpath, state)
            case .discard:
                log.info("\(place) goes to the trash: bucket \(bucket) was destroyed")
                return discard(bucket, on: mountpath)
            case .keep:
                return keepAside(
                    bucket, of: present.position.generationText, on: mountpath,
                    because: "it is of another generation or cluster",
                    isInTheWay: properties != nil)
            case .ahead:
                log.warning("\(place) is newer than state \(state.position.text)")
                return false
            }
        }
    }

    private func discard(_ bucket: Bucket, on mountpath: Mountpath) -> Bool {
        do throws(FileError) {
            try trash.take(BucketLayout.directory(of: bucket), on: mountpath)
            return true
        } catch {
            log.error("bucket \(bucket) is not served: its destroyed directory stays: \(error)")
            return false
        }
    }

    /// Nothing is removed that a forced recovery may have forgotten; it is only moved when a bucket needs the place.
    private func keepAside(
        _ bucket: Bucket, of generation: String, on mountpath: Mountpath, because reason: String,
        isInTheWay: Bool
    ) -> Bool {
        let name = BucketLayout.directory(of: bucket)
        guard isInTheWay else {
            log.warning("\(mountpath.path)/\(name) is left in place: \(reason)")
            return true
        }
        let place =
            "\(BucketLayout.kept)/\(bucket.name).\(generation).\(SystemRandom.identifier())"
        do throws(FileError) {
            try mountpath.directory.makeDirectory(BucketLayout.kept)
            try mountpath.directory.rename(name, to: place)
            log.warning("\(mountpath.path)/\(name) was moved to \(place): \(reason)")
            return true
        } catch {
            log.error("bucket \(bucket) is not served: \(name) cannot be moved aside: \(error)")
            return false
        }
    }

    // MARK: Marks

    private enum Marking {
        case absent
        case unmarked
        case marked(BucketMark)
        case damaged(String)
        case unreadable(FileError)
    }

    private func marking(of bucket: Bucket, on mountpath: Mountpath) -> Marking {
        let name = BucketLayout.directory(of: bucket)
        // A bucket that was just created has none, and its client waits for this.
        guard mountpath.directory.mayHave(name) else { return .absent }
        let path = "\(mountpath.path)/\(name)"
        do {
            guard
                let value = try ExtendedAttribute.read(BucketMark.attributeName, path: path)
            else { return .unmarked }
            return .marked(try BucketMark(decoding: value))
        } catch let error as FileError where error.isMissing {
            return .absent
        } catch let error as FileError {
            return .unreadable(error)
        } catch {
            return .damaged("its mark cannot be read: \(error)")
        }
    }

    private func mark(
        _ bucket: Bucket, _ incarnation: Incarnation, on mountpath: Mountpath,
        _ state: ClusterState
    ) -> Bool {
        do throws(FileError) {
            try writeMark(
                bucket, incarnation, on: mountpath, clusterID: state.map.clusterID,
                position: state.position)
            return true
        } catch {
            log.error("bucket \(bucket) is not served: no mark on \(mountpath.path): \(error)")
            return false
        }
    }

    private func writeMark(
        _ bucket: Bucket, _ incarnation: Incarnation, on mountpath: Mountpath, clusterID: String,
        position: LogPosition
    ) throws(FileError) {
        let name = BucketLayout.directory(of: bucket)
        let mark = BucketMark(clusterID: clusterID, incarnation: incarnation, position: position)
        let file = try mountpath.directory.open(name, O_RDONLY | O_DIRECTORY)
        try ExtendedAttribute.write(
            BucketMark.attributeName, mark.encoded, to: file,
            path: "\(mountpath.path)/\(name)")
    }

    // MARK: Writers

    /// Runs `body` while this life of the bucket cannot end; `nil` when it has ended.
    func enter<Value, Failure: Error>(
        _ bucket: Bucket, _ incarnation: Incarnation, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value? {
        try gate.enter(bucket, incarnation, body)
    }

    /// Why ``enter(_:_:_:)`` turned somebody away: the bucket does not exist, or a disk is in no state to serve it.
    func refusal(of bucket: Bucket, _ incarnation: Incarnation) -> StoreError {
        gate.holdsBack(bucket, incarnation) ? .bucketHeldBack : .bucketGone
    }

    /// Makes a bucket's directories on one mountpath. The one for work files comes last: a writer that finds it knows
    /// that the bucket is marked.
    ///
    /// - Returns: false when this life of the bucket is over.
    func make(
        _ bucket: Bucket, _ incarnation: Incarnation, on mountpath: Mountpath,
        state: ClusterState
    ) throws(FileError) -> Bool {
        let made: Bool? = try gate.enter(bucket, incarnation) { () throws(FileError) -> Bool in
            let result = making.withLock { _ -> Result<Void, FileError> in
                do throws(FileError) {
                    let name = BucketLayout.directory(of: bucket)
                    try mountpath.directory.makePath(name)
                    switch marking(of: bucket, on: mountpath) {
                    case .marked(let mark):
                        guard mark.incarnation == incarnation else {
                            throw FileError("use", "\(mountpath.path)/\(name)", ESTALE)
                        }
                    case .unreadable(let error): throw error
                    case .absent, .unmarked, .damaged:
                        try writeMark(
                            bucket, incarnation, on: mountpath, clusterID: state.map.clusterID,
                            position: state.position)
                    }
                    try mountpath.directory.makeDirectory(BucketLayout.objects(of: bucket))
                    try mountpath.directory.makeDirectory(BucketLayout.work(of: bucket))
                    return .success(())
                } catch {
                    return .failure(error)
                }
            }
            try result.get()
            return true
        }
        return made ?? false
    }

    /// Directories were moved away, and not because their buckets have ended.
    func forgetNames() { durable.forget() }

    /// Makes a new name in `directory` survive power loss: the directory itself, and every directory above it
    /// whose own name may not have been written out yet.
    func sync(
        _ directory: String, of incarnation: Incarnation, on mountpath: Mountpath
    ) throws(FileError) {
        let epoch = durable.epoch
        try mountpath.directory.sync(directory)
        var name = directory
        while !durable.contains(name, incarnation, mountpath) {
            let parent = Directory.parent(of: name) ?? ""
            try mountpath.directory.sync(parent)
            durable.insert(name, incarnation, mountpath, since: epoch)
            if parent.isEmpty { break }
            name = parent
        }
    }
}

import Base
import Glibc
import Synchronization

/// Removes directories in the background: those of destroyed buckets, and work files of earlier lives.
///
/// A directory is moved to `$trash` at once, which costs the same however much is in it, and emptied by one thread
/// that rests in between, so that a bucket of millions of objects does not take the disk from everybody else.
final class Trash: Sendable {
    private let pool = BlockingPool(name: "trash", threads: 1)
    private let counter = Atomic<UInt64>(0)
    private let isStopped = Atomic<Bool>(false)
    private let removals = Atomic<UInt64>(0)
    /// Why a mountpath's trash could not be emptied the last time, by its path.
    private let problems = Mutex<[String: String]>([:])
    /// Mountpaths whose trash waits to be emptied, by serial.
    private let emptying = Mutex<Set<UInt64>>([])
    private let life: WorkName
    private let log: Logger

    init(life: WorkName, log: Logger) {
        self.life = life
        self.log = log
    }

    /// Moves a directory of the mountpath to the trash; a missing one is none.
    func take(_ name: String, on mountpath: Mountpath) throws(FileError) {
        let number = counter.add(1, ordering: .relaxed).newValue
        let place = "\(BucketLayout.trash)/\(life.text).\(number)"
        do throws(FileError) {
            try mountpath.directory.rename(name, to: place)
        } catch  where error.isMissing {
            return
        }
        empty(mountpath)
    }

    /// Removes what is in the trash of a mountpath, some time.
    func empty(_ mountpath: Mountpath) {
        let isFirst = emptying.withLock { $0.insert(mountpath.serial).inserted }
        // One that waits already finds what comes meanwhile.
        guard isFirst else { return }
        pool.submit { [self] in
            _ = emptying.withLock { $0.remove(mountpath.serial) }
            // Nobody goes on with a work file here, not one of this life either: it has lost its name.
            removeContents(of: BucketLayout.trash, on: mountpath) { _ in false }
        }
    }

    /// Files and directories removed in this life.
    var removed: UInt64 { removals.load(ordering: .relaxed) }

    func isEmpty(on mountpath: Mountpath) throws(FileError) -> Bool {
        try count(on: mountpath, upTo: 1) == 0
    }

    /// What was moved to the trash of a mountpath and is not removed yet, whole.
    func count(on mountpath: Mountpath, upTo most: Int = .max) throws(FileError) -> Int {
        var count = 0
        do throws(FileError) {
            try mountpath.directory.forEach(in: BucketLayout.trash) { _, _ in
                count += 1
                return count < most
            }
        } catch  where error.isMissing {
            return 0
        }
        return count
    }

    /// Why the trash of a mountpath could not be emptied the last time; `nil` when it could.
    func problem(on mountpath: Mountpath) -> String? {
        problems.withLock { $0[mountpath.path] }
    }

    /// Removes the work files that no process will ever finish, some time.
    func sweep(_ mountpath: Mountpath) {
        pool.submit { [self] in
            guard let buckets = try? BucketLayout.buckets(on: mountpath.directory) else { return }
            for bucket in buckets {
                removeContents(of: BucketLayout.work(of: bucket), on: mountpath) { [life] in
                    life.isOwn($0)
                }
            }
        }
    }

    /// Lets the thread end soon; what is left is removed in the next life.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    private func removeContents(
        of name: String, on mountpath: Mountpath, keeping keeps: @escaping (String) -> Bool
    ) {
        var removal = Removal(directory: mountpath.directory, device: mountpath.device) { [self] in
            isStopped.load(ordering: .relaxed)
        }
        removal.keeps = keeps
        removal.removed = { [self] in removals.add(1, ordering: .relaxed) }
        do throws(FileError) {
            try removal.removeContents(of: name)
            problems.withLock { $0[mountpath.path] = nil }
        } catch {
            problems.withLock {
                $0[mountpath.path] = "mountpath \(mountpath.path) could not be emptied: \(error)"
            }
            log.warning("\(mountpath.path)/\(name) could not be emptied: \(error)")
        }
    }
}

/// One directory tree being removed.
private struct Removal {
    let directory: Directory
    /// The filesystem that is emptied; one that is mounted below is somebody else's.
    let device: UInt64
    let mustStop: () -> Bool
    /// Names of work files that are in use.
    var keeps: (String) -> Bool = { _ in false }
    var removed: () -> Void = {}
    private var count = 0

    init(directory: Directory, device: UInt64, mustStop: @escaping () -> Bool) {
        self.directory = directory
        self.device = device
        self.mustStop = mustStop
    }

    mutating func removeContents(of name: String) throws(FileError) {
        while !mustStop() {
            let batch = try nextBatch(of: name)
            if batch.isEmpty { return }
            for (child, kind) in batch {
                if mustStop() { return }
                let path = "\(name)/\(child)"
                if kind == .directory {
                    guard UInt64(try directory.status(path).st_dev) == device else {
                        throw FileError(
                            "remove (another filesystem is mounted there)", path, EXDEV)
                    }
                    try removeContents(of: path)
                    if !mustStop() { try directory.removeDirectory(path) }
                } else {
                    try directory.unlink(path)
                }
                rest()
            }
        }
    }

    /// Some of the entries: a directory is never read whole, it may be huge.
    private func nextBatch(
        of name: String
    ) throws(FileError) -> [(name: String, kind: Directory.EntryKind)] {
        var batch: [(name: String, kind: Directory.EntryKind)] = []
        do throws(FileError) {
            try directory.forEach(in: name) { bytes, kind in
                let child = String(decoding: bytes, as: UTF8.self)
                if !(kind == .file && keeps(child)) { batch.append((child, kind)) }
                return batch.count < 1_024
            }
        } catch  where error.isMissing {
            return []
        }
        return batch
    }

    private mutating func rest() {
        removed()
        count += 1
        if count.isMultiple(of: TargetLimits.trashBatch) {
            usleep(TargetLimits.trashPauseMicroseconds)
        }
    }
}

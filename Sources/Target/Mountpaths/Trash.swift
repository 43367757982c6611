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
        pool.submit { [self] in removeContents(of: BucketLayout.trash, on: mountpath) }
    }

    /// Removes the work files that no process will ever finish, some time.
    func sweep(_ mountpath: Mountpath) {
        pool.submit { [self] in
            guard let buckets = try? BucketLayout.buckets(on: mountpath.directory) else { return }
            for bucket in buckets {
                removeContents(of: BucketLayout.work(of: bucket), on: mountpath)
            }
        }
    }

    /// Lets the thread end soon; what is left is removed in the next life.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    private func removeContents(of name: String, on mountpath: Mountpath) {
        var removal = Removal(directory: mountpath.directory) { [self] in
            isStopped.load(ordering: .relaxed)
        }
        removal.keeps = { [life] in life.isOwn($0) }
        do throws(FileError) {
            try removal.removeContents(of: name)
        } catch {
            log.warning("\(mountpath.path)/\(name) could not be emptied: \(error)")
        }
    }
}

/// One directory tree being removed.
private struct Removal {
    let directory: Directory
    let mustStop: () -> Bool
    /// Names of work files that are in use.
    var keeps: (String) -> Bool = { _ in false }
    private var count = 0

    init(directory: Directory, mustStop: @escaping () -> Bool) {
        self.directory = directory
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
        count += 1
        if count.isMultiple(of: TargetLimits.trashBatch) {
            usleep(TargetLimits.trashPauseMicroseconds)
        }
    }
}

import Base
import Cluster
import Glibc
import Synchronization

/// Finds out whether a disk has failed, when requests have met errors on it, and takes it out then.
///
/// An error is a suspicion only: one bad sector is no dead disk. So a file is written, synced and removed on the mountpath, a
/// few times; what cannot do that takes no part any more (contract §17.8).
final class MountpathWatch: Sendable {
    private let control: MountpathControl
    private let table: MountpathTable
    private let pool: BlockingPool
    /// `fshc.test_files` is how often it is tried, `fshc.error_limit` how many of them must fail.
    private let config: LiveConfig
    private let log: Logger
    /// For tests, which have no disk that fails.
    private let probe: @Sendable (Mountpath) throws(FileError) -> Void
    /// Mountpaths being looked at.
    private let suspects = Mutex<Set<UInt64>>([])

    init(
        control: MountpathControl, table: MountpathTable, pool: BlockingPool, config: LiveConfig,
        log: Logger,
        probe: @escaping @Sendable (Mountpath) throws(FileError) -> Void = {
            mountpath throws(FileError) in try mountpath.probe()
        }
    ) {
        self.control = control
        self.table = table
        self.pool = pool
        self.config = config
        self.log = log
        self.probe = probe
    }

    /// A request has met this error. Does not block.
    func suspect(_ error: FileError) {
        guard Self.isOfDisk(error.number), config.values.flag("fshc.enabled"),
            let mountpath = table.current.all.first(where: {
                error.path == $0.path || error.path.hasPrefix($0.path + "/")
            })
        else { return }
        let isNew = suspects.withLock { $0.insert(mountpath.serial).inserted }
        guard isNew else { return }
        pool.submit { [self] in
            examine(mountpath, because: error)
            suspects.withLock { _ = $0.remove(mountpath.serial) }
        }
    }

    /// What a disk says that fails, and not one that is full or a name that is wrong.
    static func isOfDisk(_ number: Int32) -> Bool {
        [EIO, EROFS, ENODEV, ENXIO, EUCLEAN, ESHUTDOWN, EREMOTEIO, ENOMEDIUM].contains(number)
    }

    /// Tests a mountpath because somebody has said so, whether or not requests have met errors there. Blocks.
    func check(_ path: String) throws(MountpathRefusal) -> MountpathControl.Result {
        let mountpath = try control.present(path)
        let tests = test(mountpath)
        guard let failure = tests.failure else {
            return .found(
                "\(mountpath.path) works: \(tests.count) files written, \(tests.failed) failed")
        }
        let reason = "it failed: \(failure)"
        _ = try control.disable(mountpath.path, because: reason, mustRemember: false)
        return .found("\(mountpath.path) takes no part any more: \(reason)")
    }

    /// How many files were tried and failed; `failure` when they are too many.
    private func test(
        _ mountpath: Mountpath
    ) -> (count: Int, failed: Int, failure: FileError?) {
        let values = config.values
        let failuresMax: Int = values.number("fshc.error_limit")
        var (count, failed) = (0, 0)
        for _ in 0..<values.number("fshc.test_files", as: Int.self) {
            count += 1
            do throws(FileError) {
                try probe(mountpath)
            } catch {
                failed += 1
                if failed >= failuresMax { return (count, failed, error) }
            }
        }
        return (count, failed, nil)
    }

    private func examine(_ mountpath: Mountpath, because cause: FileError) {
        guard let last = test(mountpath).failure else {
            return log.warning("\(mountpath.path) has an error, and works otherwise: \(cause)")
        }
        do throws(MountpathRefusal) {
            _ = try control.disable(
                mountpath.path, because: "it failed: \(last)", mustRemember: false)
        } catch {
            log.error("\(mountpath.path) has failed and cannot be taken out: \(error)")
        }
    }
}

import API
import Base
import Cluster
import Glibc

/// One look at the disks that an order names: what users have there goes to the trash, if it may, and how far the trash is is found
/// out.
/// Blocks; what it does costs a few calls a disk, however much lies there.
struct RemovalPass {
    /// Directories of providers, and of what an earlier generation has left, that were moved to the trash.
    private(set) var moved = 0
    /// The same, that lie where they lay, because this pass only looks.
    private(set) var unmoved = 0
    private(set) var directoriesLeft = 0
    private(set) var blockers: [String] = []
    /// Disks that keep user data when all is done that can be: they are not the target's any more, or were not named.
    private(set) var left: [String] = []
    private var isEmptying = false

    /// Whether the disks that the order names have no user data any more, and will have none after a power loss.
    var isDone: Bool { !isEmptying && moved == 0 && unmoved == 0 && blockers.isEmpty }

    /// - Parameters:
    ///   - order: which disks are looked at.
    ///   - store: what is forgotten of what was moved.
    ///   - trash: where it is moved to.
    ///   - mayMove: whether what users have is moved; else it is counted.
    init(_ order: DecommissionOrder, _ store: ObjectStore, _ trash: Trash, mayMove: Bool) {
        let set = store.mountpaths
        for mountpath in set.all {
            do throws(FileError) {
                if order.disks.contains(mountpath.identity.description) {
                    try clear(mountpath, store, trash, mayMove)
                } else if try !Self.places(on: mountpath).isEmpty {
                    left.append(mountpath.identity.description)
                }
            } catch {
                blockers.append("mountpath \(mountpath.path): \(error)")
            }
        }
        for entry in set.disabled where order.disks.contains(entry.identity.description) {
            blockers.append(
                "mountpath \(entry.path) is disabled: enable it, or remove it and leave what it has"
            )
        }
        let known = Set(set.all.map(\.identity) + set.disabled.map(\.identity)).map(\.description)
        left += order.disks.filter { !known.contains($0) }
    }

    private mutating func clear(
        _ mountpath: Mountpath, _ store: ObjectStore, _ trash: Trash, _ mayMove: Bool
    ) throws(FileError) {
        try mountpath.checkPresence()
        let places = try Self.places(on: mountpath)
        guard mayMove || places.isEmpty else {
            unmoved += places.count
            return
        }
        for place in places {
            try trash.take(place, on: mountpath)
            moved += 1
        }
        if moved > 0 {
            store.directories.forgetNames()
            store.forgetOpenObjects()
        }
        if try trash.isEmpty(on: mountpath) {
            try mountpath.directory.syncFilesystem()
        } else {
            isEmptying = true
            directoriesLeft += try trash.count(on: mountpath)
            if let problem = trash.problem(on: mountpath) { blockers.append(problem) }
            trash.empty(mountpath)
        }
    }

    /// The directories at a mountpath's root in which users' objects are: AIStore's, by provider, and those that a forced recovery
    /// has set aside. Nothing else at the root is ours, or a user's.
    ///
    /// - Throws: for one that leads out of the mountpath.
    static func places(on mountpath: Mountpath) throws(FileError) -> [String] {
        var places: [String] = []
        let names = Provider.allCases.map { "@\($0.rawValue)" } + [BucketLayout.kept]
        for name in names {
            let status: stat
            do throws(FileError) {
                status = try mountpath.directory.status(name)
            } catch  where error.isMissing {
                continue
            }
            let path = "\(mountpath.path)/\(name)"
            switch status.st_mode & S_IFMT {
            case S_IFDIR where UInt64(status.st_dev) == mountpath.device: places.append(name)
            case S_IFDIR:
                throw FileError("remove (another filesystem is mounted there)", path, EXDEV)
            case S_IFLNK: throw FileError("remove (a symbolic link leads away)", path, ELOOP)
            default: continue
            }
        }
        return places
    }
}

import API
import Base
import Cluster

/// Takes the marks of a decommissioned target off its disks, so that they can be given to anybody, and lets its data directory
/// forget which cluster it belonged to. The last thing the process does.
///
/// The data directory goes first: as long as a disk has its mark, the next start finds out by the state that this target was
/// dismissed, and ends as this one did.
struct Dismissal {
    let data: Directory
    let log: Logger

    func carryOut(on mountpaths: [Mountpath]) {
        do throws(FileError) {
            // What was noted of mountpaths that are away has names of objects in it.
            let notes = try AbsenceFile.all(in: data)
            for name in [
                MountpathRecord.fileName, ClusterRecord.fileName, CachedStateFile.fileName,
                CachedStateFile.setAsideName,
            ] + notes {
                try Self.remove(name, in: data)
            }
            try data.sync("")
            for mountpath in mountpaths {
                try ExtendedAttribute.remove(
                    Mountpath.ownerAttribute, from: mountpath.directory.descriptor,
                    path: mountpath.path)
                try Self.remove(MountpathFile.name, in: mountpath.directory)
                try mountpath.directory.sync("")
                // Not when somebody has put something there.
                try? mountpath.directory.removeDirectory(BucketLayout.trash)
            }
            log.info("was decommissioned: its disks have no owner any more")
        } catch {
            log.error("the marks of this target stay: \(error); the next start tries again")
        }
    }

    private static func remove(_ name: String, in directory: Directory) throws(FileError) {
        do throws(FileError) {
            try directory.unlink(name)
        } catch  where error.isMissing {
        }
    }
}

import Base
import Cluster

/// The mountpaths that a target starts with: those of the command line at its first start, those it remembers from then
/// on. A disk is looked for by its identity, at every path that is known; one that is not there takes no part.
struct MountpathStart {
    let node: NodeID
    /// Those of the command line, cleaned.
    let given: [String]
    let sharesFilesystem: Bool
    let log: Logger

    /// Claims the mountpaths, and remembers what has changed about them.
    func set(in data: Directory) throws -> MountpathSet {
        guard let record = try MountpathRecord.read(in: data) else {
            let set = try first()
            try set.record.write(in: data)
            return set
        }
        let set = try resume(record)
        let known = Set(record.entries.filter { $0.absence != nil }.map(\.identity))
        for entry in set.disabled where !known.contains(entry.identity) {
            try AbsenceFile.make(for: entry.identity, in: data, isComplete: true)
        }
        if set.record != record { try set.record.write(in: data) }
        for path in given where !record.entries.contains(where: { $0.path == path }) {
            log.warning(
                "mountpath \(path) of the command line is not one of this target's: add it by "
                    + "PUT /v1/daemon/mountpaths")
        }
        return set
    }

    /// The set of the command line. Disks may have been in use before, with a record that is lost: then it is not known which
    /// of them were away when, and the worst is assumed.
    private func first() throws(MountpathError) -> MountpathSet {
        let set = try MountpathSet(claiming: given, for: node, sharesFilesystem: sharesFilesystem)
        let edition = set.all.map(\.foundEdition).max() ?? 0
        guard edition > 0 else { return set }
        log.warning("the record of the mountpaths is lost; objects are looked for on all of them")
        return MountpathSet(set.all, edition: edition + 1, isScattered: true, hasReturned: true)
    }

    private func resume(_ record: MountpathRecord) throws(MountpathError) -> MountpathSet {
        let found = places(record.entries.map(\.path) + given)
        let taking = record.entries.filter { $0.absence == nil }
        var all: [Mountpath] = []
        var disabled = record.entries.filter { $0.absence != nil }
        var isChanged = false
        for entry in taking {
            guard let paths = found[entry.identity], let first = paths.first else {
                log.error(
                    "the disk \(entry.identity) of mountpath \(entry.path) is not there: its "
                        + "objects are unavailable; mount it and enable the mountpath")
                disabled.append(absent(entry, among: taking, record))
                isChanged = true
                continue
            }
            let path = paths.contains(entry.path) ? entry.path : first
            if path != entry.path {
                log.warning(
                    "the disk \(entry.identity) of mountpath \(entry.path) is at \(path) now")
                isChanged = true
            }
            try MountpathSet.checkPlace(path, among: all.map(\.path))
            let mountpath = try Mountpath(claiming: path, for: node, expecting: entry.identity)
            try MountpathSet.checkDisk(mountpath, among: all, sharesFilesystem: sharesFilesystem)
            all.append(mountpath)
        }
        return MountpathSet(
            all, disabled: disabled, edition: record.edition + (isChanged ? 1 : 0),
            isScattered: record.isScattered || isChanged, hasReturned: record.hasReturned)
    }

    private func absent(
        _ entry: MountpathRecord.Entry, among taking: [MountpathRecord.Entry],
        _ record: MountpathRecord
    ) -> MountpathRecord.Entry {
        var entry = entry
        entry.absence = MountpathRecord.Absence(
            reason: "its disk was not there when the target started",
            isScattered: record.isScattered,
            rivals: taking.filter { $0.identity != entry.identity }.map {
                Placement.digest($0.path)
            })
        return entry
    }

    /// Which disk is where.
    private func places(_ paths: [String]) -> [MountpathIdentity: [String]] {
        var places: [MountpathIdentity: [String]] = [:]
        for path in paths {
            guard let directory = try? Directory(opening: path),
                let identity = try? MountpathFile.read(in: directory)?.identity
            else { continue }
            if places[identity]?.contains(path) != true {
                places[identity, default: []].append(path)
            }
        }
        return places
    }
}

import Cluster
import Glibc

/// The mountpaths of a target at one moment; an immutable value, which a request takes once and keeps.
///
/// An object belongs on the mountpath with the highest random weight among those that take part. After a change of the set
/// it may still lie where it belonged before: then all are looked at (decision 0021).
struct MountpathSet: Sendable {
    /// Those that take part.
    let all: [Mountpath]
    /// Those that do not, and whose objects are unavailable.
    let disabled: [MountpathRecord.Entry]
    let edition: UInt64
    let isScattered: Bool
    let hasReturned: Bool

    init(
        _ all: [Mountpath], disabled: [MountpathRecord.Entry] = [], edition: UInt64 = 0,
        isScattered: Bool = false, hasReturned: Bool = false
    ) {
        self.all = all
        self.disabled = disabled
        self.edition = edition
        self.isScattered = isScattered
        self.hasReturned = hasReturned
    }

    /// Claims the directories, in the order given.
    init(
        claiming paths: [String], for node: NodeID, sharesFilesystem: Bool = true
    ) throws(MountpathError) {
        let cleaned = paths.map { Mountpath.cleaned($0) }
        var all: [Mountpath] = []
        for (place, path) in cleaned.enumerated() {
            try Self.checkPlace(path, among: Array(cleaned[..<place]))
        }
        for path in cleaned {
            let mountpath = try Mountpath(claiming: path, for: node)
            try Self.checkDisk(mountpath, among: all, sharesFilesystem: sharesFilesystem)
            all.append(mountpath)
        }
        self.init(all)
    }

    /// Refuses a path that leads to, into or around one of the others.
    static func checkPlace(_ path: String, among others: [String]) throws(MountpathError) {
        let real = realPath(path)
        for other in others {
            let present = realPath(other)
            if real == present { throw .same(other, path) }
            if isInside(real, present) { throw .nested(path, inside: other) }
            if isInside(present, real) { throw .nested(other, inside: path) }
        }
    }

    /// Refuses a disk that is among the others already: under another name, or as a filesystem.
    static func checkDisk(
        _ mountpath: Mountpath, among others: [Mountpath], sharesFilesystem: Bool
    ) throws(MountpathError) {
        try checkDisk(
            mountpath.path, mountpath.identity, on: mountpath.device, among: others,
            sharesFilesystem: sharesFilesystem)
    }

    /// The same of a disk that is not taken yet.
    static func checkDisk(
        _ path: String, _ identity: MountpathIdentity, on device: UInt64,
        among others: [Mountpath], sharesFilesystem: Bool
    ) throws(MountpathError) {
        for other in others {
            if other.identity == identity { throw .same(other.path, path) }
            guard sharesFilesystem || other.device != device else {
                throw .sameFilesystem(path, other.path)
            }
        }
    }

    private static func isInside(_ inner: String, _ outer: String) -> Bool {
        inner.hasPrefix(outer == "/" ? "/" : outer + "/")
    }

    // MARK: Placement

    /// The mountpath an object belongs on: highest random weight over their paths' digests, the later one of equals;
    /// `nil` when none takes part.
    func owner(of digest: UInt64) -> Mountpath? {
        guard var best = all.first else { return nil }
        var bestWeight = Placement.weight(best.digest, digest)
        for mountpath in all.dropFirst() {
            let weight = Placement.weight(mountpath.digest, digest)
            if weight >= bestWeight {
                best = mountpath
                bestWeight = weight
            }
        }
        return best
    }

    /// Where an object may lie: where it belongs first.
    func places(of digest: UInt64) -> [Mountpath] {
        guard let owner = owner(of: digest) else { return [] }
        return isScattered ? [owner] + all.filter { $0 !== owner } : [owner]
    }

    /// The mountpaths that take no part and may hold the object.
    func absentPlaces(of digest: UInt64) -> [MountpathRecord.Entry] {
        disabled.filter { entry in
            guard let absence = entry.absence else { return false }
            if absence.isScattered { return true }
            let weight = Placement.weight(Placement.digest(entry.path), digest)
            return absence.rivals.allSatisfy { Placement.weight($0, digest) <= weight }
        }
    }

    /// Writes the edition on the disks; a disk that does not take it has the older one, which does no harm.
    func stamp() {
        for mountpath in all {
            let file = MountpathFile(mountpath.identity, edition: edition)
            try? file.write(in: mountpath.directory)
        }
    }

    func contains(_ mountpath: Mountpath) -> Bool { all.contains { $0 === mountpath } }

    /// What is remembered of the set.
    var record: MountpathRecord {
        var record = MountpathRecord()
        record.edition = edition
        record.isScattered = isScattered
        record.hasReturned = hasReturned
        record.entries =
            all.map { MountpathRecord.Entry(identity: $0.identity, path: $0.path) } + disabled
        return record
    }

    /// Symbolic links resolved, so that one directory under two names is noticed.
    private static func realPath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

// MARK: - The next set

extension MountpathSet {
    /// The set with another mountpath. One that brings objects along may bring older copies of some.
    func adding(_ mountpath: Mountpath, bringsObjects: Bool) -> MountpathSet {
        MountpathSet(
            all + [mountpath], disabled: disabled.filter { $0.identity != mountpath.identity },
            edition: max(edition, mountpath.foundEdition) + 1, isScattered: true,
            hasReturned: hasReturned || bringsObjects)
    }

    /// The set in which a mountpath takes no part, and its objects are unavailable.
    func disabling(_ mountpath: Mountpath, because reason: String) -> MountpathSet {
        let rest = all.filter { $0 !== mountpath }
        let absence = MountpathRecord.Absence(
            reason: reason, isScattered: isScattered, rivals: rest.map(\.digest))
        let entry = MountpathRecord.Entry(
            identity: mountpath.identity, path: mountpath.path, absence: absence)
        return MountpathSet(
            rest, disabled: disabled + [entry], edition: edition + 1, isScattered: true,
            hasReturned: hasReturned)
    }

    /// The set that knows nothing of a mountpath.
    func removing(_ path: String) -> MountpathSet {
        MountpathSet(
            all.filter { $0.path != path }, disabled: disabled.filter { $0.path != path },
            edition: edition + 1, isScattered: true, hasReturned: hasReturned)
    }
}

import Base
import Cluster
import Glibc
import Synchronization

/// Changes which mountpaths take part, while requests run. Blocks; one change at a time.
///
/// Of every change: what is remembered is written first, then the set is replaced in one step, then everything is let go
/// that was opened under the old one. Requests under way finish by the set they took; a PUT is acknowledged only if its
/// mountpath takes part at its end (decision 0021).
final class MountpathControl: Sendable {
    enum Result: Equatable, Sendable {
        case done
        case alreadySo
        /// Somebody has looked at the disk, and this is what there is to say.
        case found(String)
    }

    private let node: NodeID
    private let store: ObjectStore
    private let trash: Trash
    /// Where the record is.
    private let data: Directory
    private let sharesFilesystem: Bool
    private let log: Logger
    /// Told of every change, by whoever made it.
    private let report: @Sendable (MountpathNote) -> Void
    private let changing = Mutex(())

    init(
        node: NodeID, store: ObjectStore, trash: Trash, data: Directory, sharesFilesystem: Bool,
        log: Logger, report: @escaping @Sendable (MountpathNote) -> Void
    ) {
        self.node = node
        self.store = store
        self.trash = trash
        self.data = data
        self.sharesFilesystem = sharesFilesystem
        self.log = log
        self.report = report
    }

    // MARK: Changes

    /// Takes a directory in. One that was a mountpath here before, under whatever path, is recognised.
    func add(_ path: String) throws(MountpathRefusal) { _ = try make(.add, path) }

    func enable(_ path: String) throws(MountpathRefusal) -> Result { try make(.enable, path) }

    /// Takes a mountpath out; its objects are unavailable from here on.
    ///
    /// One that has failed is taken out even if that cannot be remembered (`mustRemember`): the next start finds out anew.
    func disable(
        _ path: String, because reason: String, mustRemember: Bool = true
    ) throws(MountpathRefusal) -> Result {
        try make(.disable, path, because: reason, mustRemember: mustRemember)
    }

    /// Takes a mountpath out for good: its objects are given up, here; on the disk they stay.
    func remove(_ path: String) throws(MountpathRefusal) { _ = try make(.remove, path) }

    enum Change: Sendable {
        case add
        case enable
        case disable
        case remove
    }

    /// What a change comes to, as far as the set of mountpaths says it.
    private enum Step {
        case nothing
        /// With the identity that the disk must have.
        case join(expecting: MountpathIdentity?)
        case leave(Mountpath)
        /// With the mountpath, if it takes part.
        case forget(Mountpath?, MountpathIdentity)
    }

    private static func step(
        _ change: Change, _ path: String, _ set: MountpathSet
    ) throws(MountpathRefusal) -> Step {
        let present = set.all.first { $0.path == path }
        let absent = set.disabled.first { $0.path == path }
        switch change {
        case .add:
            guard present == nil else { throw .exists(path) }
            guard absent == nil else { throw .isDisabled(path) }
            return .join(expecting: nil)
        case .enable:
            guard present == nil else { return .nothing }
            guard let absent else { throw .unknown(path) }
            return .join(expecting: absent.identity)
        case .disable:
            guard absent == nil else { return .nothing }
            guard let present else { throw .unknown(path) }
            return .leave(present)
        case .remove:
            guard let identity = present?.identity ?? absent?.identity else {
                throw .unknown(path)
            }
            return .forget(present, identity)
        }
    }

    private func make(
        _ change: Change, _ path: String, because reason: String = "", mustRemember: Bool = true
    ) throws(MountpathRefusal) -> Result {
        try alone { () throws(MountpathRefusal) in
            let path = try Self.checked(path)
            let set = store.mountpaths
            switch try Self.step(change, path, set) {
            case .nothing: return .alreadySo
            case .join(let expected): try join(try claim(path, expecting: expected, set), set)
            case .leave(let mountpath):
                try leave(
                    mountpath, set.disabling(mountpath, because: reason),
                    mustRemember: mustRemember)
                log.warning("mountpath \(path) takes no part any more: \(reason)")
                note(path, mountpath.identity, isDisabled: true, reason)
            case .forget(let present, let identity):
                try leave(present, set.removing(path), mustRemember: true)
                store.absences.end(identity)
                log.warning("mountpath \(path) was removed; what lies there is given up")
                note(
                    path, identity, isDisabled: true, "it was removed; what lies there is given up")
            }
            return .done
        }
    }

    /// How many mountpaths take part, before and after a change that is not made.
    struct Rehearsal: Equatable, Sendable {
        /// The path without what it has too much.
        let path: String
        let result: Result
        let takingPart: Int
        let takingPartThen: Int
    }

    /// What a change would come to, by its own checks; nothing is written that stays. What only the change can find is left out:
    /// that a bucket's directory on the disk cannot be settled, or that the record of the mountpaths cannot be written.
    ///
    /// It looks at the set as it is, and holds no change up: the disk that is tried out may hang.
    func rehearse(_ change: Change, _ path: String) throws(MountpathRefusal) -> Rehearsal {
        let path = try Self.checked(path)
        let set = store.mountpaths
        let step = try Self.step(change, path, set)
        var then = set.all.count
        switch step {
        case .nothing, .forget(nil, _): break
        case .join(let expected):
            try inspect(path, expecting: expected, set)
            then += 1
        case .leave, .forget: then -= 1
        }
        var result = Result.done
        if case .nothing = step { result = .alreadySo }
        return Rehearsal(
            path: path, result: result, takingPart: set.all.count, takingPartThen: then)
    }

    /// Reads anew from the disk what this process knows of a mountpath, as if the target had been started again: which disk it is,
    /// and what its buckets' directories are; files that are open for reading are let go, and work files that nobody will finish
    /// are removed. A disk that is not there, or is another one, takes no part any more.
    func rescan(_ path: String) throws(MountpathRefusal) -> Result {
        let mountpath = try present(path)
        let trouble: String?
        do throws(FileError) {
            try mountpath.checkPresence()
            let found = try MountpathFile.read(in: mountpath.directory)?.identity
            trouble =
                found == mountpath.identity
                ? nil
                : "it is not the disk \(mountpath.identity) any more, but "
                    + (found.map { "\($0)" } ?? "one that was never a mountpath")
        } catch {
            trouble = "it cannot be read: \(error)"
        }
        if let trouble {
            _ = try disable(path, because: trouble, mustRemember: false)
            return .found("\(path) takes no part any more: \(trouble)")
        }
        return try alone { () throws(MountpathRefusal) in
            do throws(FileError) {
                try store.directories.reconcile()
            } catch {
                throw .file(error)
            }
            store.directories.forgetNames()
            store.forgetOpenObjects()
            trash.sweep(mountpath)
            trash.empty(mountpath)
            log.info("mountpath \(mountpath.path) was looked at anew, disk \(mountpath.identity)")
            return .done
        }
    }

    /// The mountpath of this path that takes part.
    func present(_ path: String) throws(MountpathRefusal) -> Mountpath {
        let path = try Self.checked(path)
        let set = store.mountpaths
        if let mountpath = set.all.first(where: { $0.path == path }) { return mountpath }
        throw set.disabled.contains { $0.path == path } ? .takesNoPart(path) : .unknown(path)
    }

    /// What any of the changes would refuse without looking at the disk.
    static func checked(_ path: String) throws(MountpathRefusal) -> String {
        guard path.hasPrefix("/") else { throw .badPath(path, "is not absolute") }
        guard path.utf8.count <= MountpathNote.pathBytesMax else {
            throw .badPath(path, "is longer than \(MountpathNote.pathBytesMax) bytes")
        }
        let cleaned = Mountpath.cleaned(path)
        guard cleaned != "/" else { throw .badPath(path, "is the root directory") }
        return cleaned
    }

    // MARK: Steps

    private func alone<Value>(
        _ body: () throws(MountpathRefusal) -> Value
    ) throws(MountpathRefusal) -> Value {
        let result = changing.withLock { _ -> Swift.Result<Value, MountpathRefusal> in
            do throws(MountpathRefusal) {
                return .success(try body())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// What ``claim(_:expecting:_:)`` does, as far as nothing is left of it.
    private func inspect(
        _ path: String, expecting identity: MountpathIdentity?, _ set: MountpathSet
    ) throws(MountpathRefusal) {
        let candidate: MountpathCandidate
        do throws(MountpathError) {
            try MountpathSet.checkPlace(path, among: set.all.map(\.path))
            candidate = try MountpathCandidate(path, for: node, expecting: identity, isKept: false)
            try MountpathSet.checkDisk(
                path, candidate.identity, on: candidate.device, among: set.all,
                sharesFilesystem: sharesFilesystem)
        } catch {
            throw .claim(error)
        }
        try candidate.tryOut()
    }

    private func claim(
        _ path: String, expecting identity: MountpathIdentity?, _ set: MountpathSet
    ) throws(MountpathRefusal) -> Mountpath {
        let mountpath: Mountpath
        do throws(MountpathError) {
            try MountpathSet.checkPlace(path, among: set.all.map(\.path))
            mountpath = try Mountpath(claiming: path, for: node, expecting: identity)
            try MountpathSet.checkDisk(
                mountpath, among: set.all, sharesFilesystem: sharesFilesystem)
        } catch {
            throw .claim(error)
        }
        do throws(FileError) {
            try mountpath.probe()
            return mountpath
        } catch {
            throw .file(error)
        }
    }

    private func join(_ mountpath: Mountpath, _ set: MountpathSet) throws(MountpathRefusal) {
        let isSettled: Bool
        let bringsObjects: Bool
        var returning = ReturningMountpath(mountpath)
        do throws(FileError) {
            bringsObjects = try !BucketLayout.buckets(on: mountpath.directory).isEmpty
            let next = set.adding(mountpath, bringsObjects: bringsObjects)
            isSettled = try admit(&returning, others: set.all) { () throws(FileError) in
                try next.record.write(in: data)
                store.table.replace(by: next)
            }
        } catch {
            store.absences.giveUp(mountpath.identity)
            throw .file(error)
        }
        guard isSettled else {
            store.absences.giveUp(mountpath.identity)
            throw .unsettled(mountpath.path)
        }
        if returning.removed > 0 {
            log.info(
                "\(returning.removed) objects of \(mountpath.path) had been replaced or removed while it was away"
            )
        }
        store.forgetOpenObjects()
        store.mountpaths.stamp()
        trash.sweep(mountpath)
        trash.empty(mountpath)
        log.info(
            "mountpath \(mountpath.path), disk \(mountpath.identity), takes part"
                + (bringsObjects ? ", with the objects it has" : "") + "; \(mountpath.traits)")
        note(mountpath.path, mountpath.identity, isDisabled: false, "")
    }

    /// Settles a mountpath, takes from it what was replaced or removed while it was away, and has it take part (`join`).
    private func admit(
        _ returning: inout ReturningMountpath, others: [Mountpath],
        _ join: () throws(FileError) -> Void
    ) throws(FileError) -> Bool {
        let mountpath = returning.mountpath
        var progress = AbsenceLog.Progress()
        var stale = returning
        let isSettled = try store.directories.admit(
            mountpath,
            prepare: { (state) throws(FileError) in
                progress = try store.absences.prepare(mountpath.identity) {
                    (records) throws(FileError) in try stale.take(records, in: state)
                }
                if progress.needsComparison { try stale.compare(with: others, in: state) }
            },
            join: { (state) throws(FileError) in
                try store.absences.finish(
                    mountpath.identity, progress,
                    { (records) throws(FileError) in try stale.take(records, in: state) },
                    join: join)
            })
        returning = stale
        return isSettled
    }

    private func leave(
        _ mountpath: Mountpath?, _ next: MountpathSet, mustRemember: Bool
    ) throws(MountpathRefusal) {
        do throws(FileError) {
            for entry in next.disabled where entry.identity == mountpath?.identity {
                try store.absences.begin(entry.identity)
            }
            try next.record.write(in: data)
        } catch {
            guard !mustRemember else { throw .file(error) }
            log.error("what becomes of the mountpaths cannot be remembered: \(error)")
        }
        store.directories.dismiss { store.table.replace(by: next) }
        store.forgetOpenObjects()
        // Whoever uses it still holds the directory open; but it may be claimed again at once.
        mountpath?.release()
        next.stamp()
    }

    private func note(
        _ path: String, _ identity: MountpathIdentity, isDisabled: Bool, _ reason: String
    ) {
        let reason = String(
            decoding: reason.utf8.prefix(MountpathNote.reasonBytesMax - 3), as: UTF8.self)
        report(
            MountpathNote(
                path: path, disk: identity.description, isDisabled: isDisabled, reason: reason))
    }
}

/// Why the set of mountpaths was not changed.
enum MountpathRefusal: Error, Equatable, Sendable {
    case badPath(String, String)
    case unknown(String)
    case exists(String)
    case isDisabled(String)
    /// What takes no part is not looked at.
    case takesNoPart(String)
    case claim(MountpathError)
    /// A bucket's directory on it is in no state to be used.
    case unsettled(String)
    case file(FileError)
}

import Base
import Cluster
import Glibc
import Synchronization

/// Keeps what was written and removed while mountpaths are away, so that no older copy comes back with them (decision 0021).
///
/// For each mountpath that takes no part there is an ``AbsenceFile``. When the mountpath returns, what stands there goes from it
/// before it takes part (``ReturningMountpath``).
final class AbsenceLog: Sendable {
    /// What became of a note.
    enum Outcome: Equatable, Sendable {
        /// It is kept, and survives power loss if that was asked for.
        case noted
        /// There is no room, or the data directory cannot be written.
        case full
        /// One of the mountpaths is not away any more: look at the set again.
        case changed
    }

    private struct Absence {
        /// `nil` when the data directory could not be written.
        var file: AbsenceFile?
        var isReturning = false
    }

    private let data: Directory
    private let bytesMax: Int
    private let log: Logger
    private let absences = Mutex<[MountpathIdentity: Absence]>([:])

    /// Opens the files of those that are away, and removes all others: those mountpaths took part when the last process ended.
    init(
        _ data: Directory, disabled: [MountpathRecord.Entry],
        bytesMax: Int = TargetLimits.absenceBytesMax, log: Logger
    ) {
        self.data = data
        self.bytesMax = bytesMax
        self.log = log
        let kept = Set(disabled.map { AbsenceFile.name(of: $0.identity) })
        for name in (try? AbsenceFile.all(in: data)) ?? [] where !kept.contains(name) {
            try? data.unlink(name)
        }
        for entry in disabled { open(entry) }
    }

    private func open(_ entry: MountpathRecord.Entry) {
        let file: AbsenceFile?
        do throws(FileError) {
            do throws(FileError) {
                file = try AbsenceFile(of: entry.identity, in: data)
            } catch {
                guard error.isMissing || error.number == EBADMSG else { throw error }
                // It left under an older build, or what was noted is lost.
                log.warning(
                    "what was written and removed since mountpath \(entry.path) left is not known: \(error)"
                )
                try AbsenceFile.make(for: entry.identity, in: data, isComplete: false)
                file = try AbsenceFile(of: entry.identity, in: data)
            }
        } catch {
            log.error("nothing can be noted for mountpath \(entry.path): \(error)")
            file = nil
        }
        absences.withLock { $0[entry.identity] = Absence(file: file) }
    }

    // MARK: Leaving

    /// To be called before a mountpath leaves the set.
    func begin(_ identity: MountpathIdentity) throws(FileError) {
        var absence = Absence()
        defer { absences.withLock { $0[identity] = absence } }
        try AbsenceFile.make(for: identity, in: data, isComplete: true)
        absence.file = try AbsenceFile(of: identity, in: data)
    }

    /// Forgets what was noted for a mountpath.
    func end(_ identity: MountpathIdentity) {
        absences.withLock { $0[identity] = nil }
        // One that stays is removed by the next start.
        try? data.unlink(AbsenceFile.name(of: identity))
    }

    // MARK: Notes

    /// Whether what a mountpath that is away has of this name counts no more.
    func isVoid(_ digest: UInt64, on identity: MountpathIdentity) -> Bool {
        absences.withLock { $0[identity]?.file?.digests.contains(digest) ?? false }
    }

    /// Notes that what these mountpaths have of an object counts no more.
    func note(
        _ record: AbsenceFile.Record, for identities: [MountpathIdentity], durable: Bool
    ) throws(FileError) -> Outcome {
        let digest = record.key.digest
        var outcome = Outcome.noted
        for identity in identities {
            let (result, file) = absences.withLock { absences in
                Self.note(record, digest, &absences[identity], bytesMax: bytesMax)
            }
            if durable, let file, fdatasync(file.number) != 0 {
                throw FileError(
                    "fdatasync", "\(data.path)/\(AbsenceFile.name(of: identity))", errno)
            }
            if result == .changed { return .changed }
            if result == .full { outcome = .full }
        }
        return outcome
    }

    private static func note(
        _ record: AbsenceFile.Record, _ digest: UInt64, _ absence: inout Absence?, bytesMax: Int
    ) -> (Outcome, FileDescriptor?) {
        guard let isReturning = absence?.isReturning else { return (.changed, nil) }
        guard let file = absence?.file else { return (.full, nil) }
        // The mountpath is away all the time: once is enough. Whoever noted it may still be waiting for the sync.
        if file.digests.contains(digest) { return (.noted, file.descriptor) }
        // While one returns, what is noted last must find room: there is no second look.
        guard file.end < (isReturning ? 2 : 1) * bytesMax else { return (.full, nil) }
        let descriptor = file.descriptor
        do throws(FileError) {
            try absence?.file?.append(record)
            return (.noted, descriptor)
        } catch {
            return (.full, nil)
        }
    }

    /// Remembers that something was written that could not be noted: copies are compared when these return.
    func miss(_ identities: [MountpathIdentity]) {
        absences.withLock { absences in
            for identity in identities {
                do throws(FileError) {
                    try absences[identity]?.file?.markIncomplete()
                } catch {
                    log.error("\(error)")
                }
            }
        }
    }

    // MARK: Returning

    /// How far what was noted has been carried out on a mountpath that returns.
    struct Progress {
        fileprivate var place: (offset: Int, checksum: UInt64)?
        /// Whether copies have to be compared, because not all was noted.
        fileprivate(set) var needsComparison = false
    }

    /// Carries out what is noted so far, while more may come; blocks nobody.
    func prepare(
        _ identity: MountpathIdentity, _ apply: ([AbsenceFile.Record]) throws(FileError) -> Void
    ) throws(FileError) -> Progress {
        var progress = Progress()
        let isKnown = absences.withLock { absences in
            guard let absence = absences[identity] else { return false }
            absences[identity]?.isReturning = true
            progress.needsComparison = !(absence.file?.isComplete ?? false)
            return true
        }
        guard isKnown else { return progress }
        let taken = absences.withLock { Self.take($0[identity]?.file, nil, identity) }
        let (records, next) = try taken.get()
        progress.place = next
        try apply(records)
        return progress
    }

    private typealias Taken = (
        records: [AbsenceFile.Record], next: (offset: Int, checksum: UInt64)?
    )

    private static func take(
        _ file: AbsenceFile?, _ place: (offset: Int, checksum: UInt64)?,
        _ identity: MountpathIdentity
    ) -> Result<Taken, FileError> {
        guard let file else { return .success(([], place)) }
        do throws(FileError) {
            let read = try file.records(from: place, of: identity)
            return .success((read.records, read.next))
        } catch {
            return .failure(error)
        }
    }

    /// Carries out the rest, and has the mountpath take part at a moment at which nothing is left: who notes something afterwards is
    /// told to look at the set again.
    func finish(
        _ identity: MountpathIdentity, _ progress: Progress,
        _ apply: ([AbsenceFile.Record]) throws(FileError) -> Void,
        join: () throws(FileError) -> Void
    ) throws(FileError) {
        let result = absences.withLock { absences -> Result<Void, FileError> in
            do throws(FileError) {
                let rest = Self.take(absences[identity]?.file, progress.place, identity)
                try apply(try rest.get().records)
                try join()
                absences[identity] = nil
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
        end(identity)
    }

    /// The mountpath does not come back after all.
    func giveUp(_ identity: MountpathIdentity) {
        absences.withLock { $0[identity]?.isReturning = false }
    }
}

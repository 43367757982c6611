import Base
import CSQLite
package import Consensus
import Glibc

/// The files of one replica in a proxy's data directory, and what to do when they are not as they were left.
///
/// | found | done |
/// |---|---|
/// | database below the floor, or gone | the member keeps quiet until it has caught up (``Consensus/RecoveredState/floor``) |
/// | database damaged | it is set aside; the same |
/// | no room to open what is there | opened without the reserve |
/// | floor gone, or damaged as a whole | the database is set aside, and another member begins |
/// | no floor yet, an older build's database | a floor is begun |
/// | a newer format, another program's file, contradictions | refused, nothing is touched |
/// | a state, or an entry that says who votes, that this version cannot read | the same |
package enum MetadataDirectory {
    package struct Opened {
        package let log: SQLiteLog
        package let recovered: RecoveredState<Catalog>
        /// What was not as it should be, for the operator.
        package let findings: [String]

        package init(
            log: SQLiteLog, recovered: RecoveredState<Catalog>, findings: [String]
        ) {
            self.log = log
            self.recovered = recovered
            self.findings = findings
        }
    }

    /// Of the files that were set aside, so many are kept.
    private static let keptMax = 8

    /// Opens what is there.
    ///
    /// - Parameters:
    ///   - directory: the data directory; it must exist.
    ///   - mayBeginAfresh: whether there are others to join, should nothing be left of what this member was.
    ///   - newMember: the replica's name, should nothing of an earlier one be left.
    /// - Returns: the log, what it holds, and what was not as it should be.
    /// - Throws: when the files are not to be used, and not to be touched either.
    package static func open(
        _ directory: String, mayBeginAfresh: Bool, newMember: () -> MemberID
    ) throws -> Opened {
        let path = "\(directory)/\(SQLiteLog.fileName)"
        let floorPath = "\(directory)/\(FloorFile.fileName)"
        let reserve = try ReserveFile(path: "\(directory)/\(ReserveFile.fileName)")
        var findings: [String] = []
        if access(path, F_OK) != 0, hasFloor(floorPath) { findings.append("\(path) is gone") }
        while true {
            do throws(DatabaseError) {
                return try reserve.sparing { () throws(DatabaseError) in
                    try open(directory, path, floorPath, reserve, newMember, findings)
                }
            } catch {
                let hasFloor = hasFloor(floorPath)
                let isOurs = hasFloor && error.code & 0xFF == SQLITE_NOTADB
                guard findings.count < 3, hasFloor || mayBeginAfresh,
                    error.kind == .corrupt || error.kind == .floorMissing || isOurs
                else { throw error }
                var files = [path]
                if !hasFloor { files.append(floorPath) }
                let kept = try setAside(files)
                findings.append(
                    "\(error); it is kept as \(kept)"
                        + (hasFloor ? "" : ", and this proxy begins again as another member"))
            }
        }
    }

    private static func open(
        _ directory: String, _ path: String, _ floorPath: String, _ reserve: ReserveFile,
        _ newMember: () -> MemberID, _ findings: [String]
    ) throws(DatabaseError) -> Opened {
        let log = try SQLiteLog(
            path: path, newMember: newMember(), floor: try FloorFile(path: floorPath),
            space: reserve)
        let recovered: RecoveredState<Catalog>
        do {
            recovered = try log.load()
        } catch let error as DatabaseError {
            throw error
        } catch {
            // Well stored, and not to be understood.
            let isNewer = Catalog.isNewer(error)
            throw DatabaseError(
                kind: .foreign, code: 0,
                message: "\(path): \(error)"
                    + (isNewer
                        ? "; a later version has written it: upgrade this proxy"
                        : stateRemedy(directory)))
        }
        if let (entry, trouble) = recovered.unreadableVoters {
            throw DatabaseError(
                kind: .foreign, code: 0,
                message:
                    "\(path): log entry \(entry.index) of term \(entry.term) says who votes, and this version cannot read it: \(trouble). A proxy "
                    + "that does not know who votes must neither vote nor lead, so it does not start; "
                    + (trouble.isNewer
                        ? "a later version has written the entry: upgrade this proxy"
                        : voterRemedy(directory, entry.index)))
        }
        var findings = findings
        if let floor = recovered.floor {
            findings.append(
                "\(path) ends at entry \(recovered.lastIndex), and this member has confirmed entry "
                    + "\(floor.index) of term \(floor.term)")
        }
        return Opened(log: log, recovered: recovered, findings: findings)
    }

    private static func stateRemedy(_ directory: String) -> String {
        "; it is not damaged, and this version cannot read it. 'martlet recovery repair \(directory)' says from where the state can be had again"
    }

    private static func voterRemedy(_ directory: String, _ index: Index) -> String {
        "it is not damaged. While a majority of the other proxies serves, move this directory away, and join with an empty one; when none of "
            + "them can be started either, see at one of them 'martlet recovery repair \(directory)', then 'martlet recovery repair "
            + "\(directory) --truncate-at \(index)'"
    }

    /// Sets the database aside and keeps what was promised: the member takes everything from the others when it is started, and does
    /// not vote, lead or count before it has what it had confirmed.
    ///
    /// - Parameter directory: the data directory; no process runs in it.
    /// - Returns: the name that the database has now.
    /// - Throws: when there is no floor, so that another member would begin; nothing was touched then.
    package static func forgetDatabase(in directory: String) throws(DatabaseError) -> String {
        let floorPath = "\(directory)/\(FloorFile.fileName)"
        guard hasFloor(floorPath) else {
            throw DatabaseError(
                kind: .floorMissing, code: 0, message: "\(floorPath) does not say what was promised"
            )
        }
        return try setAside(["\(directory)/\(SQLiteLog.fileName)"])
    }

    private static func hasFloor(_ path: String) -> Bool {
        guard access(path, F_OK) == 0, let file = try? FloorFile(path: path) else { return false }
        return (try? FloorKeeper(file).floor) != nil
    }

    /// The database that was set aside last, if any is there.
    package static func newestSetAside(in directory: String) -> String? {
        let path = "\(directory)/\(SQLiteLog.fileName)"
        return (1...keptMax).reversed().map { "\(path).damaged-\($0)" }.first {
            access($0, F_OK) == 0
        }
    }

    /// Renames a file, and a database's write-ahead file with it.
    private static func setAside(_ files: [String]) throws(DatabaseError) -> String {
        let number = (1...keptMax).first { access("\(files[0]).damaged-\($0)", F_OK) != 0 }
        // The newest tells what is wrong with the disk now; the first, how it began.
        let suffix = ".damaged-\(number ?? keptMax)"
        for file in files {
            for part in ["", "-wal"] where access(file + part, F_OK) == 0 {
                guard rename(file + part, file + suffix + part) == 0 else {
                    let reason = String(cString: strerror(errno))
                    throw DatabaseError(
                        kind: .inputOutput, code: errno,
                        message: "cannot rename \(file + part): \(reason)")
                }
            }
        }
        return files[0] + suffix
    }
}

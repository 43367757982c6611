import CSQLite
import Glibc

/// The one connection to a database file, and the only place that calls SQLite.
///
/// The file is held exclusively (locking mode EXCLUSIVE, set before the first access): no second connection can exist, in
/// this process or another, so nobody but this connection can write or checkpoint. That is what makes SQLite's WAL-reset
/// defect (3.7.0 to 3.51.2, a race between two connections) impossible here; see docs/decisions/0002.
final class Database {
    /// `MRTL`, in the file's header: tells our files from everybody else's.
    private static let applicationID: Int32 = 0x4D52_544C
    private static let schemaVersion: Int32 = 4
    /// Pages of the write-ahead file at which a checkpoint is made at the latest: about 4 MiB, rare enough to stay off most commits,
    /// small enough to be quick.
    static let logPagesMax = 1_000
    /// A header, and for each page a header of its own (https://sqlite.org/fileformat2.html, section 4), with room for the transaction that
    /// goes beyond.
    private static let logBytes = off_t(32 + (logPagesMax + 32) * (24 + 4_096))

    let path: String
    private let handle: OpaquePointer
    /// SQLite's name of the file system; `nil`: the operating system's.
    private let vfs: String?
    /// The file again, to tell the kernel what to forget of it; -1 where it is not a file of the operating system. Kept open to the end:
    /// closing any descriptor of the file would take SQLite's lock on it away (POSIX).
    private let file: Int32
    private var statements: [String: Statement] = [:]
    /// Pages in the write-ahead file, as of the last commit; none of them need be in the file itself yet.
    private(set) var logPages = 0

    /// Opens or creates the database at `path`, and refuses one that would be less durable than it must be.
    ///
    /// - Parameters:
    ///   - path: the file; its directory must exist.
    ///   - vfs: the name of the SQLite file system to use; `nil` for the operating system's.
    ///   - isReadOnly: the file must exist, and is left as it is.
    /// - Throws: ``DatabaseError``; a file that was refused has not been changed.
    init(path: String, vfs: String? = nil, isReadOnly: Bool = false) throws(DatabaseError) {
        var handle: OpaquePointer?
        try Self.refuseLibrary(sqlite3_libversion_number())
        let access =
            isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let flags = access | SQLITE_OPEN_NOMUTEX
        let code = sqlite3_open_v2(path, &handle, flags, vfs)
        guard code == SQLITE_OK, let handle else {
            let error = Self.error(code, handle, "cannot open", path)
            sqlite3_close(handle)
            throw error
        }
        self.path = path
        self.handle = handle
        self.vfs = vfs
        file = vfs == nil ? Glibc.open(path, O_RDONLY | O_CLOEXEC) : -1
        sqlite3_extended_result_codes(handle, 1)
        do {
            if isReadOnly { try refuseOtherSchema() } else { try prepareFile() }
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    private func close() {
        statements = [:]
        sqlite3_close(handle)
        if file >= 0 { Glibc.close(file) }
    }

    /// Lets go of all pages that SQLite and the kernel have in memory: what is read next comes from the disk.
    ///
    /// Only pages are meant that were written out; every commit has seen to that. Reading goes on as before, more slowly at first.
    func forgetPages() {
        sqlite3_db_release_memory(handle)
        guard file >= 0 else { return }
        posix_fadvise(file, 0, 0, Int32(POSIX_FADV_DONTNEED))
        let log = Glibc.open("\(path)-wal", O_RDONLY | O_CLOEXEC)
        guard log >= 0 else { return }
        posix_fadvise(log, 0, 0, Int32(POSIX_FADV_DONTNEED))
        // A commit writes into the middle of a page, and would have to wait until that was read.
        posix_fadvise(log, 0, 0, Int32(POSIX_FADV_WILLNEED))
        Glibc.close(log)
    }

    /// Runs `body` as one transaction. When this returns, what it wrote survives power loss.
    ///
    /// After a failed commit nothing is known about the transaction; the caller stops using the database. Only when there was no
    /// room the same transaction may be tried again: no flush has failed, and its frames take the place of those before.
    func transaction(_ body: () throws(DatabaseError) -> Void) throws(DatabaseError) {
        try run("BEGIN IMMEDIATE")
        do {
            try body()
            try run("COMMIT")
        } catch {
            if sqlite3_get_autocommit(handle) == 0 { try? run("ROLLBACK") }
            throw error
        }
    }

    /// A statement, compiled once and kept.
    func prepare(_ sql: String) throws(DatabaseError) -> Statement {
        if let statement = statements[sql] { return statement }
        var compiled: OpaquePointer?
        let code = sqlite3_prepare_v3(
            handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &compiled, nil)
        guard code == SQLITE_OK, let compiled else {
            throw error(code, "cannot prepare '\(sql)' in")
        }
        let statement = Statement(compiled, in: self)
        statements[sql] = statement
        return statement
    }

    /// Copies what the write-ahead file has into the file itself, and flushes that; the next commit begins the write-ahead file anew.
    ///
    /// Takes milliseconds, so this is not done within a commit. Whatever happens in it, everything that was committed stays: until the
    /// copies are flushed, the write-ahead file counts.
    func checkpoint() throws(DatabaseError) {
        let code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        guard code == SQLITE_OK else { throw error(code, "cannot checkpoint") }
        logPages = 0
    }

    /// Has SQLite tell with each commit how long the write-ahead file is, instead of making checkpoints by itself (they share one hook).
    private func reportLogPages() {
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                guard let context else { return SQLITE_OK }
                let database = Unmanaged<Database>.fromOpaque(context).takeUnretainedValue()
                database.logPages = Int(pages)
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Runs a statement without results.
    func run(_ sql: String) throws(DatabaseError) {
        try prepare(sql).run()
    }

    func error(_ code: Int32, _ attempt: String) -> DatabaseError {
        // First of all: whatever is done next may have an error of its own.
        let system = lastSystemError
        return Self.error(code, handle, attempt, path, system: system)
    }

    /// The operating system's last error in this thread. `sqlite3_system_errno` does not have it when it is a commit that has failed.
    private var lastSystemError: Int32 {
        guard let system = sqlite3_vfs_find(vfs) else { return 0 }
        return system.pointee.xGetLastError?(system, 0, nil) ?? 0
    }

    // MARK: Opening

    /// Of Debian 12, the oldest that all of this is tested with. Later ones are as good; which of them have the WAL-reset defect
    /// does not matter here, see above.
    static let libraryVersionMin: Int32 = 3_040_001

    /// Refuses a library that nobody has tested this with, such as one that a path of the loader has slipped in.
    static func refuseLibrary(_ version: Int32) throws(DatabaseError) {
        guard version < libraryVersionMin else { return }
        let text = { (version: Int32) in
            "\(version / 1_000_000).\(version / 1_000 % 1_000).\(version % 1_000)"
        }
        throw DatabaseError(
            kind: .other, code: 0,
            message:
                "the SQLite library is version \(text(version)); \(text(libraryVersionMin)) or later is required"
        )
    }

    private func prepareFile() throws(DatabaseError) {
        try execute("PRAGMA locking_mode=EXCLUSIVE")
        try refuseForeignFile()
        try demand("PRAGMA journal_mode=WAL", "wal")
        try execute("PRAGMA synchronous=FULL")
        try demand("PRAGMA synchronous", "2")
        reportLogPages()
        try execute("PRAGMA cache_size=-8192")
        try createSchema()
        // Takes the exclusive lock now, not with the first write.
        try run("BEGIN IMMEDIATE")
        try run("COMMIT")
        if vfs == nil { lengthenLog() }
    }

    /// Gives the write-ahead file, with zeros, the length that it has before a checkpoint.
    ///
    /// A commit that makes a file longer has its length flushed as well, which is one write more, and on a file system with a journal a commit
    /// of that. SQLite takes a page of zeros for the end of what was written, as it does with what a crash leaves. It removes the file
    /// when it is closed, so this is done at each start; where there is no room, it is not done.
    private func lengthenLog() {
        let log = Glibc.open("\(path)-wal", O_WRONLY | O_CLOEXEC)
        guard log >= 0 else { return }
        defer { Glibc.close(log) }
        var status = stat()
        guard fstat(log, &status) == 0 else { return }
        let zeros = [UInt8](repeating: 0, count: 1 << 16)
        var end = status.st_size
        while end < Self.logBytes {
            let count = pwrite(log, zeros, min(zeros.count, Int(Self.logBytes - end)), end)
            guard count > 0 else {
                ftruncate(log, status.st_size)
                return
            }
            end += count
        }
        if end > status.st_size { fdatasync(log) }
    }

    private func refuseForeignFile() throws(DatabaseError) {
        let application = try pragma("application_id")
        let version = try pragma("user_version")
        let tables = try prepare("SELECT count(*) FROM sqlite_schema").first { $0.int64(0) } ?? 0
        if application == "0", version == "0", tables == 0 { return }
        guard application == String(Self.applicationID) else {
            throw DatabaseError(
                kind: .foreign, code: 0, message: "\(path) is the database of another program")
        }
        guard let number = Int32(version), number <= Self.schemaVersion else {
            throw DatabaseError(
                kind: .foreign, code: 0,
                message: "\(path) has format \(version); this program knows formats up to "
                    + "\(Self.schemaVersion)")
        }
    }

    /// A file that nobody migrates must have all tables.
    private func refuseOtherSchema() throws(DatabaseError) {
        try refuseForeignFile()
        let version = try pragma("user_version")
        // Format 3 adds nothing that a reader of format 2 would miss.
        guard let number = Int32(version), number >= 2 else {
            throw DatabaseError(
                kind: .foreign, code: 0,
                message: "\(path) has format \(version), 2 or later is required")
        }
    }

    /// Folds the write-ahead log in, and leaves one file that needs no other beside it.
    func leaveWAL() throws(DatabaseError) {
        statements = [:]
        try demand("PRAGMA journal_mode=DELETE", "delete")
    }

    private func createSchema() throws(DatabaseError) {
        let version = Int32(try pragma("user_version")) ?? 0
        guard version < Self.schemaVersion else { return }
        try transaction { () throws(DatabaseError) in
            if version < 1 { for statement in Schema.statements { try execute(statement) } }
            if version < 2 { for statement in Schema.additions2 { try execute(statement) } }
            try execute("PRAGMA application_id=\(Self.applicationID)")
            try execute("PRAGMA user_version=\(Self.schemaVersion)")
        }
    }

    /// Runs a statement, and refuses the database unless its result is `wanted`.
    private func demand(_ sql: String, _ wanted: String) throws(DatabaseError) {
        let found = try prepare(sql).first { $0.text(0) } ?? ""
        guard found == wanted else {
            throw DatabaseError(
                kind: .other, code: 0,
                message: "\(path): '\(sql)' gives '\(found)', '\(wanted)' is required")
        }
    }

    private func pragma(_ name: String) throws(DatabaseError) -> String {
        try prepare("PRAGMA \(name)").first { $0.text(0) } ?? ""
    }

    /// Runs a statement that is not kept.
    private func execute(_ sql: String) throws(DatabaseError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code, "cannot run '\(sql)' on") }
    }

    private static func error(
        _ code: Int32, _ handle: OpaquePointer?, _ attempt: String, _ path: String,
        system: Int32 = 0
    ) -> DatabaseError {
        let reason = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
        let kind = kind(of: code, system: system)
        return DatabaseError(kind: kind, code: code, message: "\(attempt) \(path): \(reason)")
    }

    /// What kind of trouble a code of SQLite is.
    ///
    /// A quota that is full is want of room like any other. SQLite itself takes only a full file system for that, and calls the other
    /// an error of the disk. Only of a write, though: a flush that fails may have lost what it was to keep, for whatever reason.
    ///
    /// - Parameters:
    ///   - code: the extended result code.
    ///   - system: the operating system's error behind it.
    /// - Returns: what a caller goes by.
    static func kind(of code: Int32, system: Int32) -> DatabaseError.Kind {
        switch code & 0xFF {
        case SQLITE_FULL: .full
        case SQLITE_IOERR:
            code == writeFailed && DatabaseError.isWantOfRoom(system) ? .full : .inputOutput
        case SQLITE_CORRUPT: .corrupt
        case SQLITE_NOTADB: .foreign
        case SQLITE_BUSY, SQLITE_LOCKED: .locked
        case SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH: .notPermitted
        default: .other
        }
    }

    /// `SQLITE_IOERR_WRITE`, which is a macro that Swift does not see.
    private static let writeFailed: Int32 = SQLITE_IOERR | 3 << 8
}

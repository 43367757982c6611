package import Consensus
import Glibc

extension Branch {
    /// Inside a proxy's data directory.
    package static let folder = "branches"

    /// `COUNTER-NONCE-INDEX.db`, the nonce in hexadecimal: of the generation and the last entry.
    package static func fileName(_ generation: Generation, last: Index) -> String {
        "\(generation.counter)-\(String(generation.nonce, radix: 16))-\(last.rawValue).db"
    }

    /// Takes the database of a proxy out of its data directory, so that its next start is that of a fresh member.
    ///
    /// Nobody may have it open. The write-ahead log is folded in first, so one file is all of it, and any SQLite can read
    /// it; then the floor goes, it is renamed, and the directories are flushed. After a crash the file is where it was, or where it
    /// belongs. No earlier branch is replaced.
    ///
    /// - Parameter data: the data directory.
    /// - Returns: where the file is now.
    /// - Throws: when there is no database, or it is open, damaged, or cannot be moved.
    package static func setAside(in data: String) throws(DatabaseError) -> String {
        let path = data + "/" + SQLiteLog.fileName
        guard access(path, F_OK) == 0 else {
            throw failure("there is no \(path)", errno, .notPermitted)
        }
        let name = try fold(path)
        let folder = data + "/" + self.folder
        if mkdir(folder, 0o755) != 0, errno != EEXIST {
            throw failure("cannot make \(folder)", errno)
        }
        try flush(data)
        var target = folder + "/" + name
        var copies = 1
        while access(target, F_OK) == 0 {
            copies += 1
            target = folder + "/" + name.dropLast(3) + "-\(copies).db"
        }
        // First what this member has promised: a floor that is left behind would make the next start the same member again.
        let floor = data + "/" + FloorFile.fileName
        guard unlink(floor) == 0 || errno == ENOENT else {
            throw failure("cannot remove \(floor)", errno)
        }
        try flush(data)
        guard rename(path, target) == 0 else {
            throw failure("cannot move \(path) to \(target)", errno)
        }
        try flush(folder)
        try flush(data)
        return target
    }

    /// The branches in a data directory, by name.
    package static func files(in data: String) -> [String] {
        let folder = data + "/" + self.folder
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let item = readdir(directory) {
            let name = withUnsafeBytes(of: item.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".db") { names.append(folder + "/" + name) }
        }
        return names.sorted()
    }

    /// Makes the database one file that needs no other, and names it.
    private static func fold(_ path: String) throws(DatabaseError) -> String {
        let database = try Database(path: path)
        let (generation, last) = try SQLiteLog.end(of: database)
        try database.leaveWAL()
        return fileName(generation, last: last)
    }

    private static func flush(_ directory: String) throws(DatabaseError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot open \(directory)", errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("cannot flush \(directory)", errno) }
    }

    private static func failure(
        _ what: String, _ code: Int32, _ kind: DatabaseError.Kind = .inputOutput
    ) -> DatabaseError {
        DatabaseError(
            kind: kind, code: code, message: "\(what): \(String(cString: strerror(code)))")
    }
}

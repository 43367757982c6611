import CSQLite
import Consensus
import FoundationEssentials
import Glibc
import MetaStore
import Testing

/// A directory of its own that goes away with the value.
final class ScratchDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/martlet-metastore-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    /// The files as a crash at this moment would leave them.
    convenience init(copying other: ScratchDirectory) throws {
        try self.init()
        for name in other.names where !name.hasSuffix("-shm") {
            try Self.write(other.read(name) ?? [], to: "\(path)/\(name)")
        }
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    /// The files that are there.
    var names: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
    }

    func read(_ name: String) -> [UInt8]? { Self.read("\(path)/\(name)") }
    func write(_ bytes: [UInt8], to name: String) throws {
        try Self.write(bytes, to: "\(path)/\(name)")
    }
    func remove(_ name: String) { unlink("\(path)/\(name)") }

    var file: String { path + "/" + SQLiteLog.fileName }
    var contents: [UInt8]? { Self.read(file) }

    func open(
        member: UInt64 = 7, historyLimits: HistoryLimits = HistoryLimits()
    ) throws -> SQLiteLog {
        try SQLiteLog(
            path: file, newMember: MemberID(member), historyLimits: historyLimits)
    }

    func fill(_ bytes: some Sequence<UInt8>) throws {
        try Self.write(Array(bytes), to: file)
    }

    /// Changes the file behind the log's back.
    func run(_ sql: String) throws {
        var handle: OpaquePointer?
        #expect(sqlite3_open(file, &handle) == SQLITE_OK)
        #expect(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK)
        #expect(sqlite3_close(handle) == SQLITE_OK)
    }

    static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }
}

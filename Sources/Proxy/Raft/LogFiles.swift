import Glibc
import MetaStore

/// The files that hold the log and the state, for measuring them.
struct LogFiles: Sendable {
    let directory: String

    /// Bytes of each; what is not there has none.
    var sizes: [(name: String, bytes: UInt64)] {
        [SQLiteLog.fileName, SQLiteLog.fileName + "-wal", ReserveFile.fileName].map { name in
            var status = stat()
            let isThere = stat("\(directory)/\(name)", &status) == 0
            return (name, isThere ? UInt64(max(0, status.st_size)) : 0)
        }
    }
}

import Glibc
import Synchronization

/// The room of a directory of the operating system, with a file in it that holds the reserve.
package final class ReserveFile: SpaceMedium {
    /// The file's name inside a proxy's data directory.
    package static let fileName = "metadata.reserve"

    private let path: String
    private let descriptor: Int32
    private let size: Mutex<UInt64>

    /// Opens the file, or makes it.
    package init(path: String) throws(DatabaseError) {
        self.path = path
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure("cannot open", path, errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw Self.failure("cannot measure", path, code)
        }
        size = Mutex(UInt64(max(0, status.st_size)))
    }

    deinit { close(descriptor) }

    package func freeBytes() throws(DatabaseError) -> UInt64 {
        var status = statvfs()
        guard fstatvfs(descriptor, &status) == 0 else {
            throw Self.failure("cannot tell the room of", path, errno)
        }
        // Of those that are not kept for the superuser.
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    package var reserveBytes: UInt64 { size.withLock { $0 } }

    package func reserve(_ bytes: UInt64) throws(DatabaseError) {
        // Its result is the error; `errno` is left alone.
        let code = posix_fallocate(descriptor, 0, off_t(bytes))
        guard code == 0 else {
            // A part of it would be taken for all of it by nobody, and would be missing elsewhere.
            try release()
            throw Self.failure("cannot allocate \(bytes) bytes in", path, code)
        }
        size.withLock { $0 = bytes }
    }

    package func release() throws(DatabaseError) {
        guard ftruncate(descriptor, 0) == 0 else {
            throw Self.failure("cannot truncate", path, errno)
        }
        size.withLock { $0 = 0 }
    }

    private static func failure(_ attempt: String, _ path: String, _ code: Int32) -> DatabaseError {
        DatabaseError(
            kind: DatabaseError.isWantOfRoom(code)
                ? .full : code == EACCES ? .notPermitted : .inputOutput,
            code: code, message: "\(attempt) \(path): \(String(cString: strerror(code)))")
    }
}

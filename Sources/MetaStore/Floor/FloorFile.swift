import Base
import Glibc
import Synchronization

/// A floor in a file of the operating system.
package final class FloorFile: FloorMedium {
    /// The file's name inside a proxy's data directory.
    package static let fileName = "metadata.floor"

    /// How long a flush that nobody waits for may gather writes: at most one in fifty commits pays for it, and after a
    /// power loss the floor is this much behind (docs/decisions/0023).
    private static let gatherMicroseconds: UInt32 = 5_000

    private let path: String
    private let descriptor: Int32
    /// One thread gathers, the other flushes at once.
    private let pool = BlockingPool(name: "floor", threads: 2)

    /// Opens the file, or makes it; its name survives power loss from then on.
    package init(path: String) throws(DatabaseError) {
        self.path = path
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure("cannot open", path) }
        // Whatever becomes of the room on this disk, there is some for what has to be promised.
        let code = posix_fallocate(descriptor, 0, off_t(FloorKeeper.fileBytes))
        guard !DatabaseError.isWantOfRoom(code) else {
            errno = code
            throw Self.failure("cannot allocate", path)
        }
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let directory = Glibc.open(String(path[..<slash]) + "/", O_RDONLY | O_CLOEXEC)
        guard directory >= 0 else { throw Self.failure("cannot open the directory of", path) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw Self.failure("cannot flush the name of", path) }
    }

    deinit { close(descriptor) }

    package func read() throws(DatabaseError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: FloorKeeper.fileBytes)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw Self.failure("cannot read", path) }
        return Array(bytes.prefix(count))
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws(DatabaseError) {
        guard pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count else {
            throw Self.failure("cannot write", path)
        }
    }

    package func flush() throws(DatabaseError) {
        guard fdatasync(descriptor) == 0 else {
            // For whatever reason, want of room included: what it was to keep may be lost.
            throw Self.failure("cannot flush", path, isFlush: true)
        }
    }

    package func flushBehind(atOnce: Bool, _ flush: @escaping @Sendable () -> Void) {
        pool.submit {
            if !atOnce { usleep(Self.gatherMicroseconds) }
            flush()
        }
    }

    private static func failure(
        _ attempt: String, _ path: String, isFlush: Bool = false
    ) -> DatabaseError {
        let code = errno
        return DatabaseError(
            kind: DatabaseError.isWantOfRoom(code) && !isFlush
                ? .full : code == EACCES ? .notPermitted : .inputOutput,
            code: code,
            message: "\(attempt) \(path): \(String(cString: strerror(code)))")
    }
}

import Glibc
import Synchronization

/// The room of a directory of the operating system, with a file in it that holds the reserve.
package final class ReserveFile: SpaceMedium {
    /// The file's name inside a proxy's data directory.
    package static let fileName = "metadata.reserve"

    private struct Held {
        /// `nil`: the file is gone.
        var descriptor: Int32?
        var bytes: UInt64
    }

    private let path: String
    /// The room of the directory can be told without the file.
    private let directory: Int32
    private let held: Mutex<Held>

    /// Opens the file, or makes it; where there is no room for that either, there is no reserve.
    package init(path: String) throws(DatabaseError) {
        self.path = path
        let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        directory = Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Self.failure("cannot open", parent, errno) }
        do throws(DatabaseError) {
            held = Mutex(try Self.open(path))
        } catch {
            guard error.kind == .full else {
                close(directory)
                throw error
            }
            held = Mutex(Held(descriptor: nil, bytes: 0))
        }
    }

    deinit {
        close(directory)
        held.withLock { held in
            if let descriptor = held.descriptor { close(descriptor) }
        }
    }

    private static func open(_ path: String) throws(DatabaseError) -> Held {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("cannot open", path, errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw failure("cannot measure", path, code)
        }
        return Held(descriptor: descriptor, bytes: UInt64(max(0, status.st_size)))
    }

    package func freeBytes() throws(DatabaseError) -> UInt64 {
        var status = statvfs()
        guard fstatvfs(directory, &status) == 0 else {
            throw Self.failure("cannot tell the room of", path, errno)
        }
        // Of those that are not kept for the superuser.
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    package var reserveBytes: UInt64 { held.withLock { $0.bytes } }

    package func reserve(_ bytes: UInt64) throws(DatabaseError) {
        let result: Result<Void, DatabaseError> = held.withLock { held in
            do throws(DatabaseError) {
                if held.descriptor == nil { held = try Self.open(path) }
                guard let descriptor = held.descriptor else { return .success(()) }
                // Its result is the error; `errno` is left alone.
                let code = posix_fallocate(descriptor, 0, off_t(bytes))
                guard code == 0 else {
                    // A part of it would be taken for all of it by nobody, and would be missing elsewhere.
                    try Self.release(&held, path)
                    throw Self.failure("cannot allocate \(bytes) bytes in", path, code)
                }
                held.bytes = bytes
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    package func release() throws(DatabaseError) {
        let result: Result<Void, DatabaseError> = held.withLock { held in
            do throws(DatabaseError) {
                return .success(try Self.release(&held, path))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Making the file shorter takes room itself where nothing is written in place, and a quota may refuse that (btrfs); it never refuses
    /// to remove a file, which gives its room back when nobody has it open any more.
    private static func release(_ held: inout Held, _ path: String) throws(DatabaseError) {
        guard let descriptor = held.descriptor else { return }
        if ftruncate(descriptor, 0) != 0 {
            let code = errno
            guard DatabaseError.isWantOfRoom(code), unlink(path) == 0 else {
                throw failure("cannot truncate", path, code)
            }
            close(descriptor)
            held.descriptor = nil
        }
        held.bytes = 0
    }

    private static func failure(_ attempt: String, _ path: String, _ code: Int32) -> DatabaseError {
        DatabaseError(
            kind: DatabaseError.isWantOfRoom(code)
                ? .full : code == EACCES ? .notPermitted : .inputOutput,
            code: code, message: "\(attempt) \(path): \(String(cString: strerror(code)))")
    }
}

import Base
import CLinux
import Glibc

/// The bare system calls of a durable write, with nothing around them: what a disk allows at best.
///
/// Each turn makes one new object, in the order that is right on every filesystem: create under a temporary name, write, one xattr, fsync,
/// rename, fsync of the directory; or in the one that suits a journal (decision 0041): create without a name, write, one xattr, write the bytes out,
/// link, fsync. The other two write to a log and flush it: one that becomes longer with it, so that its length
/// has to be flushed as well, or one that has its length already, whose blocks are written over.
enum SyscallLoop {
    enum Kind: String {
        case put
        case putLinked = "put-linked"
        case append
        case rewrite
    }

    /// What a log that is written over has, before its beginning comes again.
    private static let rewrittenBytes = 4 << 20

    struct Failed: Error, CustomStringConvertible {
        let call: String
        let code: Int32
        var description: String { "\(call): \(String(cString: strerror(code)))" }
    }

    /// One worker's loop in a directory of its own choice.
    static func run(
        _ kind: Kind, directory: String, worker: Int, size: Int, budget: RunBudget,
        tally: inout Tally
    ) throws(Failed) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
        defer { buffer.deallocate() }
        for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: index &* 131) }
        let directoryFD = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directoryFD >= 0 else { throw Failed(call: "open \(directory)", code: errno) }
        defer { close(directoryFD) }
        let isLog = kind == .append || kind == .rewrite
        let log = try !isLog ? -1 : openLog(kind, directoryFD, "log-\(worker)")
        defer { if log >= 0 { close(log) } }
        var turn = 0
        while budget.take() {
            let begun = ContinuousClock.now
            switch kind {
            case .put:
                try put("\(worker)-\(turn)", in: directoryFD, UnsafeRawBufferPointer(buffer))
            case .putLinked:
                try putLinked(
                    "\(worker)-\(turn)", in: directoryFD, UnsafeRawBufferPointer(buffer))
            case .append, .rewrite:
                if kind == .rewrite, turn.isMultiple(of: max(1, rewrittenBytes / size)) {
                    lseek(log, 0, SEEK_SET)
                }
                let written = write(log, buffer.baseAddress, size)
                guard written == size else { throw Failed(call: "write", code: errno) }
                guard Glibc.fdatasync(log) == 0 else {
                    throw Failed(call: "fdatasync", code: errno)
                }
            }
            let elapsed = (ContinuousClock.now - begun).components
            tally.latencies.record(nanoseconds: UInt64(elapsed.attoseconds / 1_000_000_000))
            tally.bytes += UInt64(size)
            turn += 1
        }
    }

    private static func openLog(
        _ kind: Kind, _ directory: Int32, _ name: String
    ) throws(Failed) -> Int32 {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        let log = openat(directory, name, flags, 0o644)
        guard log >= 0 else { throw Failed(call: "openat", code: errno) }
        guard kind == .rewrite else { return log }
        let zeros = [UInt8](repeating: 0, count: rewrittenBytes)
        guard write(log, zeros, zeros.count) == zeros.count, fsync(log) == 0 else {
            defer { close(log) }
            throw Failed(call: "write", code: errno)
        }
        return log
    }

    private static func put(
        _ name: String, in directory: Int32, _ bytes: UnsafeRawBufferPointer
    ) throws(Failed) {
        let temporary = "put.\(name)"
        let file = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Failed(call: "openat", code: errno) }
        defer { close(file) }
        try fill(file, bytes)
        guard fsync(file) == 0 else { throw Failed(call: "fsync", code: errno) }
        guard renameat(directory, temporary, directory, name) == 0 else {
            throw Failed(call: "renameat", code: errno)
        }
        guard fsync(directory) == 0 else { throw Failed(call: "fsync of directory", code: errno) }
    }

    private static func putLinked(
        _ name: String, in directory: Int32, _ bytes: UnsafeRawBufferPointer
    ) throws(Failed) {
        let file = openat(directory, ".", O_WRONLY | CLINUX_O_TMPFILE | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Failed(call: "openat without a name", code: errno) }
        defer { close(file) }
        try fill(file, bytes)
        guard sync_file_range(file, 0, 0, CLINUX_SYNC_FILE_RANGE_WRITE_AND_WAIT) == 0 else {
            throw Failed(call: "sync_file_range", code: errno)
        }
        guard
            linkat(file, "", directory, name, CLINUX_AT_EMPTY_PATH) == 0
                || linkat(
                    AT_FDCWD, "/proc/self/fd/\(file)", directory, name, CLINUX_AT_SYMLINK_FOLLOW)
                    == 0
        else { throw Failed(call: "linkat", code: errno) }
        guard fsync(file) == 0 else { throw Failed(call: "fsync", code: errno) }
    }

    private static func fill(_ file: Int32, _ bytes: UnsafeRawBufferPointer) throws(Failed) {
        guard write(file, bytes.baseAddress, bytes.count) == bytes.count else {
            throw Failed(call: "write", code: errno)
        }
        guard fsetxattr(file, "user.martlet.bench", bytes.baseAddress, min(80, bytes.count), 0) == 0
        else { throw Failed(call: "fsetxattr", code: errno) }
    }
}

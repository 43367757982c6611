import Base
import CLinux
import Glibc

/// The bare system calls of a durable write, with nothing around them: what a disk allows at best.
///
/// Each turn makes one new object: create under a temporary name, write, one xattr, fsync, rename,
/// fsync of the directory. `fdatasync` instead appends to one file and syncs it.
enum SyscallLoop {
    enum Kind {
        case put
        case fdatasync
    }

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
        var log: Int32 = -1
        if kind == .fdatasync {
            log = openat(directoryFD, "log-\(worker)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            guard log >= 0 else { throw Failed(call: "openat", code: errno) }
        }
        defer { if log >= 0 { close(log) } }
        var turn = 0
        while budget.take() {
            let begun = ContinuousClock.now
            switch kind {
            case .put:
                try put("\(worker)-\(turn)", in: directoryFD, UnsafeRawBufferPointer(buffer))
            case .fdatasync:
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

    private static func put(
        _ name: String, in directory: Int32, _ bytes: UnsafeRawBufferPointer
    ) throws(Failed) {
        let temporary = "put.\(name)"
        let file = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Failed(call: "openat", code: errno) }
        defer { close(file) }
        guard write(file, bytes.baseAddress, bytes.count) == bytes.count else {
            throw Failed(call: "write", code: errno)
        }
        guard fsetxattr(file, "user.martlet.bench", bytes.baseAddress, min(80, bytes.count), 0) == 0
        else { throw Failed(call: "fsetxattr", code: errno) }
        guard fsync(file) == 0 else { throw Failed(call: "fsync", code: errno) }
        guard renameat(directory, temporary, directory, name) == 0 else {
            throw Failed(call: "renameat", code: errno)
        }
        guard fsync(directory) == 0 else { throw Failed(call: "fsync of directory", code: errno) }
    }
}

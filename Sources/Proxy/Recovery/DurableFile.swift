import Glibc

/// Small files of a data directory that are replaced as a whole.
enum DurableFile {
    struct Failed: Error, CustomStringConvertible {
        let path: String
        let reason: String
        var description: String { "\(path) cannot be used: \(reason)" }

        init(_ path: String, _ code: Int32) {
            self.path = path
            reason = String(cString: strerror(code))
        }
    }

    /// Replaces a file, or makes it. When this returns, that survives power loss; before, the old one or the new one is there.
    static func replace(_ name: String, in directory: String, with bytes: [UInt8]) throws(Failed) {
        let path = "\(directory)/\(name)"
        let file = open("\(path).new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Failed(path, errno) }
        let written = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        let isWhole = written == bytes.count && fsync(file) == 0
        let code = written >= 0 && written < bytes.count ? ENOSPC : errno
        close(file)
        guard isWhole else { throw Failed(path, code) }
        guard rename("\(path).new", path) == 0 else { throw Failed(path, errno) }
        try flush(directory)
    }

    /// Removes a file; one that is not there is none.
    static func remove(_ name: String, in directory: String) throws(Failed) {
        let path = "\(directory)/\(name)"
        guard unlink(path) == 0 || errno == ENOENT else { throw Failed(path, errno) }
        try flush(directory)
    }

    /// Flushes the names in a directory.
    static func flush(_ directory: String) throws(Failed) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failed(directory, errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failed(directory, errno) }
    }
}

import Glibc

/// Small files read and replaced as a whole.
enum SmallFile {
    /// - Returns: `nil` when there is no such file.
    static func read(
        _ name: String, in directory: Directory, limit: Int
    ) throws(FileError) -> [UInt8]? {
        let file: FileDescriptor
        do throws(FileError) {
            file = try directory.open(name, O_RDONLY)
        } catch  where error.isMissing {
            return nil
        }
        var error: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: limit + 1) { buffer, count in
            let result = Glibc.read(file.number, buffer.baseAddress, limit + 1)
            error = result < 0 ? errno : 0
            count = max(0, result)
        }
        if error == 0, bytes.count > limit { error = EFBIG }
        guard error == 0 else { throw FileError("read", "\(directory.path)/\(name)", error) }
        return bytes
    }

    /// Replaces the file so that after any crash the old or the new content is there, whole.
    static func replace(
        _ name: String, with bytes: [UInt8], in directory: Directory
    ) throws(FileError) {
        let draft = "\(name).new"
        let file = try directory.open(draft, O_WRONLY | O_CREAT | O_TRUNC)
        let written = bytes.withUnsafeBytes { write(file.number, $0.baseAddress, $0.count) }
        var error: Int32 = written < 0 ? errno : 0
        if error == 0, written < bytes.count { error = ENOSPC }
        if error == 0, fsync(file.number) != 0 { error = errno }
        guard error == 0 else { throw FileError("write", "\(directory.path)/\(draft)", error) }
        try directory.rename(draft, to: name)
        try directory.sync("")
    }
}

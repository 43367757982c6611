import API
import Glibc
import Synchronization

/// The files of a cached state in a target's data directory.
final class StateCacheFiles: StateCacheMedium {
    private struct Open {
        var present: FileDescriptor?
        var draft: FileDescriptor?
    }

    private static let name = CachedStateFile.fileName
    private static let draftName = "\(name).new"
    private let directory: Directory
    private let open = Mutex(Open())

    init(in directory: Directory) {
        self.directory = directory
    }

    func read() throws(FileError) -> [UInt8]? {
        let file: FileDescriptor
        do throws(FileError) {
            file = try directory.open(Self.name, O_RDWR | O_APPEND)
        } catch  where error.isMissing {
            return nil
        }
        let path = "\(directory.path)/\(Self.name)"
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw FileError("stat", path, errno) }
        guard status.st_size <= TargetLimits.cachedStateBytesMax else {
            throw FileError("read", path, EFBIG)
        }
        var error: Int32 = 0
        let size = Int(status.st_size)
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let result = pread(
                    file.number, buffer.baseAddress.map { $0 + count }, size - count, off_t(count))
                if result < 0, errno == EINTR { continue }
                if result < 0 { error = errno }
                if result <= 0 { break }
                count += result
            }
        }
        guard error == 0 else { throw FileError("read", path, error) }
        // Readers come later as well, and the file may have been replaced under them.
        open.withLock { if $0.present == nil { $0.present = file } }
        return bytes
    }

    func append(_ bytes: [UInt8]) throws(FileError) {
        try Self.write(bytes, to: open.withLock { $0.present }, Self.name, in: directory)
    }

    func sync() throws(FileError) {
        guard let file = open.withLock({ $0.present }) else { return }
        var status = stat()
        // What is derived may be removed at any time; what is appended would go nowhere then.
        guard fstat(file.number, &status) == 0, status.st_nlink > 0 else {
            throw FileError("append", "\(directory.path)/\(Self.name)", ENOENT)
        }
        guard fdatasync(file.number) == 0 else {
            throw FileError("fdatasync", "\(directory.path)/\(Self.name)", errno)
        }
    }

    func draft(_ bytes: [UInt8]) throws(FileError) {
        let file = try directory.open(Self.draftName, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND)
        try Self.write(bytes, to: file, Self.draftName, in: directory)
        guard fsync(file.number) == 0 else {
            throw FileError("fsync", "\(directory.path)/\(Self.draftName)", errno)
        }
        open.withLock { $0.draft = file }
    }

    func appendToDraft(_ bytes: [UInt8]) throws(FileError) {
        try Self.write(bytes, to: open.withLock { $0.draft }, Self.draftName, in: directory)
    }

    func installDraft() throws(FileError) {
        try directory.rename(Self.draftName, to: Self.name)
        open.withLock { open in
            open.present = open.draft
            open.draft = nil
        }
    }

    func syncNames() throws(FileError) {
        try directory.sync("")
    }

    func keepAside() throws(FileError) {
        do throws(FileError) {
            try directory.unlink(CachedStateFile.setAsideName)
        } catch  where error.isMissing {
        }
        let (number, name) = (directory.descriptor.number, Self.name)
        let result = linkat(number, name, number, CachedStateFile.setAsideName, 0)
        guard result == 0 || errno == ENOENT else {
            throw FileError("link", "\(directory.path)/\(name)", errno)
        }
    }

    func setAside() throws(FileError) {
        try directory.rename(Self.name, to: CachedStateFile.setAsideName)
        open.withLock { $0.present = nil }
    }

    private static func write(
        _ bytes: [UInt8], to file: FileDescriptor?, _ name: String, in directory: Directory
    ) throws(FileError) {
        guard let file else { throw FileError("write", "\(directory.path)/\(name)", EBADF) }
        var error: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let rest = buffer.baseAddress.map { $0 + done }
                let result = Glibc.write(file.number, rest, buffer.count - done)
                if result < 0, errno == EINTR { continue }
                if result <= 0 {
                    error = result < 0 ? errno : ENOSPC
                    return
                }
                done += result
            }
        }
        guard error == 0 else { throw FileError("write", "\(directory.path)/\(name)", error) }
    }
}

import CLinux
import Glibc

/// File calls relative to an open directory.
///
/// A mountpath is opened once, and every path below it starts there: no symbolic link put in its way later and no
/// filesystem mounted over it changes where objects go. The functions block; they are called on pools.
struct Directory: Sendable {
    let descriptor: FileDescriptor
    /// For messages.
    let path: String

    init(opening path: String) throws(FileError) {
        let number = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw FileError("open", path, errno) }
        descriptor = FileDescriptor(owning: number)
        self.path = path
    }

    /// Opens a file; `O_CLOEXEC` is added to the flags.
    func open(
        _ name: String, _ flags: Int32, mode: mode_t = 0o644
    ) throws(FileError) -> FileDescriptor {
        while true {
            let number = openat(descriptor.number, name, flags | O_CLOEXEC, mode)
            if number >= 0 { return FileDescriptor(owning: number) }
            let error = errno
            if error != EINTR { throw failure("open", name, error) }
        }
    }

    /// Makes one directory.
    ///
    /// - Returns: false when it was there already.
    @discardableResult
    func makeDirectory(_ name: String) throws(FileError) -> Bool {
        if mkdirat(descriptor.number, name, 0o755) == 0 { return true }
        let error = errno
        if error == EEXIST { return false }
        throw failure("mkdir", name, error)
    }

    /// Makes a directory and those above it, as far as they are missing.
    func makePath(_ name: String) throws(FileError) {
        do throws(FileError) {
            try makeDirectory(name)
        } catch  where error.isMissing {
            guard let parent = Self.parent(of: name) else { throw error }
            try makePath(parent)
            try makeDirectory(name)
        }
    }

    /// Opens a new file that has no name, in the filesystem of a directory; an empty name means this one. Nothing is left of it when
    /// it is closed, unless ``link(_:to:)`` has given it one.
    func openUnnamed(
        in name: String, _ flags: Int32, mode: mode_t = 0o644
    ) throws(FileError) -> FileDescriptor {
        try open(name.isEmpty ? "." : name, flags | CLINUX_O_TMPFILE, mode: mode)
    }

    /// Gives an open file a name.
    ///
    /// - Returns: false when there is something of this name already.
    func link(_ file: FileDescriptor, to name: String) throws(FileError) -> Bool {
        // By its descriptor where this process may do that, which spares a walk through /proc; ENOENT says that it may not,
        // or that the directory is missing.
        if linkat(file.number, "", descriptor.number, name, CLINUX_AT_EMPTY_PATH) == 0 {
            return true
        }
        if errno == ENOENT {
            let path = "/proc/self/fd/\(file.number)"
            if linkat(AT_FDCWD, path, descriptor.number, name, CLINUX_AT_SYMLINK_FOLLOW) == 0 {
                return true
            }
        }
        let error = errno
        if error == EEXIST { return false }
        throw failure("link", name, error)
    }

    func rename(_ name: String, to new: String) throws(FileError) {
        guard renameat(descriptor.number, name, descriptor.number, new) == 0 else {
            throw failure("rename", "\(name) to \(new)", errno)
        }
    }

    func unlink(_ name: String) throws(FileError) {
        guard unlinkat(descriptor.number, name, 0) == 0 else {
            throw failure("unlink", name, errno)
        }
    }

    func removeDirectory(_ name: String) throws(FileError) {
        guard unlinkat(descriptor.number, name, Self.removesDirectory) == 0 else {
            throw failure("rmdir", name, errno)
        }
    }

    /// Makes the names in a directory survive power loss. An empty name means this directory.
    func sync(_ name: String) throws(FileError) {
        let target = try open(name.isEmpty ? "." : name, O_RDONLY | O_DIRECTORY)
        guard fsync(target.number) == 0 else { throw failure("fsync", name, errno) }
    }

    /// Returns when everything that was done to the filesystem survives power loss.
    func syncFilesystem() throws(FileError) {
        guard syncfs(descriptor.number) == 0 else { throw failure("syncfs", "", errno) }
    }

    func status(_ name: String) throws(FileError) -> stat {
        var result = stat()
        guard fstatat(descriptor.number, name, &result, Self.doesNotFollow) == 0 else {
            throw failure("stat", name, errno)
        }
        return result
    }

    /// False only when there is certainly nothing of this name.
    func mayHave(_ name: String) -> Bool {
        faccessat(descriptor.number, name, F_OK, 0) == 0 || errno != ENOENT
    }

    /// Calls `body` with the name and kind of everything in a directory but `.` and `..`, in no order, until it
    /// returns false.
    func forEach(
        in name: String, _ body: (UnsafeBufferPointer<UInt8>, EntryKind) -> Bool
    ) throws(FileError) {
        let number = openat(
            descriptor.number, name.isEmpty ? "." : name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw failure("open", name, errno) }
        guard let stream = fdopendir(number) else {
            let error = errno
            close(number)
            throw failure("open", name, error)
        }
        defer { closedir(stream) }
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                let error = errno
                if error == 0 { return }
                throw failure("read", name, error)
            }
            if !Self.visit(entry, in: number, body) { return }
        }
    }

    enum EntryKind: Sendable {
        case file
        case directory
        case other
    }

    private static func visit(
        _ entry: UnsafeMutablePointer<dirent>, in directory: Int32,
        _ body: (UnsafeBufferPointer<UInt8>, EntryKind) -> Bool
    ) -> Bool {
        let type = Int32(entry.pointee.d_type)
        let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
        let start = UnsafeRawPointer(entry) + offset
        let name = start.assumingMemoryBound(to: CChar.self)
        let bytes = UnsafeBufferPointer(
            start: start.assumingMemoryBound(to: UInt8.self), count: strlen(name))
        if bytes.elementsEqual([0x2E]) || bytes.elementsEqual([0x2E, 0x2E]) { return true }
        var kind = EntryKind.other
        if type == Int32(DT_REG) {
            kind = .file
        } else if type == Int32(DT_DIR) {
            kind = .directory
        } else if type == Int32(DT_UNKNOWN) {
            // Some filesystems do not say.
            var status = stat()
            if fstatat(directory, name, &status, doesNotFollow) == 0 {
                if status.st_mode & S_IFMT == S_IFREG { kind = .file }
                if status.st_mode & S_IFMT == S_IFDIR { kind = .directory }
            }
        }
        return body(bytes, kind)
    }

    private func failure(_ call: String, _ name: String, _ number: Int32) -> FileError {
        FileError(call, name.isEmpty ? path : "\(path)/\(name)", number)
    }

    static func parent(of name: String) -> String? {
        guard let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return String(name[..<slash])
    }

    private static let removesDirectory: Int32 = 0x200
    private static let doesNotFollow: Int32 = 0x100
}

import Glibc
import Synchronization

/// The file that a process' standard error goes to, when it is one: whoever started the node has chosen it.
public enum LogFile {
    /// Why a log was not rotated; nothing has changed then.
    public enum Trouble: Error, Equatable, Sendable, CustomStringConvertible {
        /// Standard error is a terminal, a pipe or a socket, or its file has lost its name.
        case noFile
        case system(String, path: String, number: Int32)

        public var description: String {
            switch self {
            case .noFile: "standard error is no file that has a name"
            case .system(let call, let path, let number):
                "\(call) \(path): \(String(cString: strerror(number)))"
            }
        }
    }

    /// How many old files are kept beside the one that is written: `NAME.1`, the newest, to `NAME.5`.
    public static let keptMax = 5

    private static let rotating = Mutex(())

    /// Where standard error is written to; `nil` when it is no file with a name.
    public static var path: String? { path(of: STDERR_FILENO) }

    /// Renames the file, and goes on in a new one of its name. A line that is being written meanwhile is in one of the two,
    /// whole. Standard output goes along where both are one file. Blocks.
    ///
    /// - Returns: the path, under which the new file is; the old one is `PATH.1`.
    public static func rotate() throws(Trouble) -> String {
        let result = rotating.withLock { _ -> Result<String, Trouble> in
            do throws(Trouble) {
                return .success(try rotate(STDERR_FILENO, along: STDOUT_FILENO))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    static func path(of descriptor: Int32) -> String? {
        guard let open = status(of: descriptor), open.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        let path = String(
            decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // What the kernel tells of a file that was removed or renamed is no name of it.
        var named = stat()
        guard stat(path, &named) == 0, isSame(named, open) else { return nil }
        return path
    }

    static func rotate(
        _ descriptor: Int32, along other: Int32? = nil
    ) throws(Trouble) -> String {
        guard let path = path(of: descriptor), let old = status(of: descriptor) else {
            throw .noFile
        }
        let goesAlong = other.flatMap { status(of: $0) }.map { isSame($0, old) } ?? false
        for number in (1..<keptMax).reversed() {
            let from = "\(path).\(number)"
            guard rename(from, "\(path).\(number + 1)") != 0, errno != ENOENT else { continue }
            throw .system("rename", path: from, number: errno)
        }
        guard rename(path, "\(path).1") == 0 else {
            throw .system("rename", path: path, number: errno)
        }
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC
        let new = open(path, flags, old.st_mode & 0o777)
        guard new >= 0 else {
            let number = errno
            // Lines go on where they went.
            _ = rename("\(path).1", path)
            throw .system("open", path: path, number: number)
        }
        defer { close(new) }
        // From one file to the other in one step: no line finds neither.
        guard dup2(new, descriptor) >= 0 else {
            throw .system("dup2", path: path, number: errno)
        }
        if goesAlong, let other { _ = dup2(new, other) }
        return path
    }

    private static func status(of descriptor: Int32) -> stat? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status : nil
    }

    private static func isSame(_ one: stat, _ other: stat) -> Bool {
        one.st_dev == other.st_dev && one.st_ino == other.st_ino
    }
}

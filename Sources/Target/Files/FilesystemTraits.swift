import CLinux
import Glibc

/// What the filesystem under a mountpath does that not all of them do (decision 0041). Found out once, when the mountpath is taken.
struct FilesystemTraits: Equatable, Sendable, CustomStringConvertible {
    /// Whether its journal makes changes of names and files durable in the order in which they were made: a name that is there after
    /// power loss is that of a file whose earlier changes are there too. So it is with ext4 that has a journal, and xfs;
    /// nobody else is taken at their word.
    let keepsOrder: Bool
    /// Whether it has files without a name, which are given one when they are whole.
    let hasUnnamedFiles: Bool

    init(keepsOrder: Bool, hasUnnamedFiles: Bool) {
        self.keepsOrder = keepsOrder
        self.hasUnnamedFiles = hasUnnamedFiles
    }

    /// Looks at the filesystem that a directory is on, and leaves nothing in it.
    init(of directory: Directory) {
        keepsOrder = Self.keepsOrder(directory)
        hasUnnamedFiles = Self.takesUnnamedFile(directory)
    }

    var description: String {
        keepsOrder
            ? "its journal keeps the order of changes: a durable PUT is one commit"
            : "it promises no order of changes: a durable PUT flushes its file and its directory"
    }

    private static func keepsOrder(_ directory: Directory) -> Bool {
        var filesystem = statfs()
        var status = stat()
        guard fstatfs(directory.descriptor.number, &filesystem) == 0,
            fstat(directory.descriptor.number, &status) == 0
        else { return false }
        switch Int(filesystem.f_type) {
        case Magic.xfs: return true
        case Magic.ext: return hasJournal(device: status.st_dev)
        default: return false
        }
    }

    /// Whether an ext4 has a journal: then the kernel names the thread that writes it. Where the kernel does not tell, it has none
    /// for us.
    private static func hasJournal(device: dev_t) -> Bool {
        let link = "/sys/dev/block/\(gnu_dev_major(device)):\(gnu_dev_minor(device))"
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &buffer, buffer.count)
        guard count > 0 else { return false }
        let target = String(
            decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let name = target.split(separator: "/").last,
            let system = try? Directory(opening: "/sys/fs/ext4/\(name)"),
            let text = try? SmallFile.read("journal_task", in: system, limit: 64),
            let thread = Int(
                String(decoding: text, as: UTF8.self).split(separator: "\n").first ?? "")
        else { return false }
        return thread > 0
    }

    /// Tries one: gives it a name, and takes that away again.
    private static func takesUnnamedFile(_ directory: Directory) -> Bool {
        let name = ".martlet.probe.unnamed"
        do throws(FileError) {
            let file = try directory.openUnnamed(in: "", O_RDWR)
            // Left by a process that was killed at this very place.
            try? directory.unlink(name)
            guard try directory.link(file, to: name) else { return false }
            try directory.unlink(name)
            return true
        } catch {
            return false
        }
    }

    /// `statfs(2)`: EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC.
    private enum Magic {
        static let ext = 0xEF53
        static let xfs = 0x5846_5342
    }
}

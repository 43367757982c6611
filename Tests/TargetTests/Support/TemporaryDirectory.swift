import Glibc
import Testing

@testable import Target

/// A directory that did not exist before; gone with the value.
///
/// On a disk rather than on tmpfs, because the latter of older kernels has no user attributes.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/var/tmp/martlet-target-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Self.remove(path)
    }

    /// A directory within, made now.
    func directory(_ name: String) throws -> String {
        let whole = "\(path)/\(name)"
        try Directory(opening: path).makePath(name)
        return whole
    }

    private static func remove(_ path: String) {
        guard let directory = try? Directory(opening: path) else { return }
        removeContents(directory, ".")
        rmdir(path)
    }

    private static func removeContents(_ directory: Directory, _ name: String) {
        var children: [(String, Directory.EntryKind)] = []
        try? directory.forEach(in: name) { bytes, kind in
            children.append((String(decoding: bytes, as: UTF8.self), kind))
            return true
        }
        for (child, kind) in children {
            let path = "\(name)/\(child)"
            if kind == .directory {
                removeContents(directory, path)
                try? directory.removeDirectory(path)
            } else {
                try? directory.unlink(path)
            }
        }
    }
}

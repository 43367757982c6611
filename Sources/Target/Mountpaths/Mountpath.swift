import Base
import Cluster
import Glibc

/// A directory on a filesystem of its own, where a target keeps objects.
final class Mountpath: Sendable {
    static let ownerAttribute = "user.ais.daemon_id"

    /// Absolute and cleaned: the text whose digest decides what lies here.
    let path: String
    let digest: UInt64
    let directory: Directory

    /// Opens the directory and takes it for one node: no other process, and no node with another id, may use it.
    init(claiming path: String, for node: NodeID) throws(MountpathError) {
        self.path = path
        digest = Placement.digest(path)
        do throws(FileError) {
            directory = try Directory(opening: path)
        } catch {
            throw .unusable(error)
        }
        guard flock(directory.descriptor.number, LOCK_EX | LOCK_NB) == 0 else {
            throw .inUse(path)
        }
        do throws(FileError) {
            try claim(for: node)
        } catch {
            throw .unusable(error)
        }
        if let owner, owner != node.text { throw .foreign(path, owner: owner) }
    }

    /// Whether the path still leads to the directory that was opened: one that was removed or unmounted looks empty,
    /// and what it held must not pass for deleted.
    var isPresent: Bool {
        var opened = stat()
        var found = stat()
        return fstat(directory.descriptor.number, &opened) == 0 && stat(path, &found) == 0
            && opened.st_dev == found.st_dev && opened.st_ino == found.st_ino
    }

    /// What to throw instead of "missing" when the whole mountpath is.
    func checkPresence() throws(FileError) {
        guard isPresent else { throw FileError("reach", path, ENODEV) }
    }

    /// Lets another process have the directory; called when nothing here uses it any more.
    func release() {
        flock(directory.descriptor.number, LOCK_UN)
    }

    private var owner: String? {
        let value = try? ExtendedAttribute.read(
            Self.ownerAttribute, of: directory.descriptor, path: path)
        return value.map { String(decoding: $0, as: UTF8.self) }
    }

    private func claim(for node: NodeID) throws(FileError) {
        let mark = try ExtendedAttribute.read(
            Self.ownerAttribute, of: directory.descriptor, path: path)
        if mark == nil {
            try ExtendedAttribute.write(
                Self.ownerAttribute, Array(node.text.utf8), to: directory.descriptor, path: path)
        }
        try directory.makeDirectory(BucketLayout.trash)
    }

    /// The path without `.`, `..`, doubled and closing slashes, made absolute: AIStore digests this text.
    static func cleaned(_ path: String) -> String {
        var whole = path
        if !path.hasPrefix("/") {
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            if getcwd(&buffer, buffer.count) != nil {
                let here = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                whole = String(decoding: here, as: UTF8.self) + "/" + path
            }
        }
        var parts: [Substring] = []
        for part in whole.split(separator: "/") {
            switch part {
            case ".": continue
            case "..": _ = parts.popLast()
            default: parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }
}

/// Why a directory cannot be used as a mountpath.
enum MountpathError: Error, Equatable, Sendable, CustomStringConvertible {
    case unusable(FileError)
    case inUse(String)
    case foreign(String, owner: String)
    case same(String, String)
    case nested(String, inside: String)

    var description: String {
        switch self {
        case .unusable(let error): "mountpath is not usable: \(error)"
        case .inUse(let path): "mountpath \(path) is in use by another process"
        case .foreign(let path, let owner):
            "mountpath \(path) belongs to target \(owner); start that target with it, or remove the"
                + " attribute \(Mountpath.ownerAttribute) if the disk is to change hands"
        case .same(let one, let other): "mountpaths \(one) and \(other) are the same directory"
        case .nested(let inner, let outer): "mountpath \(inner) lies inside mountpath \(outer)"
        }
    }
}

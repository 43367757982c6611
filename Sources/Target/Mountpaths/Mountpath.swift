import Base
import Cluster
import Glibc
import Synchronization

/// A directory on a filesystem of its own, where a target keeps objects.
final class Mountpath: Sendable {
    static let ownerAttribute = "user.ais.daemon_id"

    /// Absolute and cleaned: the text whose digest decides what lies here.
    let path: String
    let digest: UInt64
    let directory: Directory
    let identity: MountpathIdentity
    /// The edition of the set it was part of, as it was found.
    let foundEdition: UInt64
    /// The filesystem it is on.
    let device: UInt64
    let traits: FilesystemTraits
    /// Tells this mountpath from any other that this process has had, at the same path too.
    let serial: UInt64
    private static let serials = Atomic<UInt64>(0)

    /// Opens the directory and takes it for one node: no other process, and no node with another id, may use it.
    ///
    /// With `expected`, nothing is claimed but the mountpath that has this identity. With `traits`, these are what its filesystem
    /// is taken to do.
    init(
        claiming path: String, for node: NodeID, expecting expected: MountpathIdentity? = nil,
        traits: FilesystemTraits? = nil
    ) throws(MountpathError) {
        let found = try MountpathCandidate(path, for: node, expecting: expected)
        self.path = path
        digest = Placement.digest(path)
        serial = Self.serials.add(1, ordering: .relaxed).newValue
        directory = found.directory
        device = found.device
        self.traits = traits ?? FilesystemTraits(of: found.directory)
        identity = found.identity
        foundEdition = found.edition
        do throws(FileError) {
            try claim(for: node, isOwned: found.isOwned, isNew: found.isNew)
        } catch {
            throw .unusable(error)
        }
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

    private static let probeName = ".martlet.probe"

    /// Finds out whether the disk works: writes a small file, syncs and removes it. A full disk works.
    func probe() throws(FileError) {
        try checkPresence()
        let file: FileDescriptor
        do throws(FileError) {
            file = try directory.open(Self.probeName, O_WRONLY | O_CREAT | O_TRUNC)
        } catch {
            if error.isOutOfSpace { return }
            throw error
        }
        let bytes = [UInt8](repeating: 0x5A, count: 4_096)
        let count = bytes.withUnsafeBytes { write(file.number, $0.baseAddress, $0.count) }
        let error = FileError("write", "\(path)/\(Self.probeName)", count < 0 ? errno : 0)
        if error.number != 0, !error.isOutOfSpace { throw error }
        guard fsync(file.number) == 0 else { throw FileError("fsync", error.path, errno) }
        try directory.unlink(Self.probeName)
    }

    /// Lets another process have the directory; called when nothing here uses it any more.
    func release() {
        flock(directory.descriptor.number, LOCK_UN)
    }

    private func claim(for node: NodeID, isOwned: Bool, isNew: Bool) throws(FileError) {
        if !isOwned {
            try ExtendedAttribute.write(
                Self.ownerAttribute, Array(node.text.utf8), to: directory.descriptor, path: path)
        }
        if isNew { try MountpathFile(identity).write(in: directory) }
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
    case sameFilesystem(String, String)
    /// What lies there is not the mountpath that is meant.
    case other(String, expected: MountpathIdentity, found: MountpathIdentity?)

    var description: String {
        switch self {
        case .unusable(let error): "mountpath is not usable: \(error)"
        case .inUse(let path): "mountpath \(path) is in use by another process"
        case .foreign(let path, let owner):
            "mountpath \(path) belongs to target \(owner); start that target with it, or remove the"
                + " attribute \(Mountpath.ownerAttribute) if the disk is to change hands"
        case .same(let one, let other): "mountpaths \(one) and \(other) are the same directory"
        case .nested(let inner, let outer): "mountpath \(inner) lies inside mountpath \(outer)"
        case .sameFilesystem(let one, let other):
            "mountpaths \(one) and \(other) are on one filesystem: a disk that fails would take both"
        case .other(let path, let expected, let found):
            "at \(path) is not the disk \(expected), but "
                + (found.map { "\($0)" } ?? "one that was never a mountpath: is it mounted?")
        }
    }
}

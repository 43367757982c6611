import Base
import Cluster
import Glibc

/// A directory as it is found, and looked at before it is taken for a mountpath, or instead: nothing is written for good.
///
/// As long as the directory is held open, no other process has it; but one that is only looked at may be taken by others
/// meanwhile: a disk that hangs must not keep them from it.
struct MountpathCandidate {
    let path: String
    let directory: Directory
    /// The filesystem it is on.
    let device: UInt64
    /// That of the disk; a new one when it has never been a mountpath.
    let identity: MountpathIdentity
    let edition: UInt64
    let isNew: Bool
    /// Whether it bears the name of its node already.
    let isOwned: Bool

    /// Opens the directory, and sees that no other process and no node with another id has it. With `expected`, that it is the
    /// mountpath of this identity. `isKept` says whether it stays so.
    init(
        _ path: String, for node: NodeID, expecting expected: MountpathIdentity?,
        isKept: Bool = true
    ) throws(MountpathError) {
        self.path = path
        do throws(FileError) {
            directory = try Directory(opening: path)
        } catch {
            throw .unusable(error)
        }
        let lock = isKept ? LOCK_EX : LOCK_SH
        guard flock(directory.descriptor.number, lock | LOCK_NB) == 0 else { throw .inUse(path) }
        if !isKept { flock(directory.descriptor.number, LOCK_UN) }
        let file: MountpathFile?
        do throws(FileError) {
            file = try MountpathFile.read(in: directory)
            device = UInt64(try directory.status(".").st_dev)
        } catch {
            throw .unusable(error)
        }
        let owner = Self.owner(of: directory, path)
        if let owner, owner != node.text { throw .foreign(path, owner: owner) }
        let found = file?.identity
        if let expected, found != expected { throw .other(path, expected: expected, found: found) }
        identity = found ?? .random()
        edition = file?.edition ?? 0
        isNew = found == nil
        isOwned = owner != nil
    }

    private static func owner(of directory: Directory, _ path: String) -> String? {
        let value = try? ExtendedAttribute.read(
            Mountpath.ownerAttribute, of: directory.descriptor, path: path)
        return value.map { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: Trying it out

    /// Finds out whether the disk takes files and attributes, by a file that has no name, so that nothing is left of it
    /// whatever happens. A full disk works, unless it has to be marked yet.
    func tryOut() throws(MountpathRefusal) {
        do throws(FileError) {
            try writeUnnamed()
        } catch {
            // Taking it begins with its marks; behind them it is the disk that does not work.
            if isNew || !isOwned { throw .claim(.unusable(error)) }
            guard !error.isOutOfSpace else { return }
            throw .file(error)
        }
        do throws(FileError) {
            _ = try BucketLayout.buckets(on: directory)
        } catch {
            throw .file(error)
        }
    }

    private func writeUnnamed() throws(FileError) {
        let file: FileDescriptor
        do throws(FileError) {
            file = try directory.openUnnamed(in: "", O_WRONLY, mode: 0o600)
        } catch  where error.number == EOPNOTSUPP || error.number == EISDIR {
            // The filesystem knows no such files. What is left to ask is whether writing is permitted.
            guard faccessat(directory.descriptor.number, ".", W_OK, 0) == 0 else {
                throw FileError("write", path, errno)
            }
            return
        }
        try ExtendedAttribute.write(
            Mountpath.ownerAttribute, Array("?".utf8), to: file, path: path)
        let bytes = [UInt8](repeating: 0x5A, count: 4_096)
        let count = bytes.withUnsafeBytes { write(file.number, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw FileError("write", path, errno) }
        guard fsync(file.number) == 0 else { throw FileError("fsync", path, errno) }
    }
}

import Base
import CLinux
import Glibc

/// A file being written, until it is the object it will be. Where the filesystem has files without a name it has none till then,
/// and is gone when it is closed; elsewhere it has one of its own. Used by one upload, on pool threads, one call at a time.
final class WorkFile: @unchecked Sendable {
    // Safety: an upload awaits each call before it makes the next.
    let mountpath: Mountpath
    let file: FileDescriptor
    private(set) var size = 0
    private var hash: XXH64?
    /// The name it has, or will have for a moment when it takes the place of an object.
    private let ownName: String
    /// Whether that name is there, to be removed or renamed.
    private(set) var isNamed: Bool

    /// Bytes are hashed as they come, where `hashes` says so.
    init(
        _ file: FileDescriptor, name: String, isNamed: Bool, on mountpath: Mountpath, hashes: Bool
    ) {
        self.file = file
        self.mountpath = mountpath
        self.isNamed = isNamed
        ownName = name
        hash = hashes ? XXH64() : nil
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        hash?.update(bytes)
        var rest = bytes
        while !rest.isEmpty {
            let count = write(file.number, rest.baseAddress, rest.count)
            if count < 0 {
                let error = errno
                if error == EINTR { continue }
                throw FileError("write", path, error)
            }
            size += count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// XXH64 of everything written, in 16 hexadecimal digits; `nil` when it was not computed.
    var checksum: String? { hash.map { Hex.padded($0.finish()) } }

    func setAttributes(_ value: [UInt8]) throws(FileError) {
        try ExtendedAttribute.write(
            ObjectAttributes.attributeName, value, to: file, path: path)
    }

    /// Waits until the bytes and attributes survive power loss, and a name that it was given before, where the filesystem keeps
    /// the order of changes.
    func sync() throws(FileError) {
        guard fsync(file.number) == 0 else { throw FileError("fsync", path, errno) }
    }

    /// Waits until the disk has all bytes, perhaps in a cache of its own, from which the next commit of the filesystem's journal
    /// has them written out first. A name that is given behind it is therefore never there without them.
    func writeOut() throws(FileError) {
        guard sync_file_range(file.number, 0, 0, CLINUX_SYNC_FILE_RANGE_WRITE_AND_WAIT) == 0 else {
            throw FileError("sync_file_range", path, errno)
        }
    }

    /// Gives a file that has no name its final one, if that is free.
    ///
    /// - Returns: false when it is not.
    func link(to name: String) throws(FileError) -> Bool {
        try mountpath.directory.link(file, to: name)
    }

    /// Gives the file its final name, in place of what has it.
    func rename(to name: String) throws(FileError) {
        if !isNamed {
            guard try mountpath.directory.link(file, to: ownName) else {
                throw FileError("link", path, EEXIST)
            }
            isNamed = true
        }
        try mountpath.directory.rename(ownName, to: name)
        isNamed = false
    }

    /// Removes the file, unless it has become an object.
    func discard() {
        guard isNamed else { return }
        isNamed = false
        try? mountpath.directory.unlink(ownName)
    }

    private var path: String { "\(mountpath.path)/\(ownName)" }
}

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
    /// The name of its own that it has.
    private(set) var name: String?

    /// Bytes are hashed as they come, where `hashes` says so.
    init(_ file: FileDescriptor, name: String?, on mountpath: Mountpath, hashes: Bool) {
        self.file = file
        self.name = name
        self.mountpath = mountpath
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

    /// Gives the file its final name, in place of what has it. A file without a name has `passing` for a moment.
    func rename(to final: String, passing: @autoclosure () -> String) throws(FileError) {
        let current: String
        if let name {
            current = name
        } else {
            current = passing()
            guard try link(to: current) else { throw FileError("link", path, EEXIST) }
            name = current
        }
        try mountpath.directory.rename(current, to: final)
        name = nil
    }

    /// Removes the file, unless it has become an object.
    func discard() {
        guard let name else { return }
        self.name = nil
        try? mountpath.directory.unlink(name)
    }

    /// For messages.
    private var path: String { "\(mountpath.path)/\(name ?? "a file without a name")" }
}

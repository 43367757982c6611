import Base
import Glibc

/// A file being written, under a name of its own until it is renamed to the object it will be. Used by one upload,
/// on pool threads, one call at a time.
final class WorkFile: @unchecked Sendable {
    // Safety: an upload awaits each call before it makes the next.
    let mountpath: Mountpath
    let name: String
    let file: FileDescriptor
    private(set) var size = 0
    private var hash: XXH64?
    /// Whether the name is still there to be removed.
    private var isPending = true

    /// Bytes are hashed as they come, where `hashes` says so.
    init(_ file: FileDescriptor, name: String, on mountpath: Mountpath, hashes: Bool) {
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

    /// Waits until the bytes and attributes survive power loss.
    func sync() throws(FileError) {
        guard fsync(file.number) == 0 else { throw FileError("fsync", path, errno) }
    }

    /// Gives the file its final name.
    func rename(to name: String) throws(FileError) {
        try mountpath.directory.rename(self.name, to: name)
        isPending = false
    }

    /// Removes the file, unless it has become an object.
    func discard() {
        guard isPending else { return }
        isPending = false
        try? mountpath.directory.unlink(name)
    }

    private var path: String { "\(mountpath.path)/\(name)" }
}

import CLinux
import Glibc

/// Extended attributes of open files, read and written whole.
enum ExtendedAttribute {
    /// What one block of ext4 holds; larger ones are read in a second try.
    private static let usualBytes = 4_096
    /// The kernel's own limit (XATTR_SIZE_MAX).
    private static let bytesMax = 65_536

    /// - Returns: the value; `nil` when the file has no such attribute.
    static func read(
        _ name: String, of file: FileDescriptor, path: String
    ) throws(FileError) -> [UInt8]? {
        try read(path: path) { fgetxattr(file.number, name, $0, $1) }
    }

    /// Reads it by path, without opening the file.
    static func read(_ name: String, path: String) throws(FileError) -> [UInt8]? {
        try read(path: path) { lgetxattr(path, name, $0, $1) }
    }

    private static func read(
        path: String, _ call: (UnsafeMutableRawPointer?, Int) -> Int
    ) throws(FileError) -> [UInt8]? {
        var error: Int32 = 0
        for capacity in [usualBytes, bytesMax] {
            let value = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                let result = call(buffer.baseAddress, capacity)
                error = result < 0 ? errno : 0
                count = max(0, result)
            }
            if error == 0 { return value }
            if error == ENODATA { return nil }
            if error != ERANGE { break }
        }
        throw FileError("getxattr", path, error)
    }

    /// Removes it, if it is there.
    static func remove(
        _ name: String, from file: FileDescriptor, path: String
    ) throws(FileError) {
        guard fremovexattr(file.number, name) == 0 || errno == ENODATA else {
            throw FileError("removexattr", path, errno)
        }
    }

    static func write(
        _ name: String, _ value: [UInt8], to file: FileDescriptor, path: String
    ) throws(FileError) {
        let result = value.withUnsafeBytes {
            fsetxattr(file.number, name, $0.baseAddress, $0.count, 0)
        }
        guard result == 0 else { throw FileError("setxattr", path, errno) }
    }
}

import Glibc

/// A system call on a file that failed: which, on what, and why.
struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    let call: String
    let path: String
    /// The value of `errno`.
    let number: Int32

    init(_ call: String, _ path: String, _ number: Int32) {
        self.call = call
        self.path = path
        self.number = number
    }

    var description: String {
        "\(call) \(path): \(String(cString: strerror(number)))"
    }

    /// Whether the disk, or the owner's quota on it, is full.
    var isOutOfSpace: Bool { number == ENOSPC || number == EDQUOT }

    var isMissing: Bool { number == ENOENT }
}

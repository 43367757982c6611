import Glibc

/// An open file or directory; closed when the last one who holds it lets go. A response being sent holds one, so
/// a descriptor is never closed, or its number used again, under a `sendfile`.
final class FileDescriptor: Sendable {
    let number: Int32

    init(owning number: Int32) {
        self.number = number
    }

    deinit {
        close(number)
    }
}

import Glibc

/// The file in which every acknowledged write is noted, so that a later run can look for it.
///
/// One line each, appended with one system call before the worker goes on: `bucket NAME` or
/// `put BUCKET NAME SEQUENCE SIZE`. It survives the end of this process at any moment.
final class AcknowledgedRecord: Sendable {
    private let descriptor: Int32

    init?(appendingTo path: String) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    func bucket(_ name: String) { append("bucket \(name)\n") }

    func put(_ bucket: String, _ name: String, sequence: UInt64, size: Int) {
        append("put \(bucket) \(name) \(sequence) \(size)\n")
    }

    private func append(_ line: String) {
        let bytes = Array(line.utf8)
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        precondition(written == bytes.count, "the record cannot be written: errno \(errno)")
    }
}

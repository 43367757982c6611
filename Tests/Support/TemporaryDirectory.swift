import FoundationEssentials
import Glibc

/// A directory that did not exist before; gone with the value.
///
/// On a disk rather than on tmpfs, because the latter of older kernels has no user attributes.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws {
        var template = Array("/var/tmp/martlet-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// A directory within, made now.
    package func directory(_ name: String) throws -> String {
        let whole = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: whole, withIntermediateDirectories: true)
        return whole
    }
}

/// Runs `body` with a directory that did not exist before and is gone after.
package func withTemporaryDirectory<Value>(_ body: (String) throws -> Value) throws -> Value {
    let directory = try TemporaryDirectory()
    return try withExtendedLifetime(directory) { try body(directory.path) }
}

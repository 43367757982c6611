import FoundationEssentials
import Glibc

/// Runs `body` with a directory that did not exist before and is gone after.
func withTemporaryDirectory<Value>(_ body: (String) throws -> Value) throws -> Value {
    var template = Array("/tmp/martlet-tools-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
    let path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } } ?? ""
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

import Foundation
import TestSupport
import Testing

@testable import Base

/// A log that is rotated when somebody says so.
@Suite struct LogFileTests {
    private static func descriptor(of path: String) throws -> Int32 {
        let number = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        return try #require(number >= 0 ? number : nil)
    }

    private static func say(_ text: String, to descriptor: Int32) {
        _ = text.withCString { write(descriptor, $0, strlen($0)) }
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    @Test func `lines go on in a new file of the same name, and so many old ones are kept`() throws
    {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/n.log"
        let log = try Self.descriptor(of: path)
        let output = dup(log)
        defer {
            close(log)
            close(output)
        }
        for number in 0..<8 {
            Self.say("line \(number)\n", to: number.isMultiple(of: 2) ? log : output)
            #expect(try LogFile.rotate(log, along: output) == path)
            #expect(try Self.text(path).isEmpty)
            #expect(try Self.text("\(path).1") == "line \(number)\n")
        }
        Self.say("last\n", to: output)
        #expect(try Self.text(path) == "last\n")
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        #expect(names == ["n.log"] + (1...LogFile.keptMax).map { "n.log.\($0)" })
        #expect(try Self.text("\(path).\(LogFile.keptMax)") == "line 3\n")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o640)
    }

    @Test func `another file than the log's stays where it is`() throws {
        let directory = try TemporaryDirectory()
        let log = try Self.descriptor(of: "\(directory.path)/n.log")
        let other = try Self.descriptor(of: "\(directory.path)/other")
        defer {
            close(log)
            close(other)
        }
        _ = try LogFile.rotate(log, along: other)
        Self.say("here\n", to: other)
        #expect(try Self.text("\(directory.path)/other") == "here\n")
    }

    @Test func `what is no file, or has lost its name, is not rotated`() throws {
        let directory = try TemporaryDirectory()
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let path = "\(directory.path)/n.log"
        let log = try Self.descriptor(of: path)
        defer { for number in ends + [log] { close(number) } }
        #expect(throws: LogFile.Trouble.noFile) { try LogFile.rotate(ends[1]) }
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: LogFile.Trouble.noFile) { try LogFile.rotate(log) }
        try "another".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: LogFile.Trouble.noFile) { try LogFile.rotate(log) }
        #expect(try Self.text(path) == "another")
    }
}

import Foundation

/// Runs commands as an operator would, and finds the executable under test.
enum Shell {
    struct Result {
        let status: Int32
        let output: String
    }

    /// The executable lies beside the tests.
    static var martlet: String {
        let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appending(path: "martlet").path
    }

    /// The repository's root, found from where this file was compiled.
    static let root = String(#filePath.dropLast("/Tests/SystemTests/Shell.swift".count))

    /// Runs a shell command; its exit status, and its output and errors together.
    static func run(_ command: String) throws -> Result {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", command]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
    }
}

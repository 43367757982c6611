import Foundation
import Testing

/// A private mount namespace for tests that mount filesystems or name network namespaces.
///
/// A shell holds it and waits on its input. When this process ends, however it ends, the shell reads the end of that
/// input, kills what was started inside, and is gone; with it go all mounts, namespaces and links.
final class Sandbox {
    /// Why it cannot be had here; `nil` when it can.
    static let obstacle: String? = {
        if getuid() != 0 { return "not root" }
        let probe = try? Shell.run("unshare -m -n --propagation private true")
        return probe?.status == 0 ? nil : "no right to make namespaces"
    }()

    let directory = NSTemporaryDirectory() + "martlet-sandbox-\(UUID().uuidString.prefix(8))"
    private let holder = Process()
    private let input = Pipe()

    init() throws {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let output = Pipe()
        holder.executableURL = URL(filePath: "/usr/bin/env")
        holder.arguments = [
            "unshare", "-m", "--propagation", "private", "sh", "-c",
            """
            mkdir -p /run/netns && mount -t tmpfs none /run/netns && echo ready || exit 1
            read _
            while read pid; do
                grep -qs '^martlet' /proc/$pid/comm && kill -9 $pid
            done < '\(directory)/pids'
            """,
        ]
        try Data().write(to: URL(filePath: "\(directory)/pids"))
        holder.standardInput = input
        holder.standardOutput = output
        try holder.run()
        let word = output.fileHandleForReading.availableData
        guard word.starts(with: Array("ready".utf8)) else { throw Failed(what: "no sandbox") }
    }

    struct Failed: Error, CustomStringConvertible {
        let what: String
        var description: String { what }
    }

    /// What to put before a command so that it runs inside.
    var prefix: String { "nsenter -t \(holder.processIdentifier) -m" }

    /// A command inside that has to work.
    @discardableResult
    func must(_ command: String) throws -> String {
        let quoted = command.replacingOccurrences(of: "'", with: "'\\''")
        let result = try Shell.run("\(prefix) sh -c '\(quoted)'")
        guard result.status == 0 else { throw Failed(what: "\(command): \(result.output)") }
        return result.output
    }

    /// Starts a process inside; its output is appended to a file.
    func start(_ command: String, log: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "exec \(prefix) \(command) >> '\(log)' 2>&1"]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let pids = try FileHandle(forWritingTo: URL(filePath: "\(directory)/pids"))
        try pids.seekToEnd()
        try pids.write(contentsOf: Array("\(process.processIdentifier)\n".utf8))
        try pids.close()
        return process
    }

    func end() {
        try? input.fileHandleForWriting.close()
        holder.waitUntilExit()
        try? FileManager.default.removeItem(atPath: directory)
    }
}

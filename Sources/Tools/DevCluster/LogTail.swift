import Glibc

/// The last lines of a node's log, for error messages.
enum LogTail {
    static func read(_ path: String, lines: Int = Limits.logTailLines) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "(no log)" }
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        let start = max(0, size - off_t(Limits.logTailBytes))
        var bytes = [UInt8](repeating: 0, count: Limits.logTailBytes)
        let count = pread(descriptor, &bytes, bytes.count, start)
        guard count > 0 else { return "(the log is empty)" }
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        let kept = text.split(separator: "\n", omittingEmptySubsequences: true).suffix(lines)
        return kept.map { "  | \($0)" }.joined(separator: "\n")
    }
}

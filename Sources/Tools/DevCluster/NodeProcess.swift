internal import CLinux
import FoundationEssentials
import Glibc

/// A node's operating-system process: started in a session of its own, recognised by its words.
///
/// A recorded pid alone proves nothing: after a reboot, or once the number has been given out
/// again, it may be anybody. So before every signal the process's command line must show this
/// node's id and data directory.
enum NodeProcess {
    enum State: Equatable {
        case gone
        case running
        case paused
    }

    /// Starts a node; its output is appended to its log.
    static func spawn(
        _ executable: String, _ arguments: [String], node: NodeRecord
    ) throws(ClusterError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(
            &actions, 1, node.log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Whoever waits for the end of a pipe that this tool inherited must not wait for the node.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        var defaulted = sigset_t()
        sigemptyset(&defaulted)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD] { sigaddset(&defaulted, signal) }
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setsigdefault(&attributes, &defaulted)
        let newSession: Int32 = 0x80  // POSIX_SPAWN_SETSID, which the Glibc module leaves out
        let flags = newSession | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        var pid: pid_t = 0
        let result = posix_spawn(&pid, executable, &actions, &attributes, words, environ)
        guard result == 0 else {
            throw .spawn(
                node: node.id, reason: "\(executable): \(String(cString: strerror(result)))")
        }
        awaitCommandLine(of: pid)
        return pid
    }

    /// Waits out the instant in which the kernel has replaced the process's memory but not yet
    /// set its command line: until then it could not be told from one that has ended.
    private static func awaitCommandLine(of pid: Int32) {
        let end = ContinuousClock.now + .seconds(1)
        while ContinuousClock.now < end {
            let words = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
            if !words.isEmpty { return }
            guard let letter = stateLetter(of: pid), letter != "Z" else { return }
            usleep(200)
        }
    }

    /// What the node's recorded process is doing, reaping it first if it is a child that ended.
    static func state(of node: NodeRecord) -> State {
        guard node.pid > 0 else { return .gone }
        var status: Int32 = 0
        _ = waitpid(node.pid, &status, WNOHANG)
        guard isStillItself(node) else { return .gone }
        return stateLetter(of: node.pid) == "T" ? .paused : .running
    }

    /// Sends a signal, but only to the process that is certainly this node.
    static func signal(_ node: NodeRecord, _ number: Int32) throws(ClusterError) {
        guard state(of: node) != .gone else { throw .notRunning(node.id) }
        guard kill(node.pid, number) == 0 else {
            let code = errno
            throw code == ESRCH
                ? .notRunning(node.id)
                : .signal(node: node.id, reason: String(cString: strerror(code)))
        }
    }

    /// Waits until the process is gone; false when it is still there after `limit`.
    static func waitUntilGone(_ node: NodeRecord, limit: Duration) -> Bool {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while state(of: node) != .gone {
            guard clock.now < end else { return false }
            usleep(2_000)
        }
        return true
    }

    /// A dead child that nobody reaped counts as gone. Its command line is empty; but so is that of a living process for
    /// a moment, between exec and the first page of its new memory, and then it is asked again.
    private static func isStillItself(_ node: NodeRecord) -> Bool {
        for _ in 0..<Limits.commandLineReadsMax {
            guard let data = FileManager.default.contents(atPath: "/proc/\(node.pid)/cmdline")
            else { return false }
            if data.isEmpty {
                guard let letter = stateLetter(of: node.pid), letter != "Z", letter != "X" else {
                    return false
                }
                usleep(1_000)
                continue
            }
            let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return follows("--id", node.id, in: words) && follows("--data", node.dir, in: words)
        }
        return false
    }

    private static func follows(_ flag: String, _ value: String, in words: [String]) -> Bool {
        zip(words, words.dropFirst()).contains { $0 == flag && $1 == value }
    }

    /// The third field of /proc/PID/stat; the second, in parentheses, may itself hold anything.
    private static func stateLetter(of pid: Int32) -> String? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else {
            return nil
        }
        let text = String(decoding: data, as: UTF8.self)
        guard let close = text.lastIndex(of: ")") else { return nil }
        return text[close...].dropFirst().split(separator: " ").first.map(String.init)
    }
}

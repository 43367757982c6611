import Base
import Glibc
import Simulation

/// Plants every defect in turn, each in a process of its own, and reports which are found.
///
/// A process, because some defects end in a failed precondition, which is a way of being found.
struct TeethRun {
    private let settings: SimulatorSettings

    init(_ settings: SimulatorSettings) { self.settings = settings }

    func run() -> Int32 {
        var missed = 0
        Console.output("defect                        found by\n")
        for defect in Defect.allCases {
            let start = MonotonicTime.now()
            let finding = find(defect)
            let tenths = MonotonicTime.now().since(start) / 100_000_000
            let name = defect.name + String(repeating: " ", count: max(1, 30 - defect.name.count))
            Console.output("\(name)\(finding ?? "NOT FOUND") (\(tenths) tenths of a second)\n")
            if finding == nil { missed += 1 }
        }
        Console.output("\(Defect.allCases.count) defects, \(missed) not found\n")
        return missed == 0 ? 0 : 1
    }

    /// Runs seeds in rounds that grow, until one fails.
    private func find(_ defect: Defect) -> String? {
        var (first, round) = (settings.seed, UInt64(8))
        let end = settings.seed + settings.seeds
        while first < end {
            let count = min(round, end - first)
            let output = output(of: [
                "/proc/self/exe", "sim", "--defect", defect.name, "--seed", "\(first)", "--seeds",
                "\(count)", "--seconds", "\(settings.seconds)", "--jobs", "\(settings.jobs)",
                "--subject", defect.subject.rawValue,
            ])
            if let line = output.split(separator: "\n").first(where: { $0.hasPrefix("seed ") }) {
                return String(line.prefix(100))
            }
            first += count
            round *= 4
        }
        return nil
    }

    private func output(of words: [String]) -> String {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return "" }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var child = pid_t()
        let result = posix_spawn(&child, words[0], &actions, nil, &arguments, environ)
        close(ends[1])
        defer { close(ends[0]) }
        guard result == 0 else { return "" }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(ends[0], &buffer, buffer.count)
            if count <= 0 { break }
            bytes += buffer[..<count]
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        return String(decoding: bytes, as: UTF8.self)
    }
}

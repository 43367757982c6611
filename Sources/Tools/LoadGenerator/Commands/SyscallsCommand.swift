import Base
import FoundationEssentials
import Synchronization

/// `martlet load syscalls`: what the disk allows when nothing else is in the way.
enum SyscallsCommand {
    static let syntax = CommandSyntax(
        "martlet load syscalls",
        summary: "Runs the bare system calls of a durable write: create, write, xattr, fsync, "
            + "rename, fsync of the directory; the same with one commit of a journal; or of a log.",
        options: [
            .repeated("dir", "DIR", "Directories, used by the workers in turn."),
            .value(
                "kind", "put|put-linked|append|rewrite|replicated",
                "Whole objects; the same without a name, written out, linked and flushed; a log that grows; one whose blocks are written over; or three such logs, of which two are waited for.",
                default: "put"),
            .value("size", "SIZE", "Bytes of each write.", default: "4KiB"),
            .value("concurrency", "N", "Workers.", default: "16"),
            .value("duration", "DURATION", "How long.", default: "5s"),
            .flag("json", "Print the result as JSON."),
        ])

    private enum Kind: String {
        case put
        case putLinked = "put-linked"
        case append
        case rewrite
        case replicated

        /// What one thread does by itself.
        var loop: SyscallLoop.Kind? { SyscallLoop.Kind(rawValue: rawValue) }
    }

    private struct Settings: Sendable {
        let directories: [String]
        let kind: Kind
        let size: Int
        let concurrency: Int
        let duration: Duration
        let isJSON: Bool

        func run(
            worker: Int, _ budget: RunBudget, _ tally: inout Tally
        ) throws(SyscallLoop.Failed) {
            let directory = directories[worker % directories.count]
            guard let loop = kind.loop else {
                return try ReplicatedLoop.run(
                    directory: directory, worker: worker, size: size, budget: budget, tally: &tally)
            }
            try SyscallLoop.run(
                loop, directory: directory, worker: worker, size: size, budget: budget,
                tally: &tally)
        }
    }

    static func run(_ words: [String]) -> Int32 {
        let settings: Settings
        switch syntax.evaluate(words, as: Self.settings) {
        case .exit(let status): return status
        case .settings(let value): settings = value
        }
        let state = Outcome()
        let budget = RunBudget(count: nil, duration: settings.duration)
        let (begunAt, begun) = (Date.now, ContinuousClock.now)
        Threads.run(
            (0..<settings.concurrency).map { worker in
                {
                    var tally = Tally()
                    do throws(SyscallLoop.Failed) {
                        try settings.run(worker: worker, budget, &tally)
                    } catch {
                        state.fail("\(error)")
                    }
                    state.add(tally)
                }
            })
        if let failure = state.failure {
            Console.error("martlet load syscalls: \(failure)\n")
            return 1
        }
        let report = LoadReport(
            workload: "syscalls \(settings.kind.rawValue)", concurrency: settings.concurrency,
            begun: begunAt, elapsed: ContinuousClock.now - begun, tally: state.tally)
        Console.output(settings.isJSON ? report.json : report.text)
        return 0
    }

    private static func settings(_ arguments: ParsedArguments) throws(ArgumentError) -> Settings {
        let directories: [String] = try arguments.all("dir")
        if directories.isEmpty { throw .missingFlag("dir", placeholder: "DIR") }
        let word = try arguments.optional("kind") ?? "put"
        guard let kind = Kind(rawValue: word) else {
            throw .badValue(
                name: "--kind", value: word,
                expected: "put, put-linked, append, rewrite or replicated")
        }
        let concurrency = try arguments.optional("concurrency", as: Int.self) ?? 16
        guard (1...Limits.concurrencyMax).contains(concurrency) else {
            throw .refused("--concurrency: from 1 to \(Limits.concurrencyMax)")
        }
        let size = try arguments.optional("size", as: ByteSize.self)?.bytes ?? 4096
        guard (1...Limits.objectBytesMax).contains(size) else {
            throw .refused("--size: from 1 to \(Limits.objectBytesMax) bytes")
        }
        return Settings(
            directories: directories, kind: kind, size: size, concurrency: concurrency,
            duration: try arguments.optional("duration", as: Duration.self) ?? .seconds(5),
            isJSON: arguments.has("json"))
    }

    private final class Outcome: Sendable {
        private let state = Mutex((tally: Tally(), failure: String?.none))
        var tally: Tally { state.withLock { $0.tally } }
        var failure: String? { state.withLock { $0.failure } }
        func add(_ tally: Tally) { state.withLock { $0.tally.add(tally) } }
        func fail(_ reason: String) { state.withLock { $0.failure = reason } }
    }
}

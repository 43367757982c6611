package import Base
import Glibc
import Simulation

/// `martlet sim`: runs simulated groups, one per seed, and says which of them broke a promise.
package enum SimulatorCommand {
    package static let syntax = CommandSyntax(
        "martlet sim",
        summary: "Runs simulated groups of members under faults and checks every step.",
        options: [
            .value("seeds", "N", "how many seeds to run", default: "100"),
            .value("seed", "S", "the first seed", default: "1"),
            .value("seconds", "V", "virtual seconds of faults per seed", default: "60"),
            .value("subject", "NAME", "what is simulated: memory", default: "memory"),
            .value("defect", "NAME", "plant this defect in every member"),
            .flag("trace", "print every message and event"),
        ],
        discussion: """
            Equal seeds give equal runs. A failing seed is printed with the command that replays it; \
            the exit status is 1 when there was one.
            """)

    private struct Settings {
        var seeds: UInt64
        var seed: UInt64
        var seconds: UInt64
        var subject: SubjectName
        var defect: Defect?
        var isTracing: Bool

        init(_ arguments: ParsedArguments) throws(ArgumentError) {
            seeds = try arguments.optional("seeds", as: UInt64.self) ?? 100
            seed = try arguments.optional("seed", as: UInt64.self) ?? 1
            seconds = try arguments.optional("seconds", as: UInt64.self) ?? 60
            let subjectName: String = try arguments.optional("subject") ?? "memory"
            guard let subject = SubjectName(rawValue: subjectName) else {
                throw .badValue(
                    name: "--subject", value: subjectName,
                    expected: SubjectName.allCases.map(\.rawValue).joined(separator: ", "))
            }
            self.subject = subject
            let name: String? = try arguments.optional("defect")
            defect = name.flatMap(Defect.init(rawValue:))
            isTracing = arguments.has("trace")
            if let name, defect == nil {
                throw .badValue(
                    name: "--defect", value: name,
                    expected: Defect.allCases.map(\.rawValue).joined(separator: ", "))
            }
        }
    }

    /// Runs the simulation; the result is the exit status.
    package static func run(arguments: [String]) -> Int32 {
        switch syntax.evaluate(arguments, as: Settings.init) {
        case .exit(let status): status
        case .settings(let settings): run(settings)
        }
    }

    private static func run(_ settings: Settings) -> Int32 {
        var failures = 0
        var virtual = 0.0
        var steps = 0
        var totals = (acknowledged: 0, unknown: 0, reads: 0, elections: 0, crashes: 0, snapshots: 0)
        let start = MonotonicTime.now()
        for seed in settings.seed..<settings.seed + settings.seeds {
            reportTraps(seed: seed, seconds: settings.seconds)
            guard let verdict = verdict(on: seed, settings) else { return 1 }
            virtual += verdict.virtualSeconds
            steps += verdict.steps
            totals.acknowledged += verdict.acknowledged
            totals.unknown += verdict.unknown
            totals.reads += verdict.reads
            totals.elections += verdict.elections
            totals.crashes += verdict.crashes
            totals.snapshots += verdict.snapshots
            for line in verdict.trace { Console.output(line + "\n") }
            if let violation = verdict.violation {
                failures += 1
                Console.output(
                    """
                    seed \(seed): \(violation)
                      \(verdict.faults.text)
                      replay: martlet sim --seeds 1 --seed \(seed) --seconds \(settings.seconds) \
                    --subject \(settings.subject.rawValue)\
                    \(settings.defect.map { " --defect \($0.rawValue)" } ?? "") --trace

                    """)
            }
        }
        let real = max(Double(MonotonicTime.now().since(start)) / 1e9, 0.001)
        Console.output(
            """
            \(settings.seeds) seeds, \(failures) failed; \(Int(virtual)) virtual seconds in \
            \(Int(real * 10)) tenths of a second (\(Int(virtual / real)) times real time), \
            \(steps) steps
            \(totals.acknowledged) writes acknowledged, \(totals.unknown) unknown, \
            \(totals.reads) reads, \(totals.elections) elections, \(totals.crashes) crashes, \
            \(totals.snapshots) snapshots installed

            """)
        return failures == 0 ? 0 : 1
    }

    private static func verdict(on seed: UInt64, _ settings: Settings) -> Campaign.Verdict? {
        do {
            return try Campaign.run(
                settings.subject, seed: seed, seconds: settings.seconds, defect: settings.defect,
                isTracing: settings.isTracing)
        } catch {
            Console.error("martlet sim: seed \(seed): \(error)\n")
            return nil
        }
    }

    // MARK: traps

    /// The words to print when a precondition fails; written before each seed, read in the handler.
    // Safety: one thread writes it, and the handler runs on that thread.
    nonisolated(unsafe) private static var lastWords: [UInt8] = []

    /// A failed precondition ends the process: the seed must be on the terminal by then.
    private static func reportTraps(seed: UInt64, seconds: UInt64) {
        lastWords = Array(
            "seed \(seed): trap\n  replay: martlet sim --seeds 1 --seed \(seed) --seconds \(seconds)\n"
                .utf8)
        let handler: @convention(c) (Int32) -> Void = { number in
            _ = write(STDOUT_FILENO, SimulatorCommand.lastWords, SimulatorCommand.lastWords.count)
            signal(number, SIG_DFL)
            raise(number)
        }
        for number in [SIGILL, SIGTRAP] { signal(number, handler) }
    }
}

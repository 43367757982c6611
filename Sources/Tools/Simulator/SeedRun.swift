import Base
import Simulation
import Synchronization

/// Runs seeds on several threads and reports.
struct SeedRun {
    private let settings: SimulatorSettings

    init(_ settings: SimulatorSettings) { self.settings = settings }

    private final class Board: Sendable {
        struct State {
            var next: UInt64
            var end: UInt64
            var failures: [Campaign.Verdict] = []
            var counts = Counts()
            var coverage = Coverage()
            var virtual = 0.0
            var steps = 0
            var trace: [String] = []
        }
        let state: Mutex<State>

        init(_ settings: SimulatorSettings) {
            let count = settings.plan == nil ? settings.seeds : 1
            state = Mutex(State(next: settings.seed, end: settings.seed + count))
        }

        func next() -> UInt64? {
            state.withLock { state in
                guard state.next < state.end else { return nil }
                state.next += 1
                return state.next - 1
            }
        }
    }

    func run() -> Int32 {
        let start = MonotonicTime.now()
        let board = Board(settings)
        LastWords.prepare(threads: settings.jobs)
        let settings = settings
        let threads = (0..<settings.jobs).map { place in
            WorkerThread.start("sim-\(place)") {
                LastWords.listen(place: place)
                while let seed = board.next() { Self.run(seed, settings, board, place) }
            }
        }
        for thread in threads { thread.join() }
        let real = max(Double(MonotonicTime.now().since(start)) / 1e9, 0.001)
        return board.state.withLock { report($0, real) }
    }

    private static func run(
        _ seed: UInt64, _ settings: SimulatorSettings, _ board: Board, _ place: Int
    ) {
        LastWords.set(
            "seed \(seed): trap\n  replay: \(settings.replay(seed))\n", place: place)
        let plan = settings.plan(of: seed)
        let verdict: Campaign.Verdict
        do {
            verdict = try Campaign.run(
                plan, defect: settings.defect, isTracing: settings.isTracing)
        } catch {
            Console.error("martlet sim: seed \(seed): \(error)\n")
            return
        }
        board.state.withLock { state in
            state.counts += verdict.counts
            state.coverage += verdict.coverage
            state.virtual += verdict.virtualSeconds
            state.steps += verdict.steps
            state.trace += verdict.trace
            if verdict.violation != nil { state.failures.append(verdict) }
        }
    }

    private func report(_ state: Board.State, _ real: Double) -> Int32 {
        for line in state.trace { Console.output(line + "\n") }
        for failure in state.failures.sorted(by: { $0.plan.seed < $1.plan.seed }) {
            Console.output(
                """
                seed \(failure.plan.seed): \(failure.violation?.text ?? "")
                  \(failure.plan.summary)
                  replay: \(settings.replay(failure.plan.seed))

                """)
        }
        let counts = state.counts
        Console.output(
            """
            \(state.end - settings.seed) seeds, \(state.failures.count) failed, \
            \(counts.undecided) undecided; \(Int(state.virtual)) virtual seconds in \
            \(Int(real * 10)) tenths of a second (\(Int(state.virtual / real)) times real time), \
            \(state.steps) steps
            \(counts.acknowledged) writes acknowledged, \(counts.unknown) unknown, \
            \(counts.lookups) looked up, \(counts.reads) reads, \(counts.elections) elections, \(counts.crashes) crashes, \
            \(counts.snapshots) snapshots installed, \(counts.recoveries) forced recoveries, \
            \(counts.lost) acknowledged writes left in branches

            """)
        if settings.showsCoverage { Console.output(state.coverage.table) }
        shrink(state)
        let isCovered = !settings.isNight || isCovered(state.coverage)
        return state.failures.isEmpty && counts.undecided == 0 && isCovered ? 0 : 1
    }

    private func isCovered(_ coverage: Coverage) -> Bool {
        let rare = coverage.rarer(than: SimulatorSettings.nightStrikes)
        for name in rare { Console.output("too rare: \(name)\n") }
        return rare.isEmpty
    }

    private func shrink(_ state: Board.State) {
        guard let path = settings.shrinkPath, let first = state.failures.first,
            let violation = first.violation
        else { return }
        let small = Shrinker(defect: settings.defect).shrink(first.plan, violation)
        if PlanFile.write(small.text, to: path) {
            Console.output("a smaller plan is in \(path): \(small.summary)\n")
        } else {
            Console.error("martlet sim: cannot write \(path)\n")
        }
    }
}

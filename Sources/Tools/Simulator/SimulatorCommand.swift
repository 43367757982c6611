package import Base
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
            .value(
                "subject", "NAME",
                "what is simulated: memory, disk, sessions, or mixed (one in 16 on disk, one with sessions)",
                default: "mixed"),
            .value("jobs", "J", "seeds that run at the same time", default: "one per core"),
            .value("voters", "N", "so many in every group, whatever the seed says"),
            .value("defect", "NAME", "plant this defect in every member"),
            .value("plan", "FILE", "run the plan in this file instead of seeds"),
            .value("shrink", "FILE", "make the first failing plan small and write it here"),
            .flag("calm", "no faults: three voters, two clients"),
            .flag("coverage", "count which faults struck whom"),
            .flag("teeth", "plant every defect in turn and see which are found"),
            .flag("night", "80000 seeds, an hour; every fault must have struck every role"),
            .flag("trace", "print every message and event"),
        ],
        discussion: """
            Equal seeds give equal runs. A failing seed is printed with the command that replays it; \
            the exit status is 1 when there was one, or when one could not be decided.
            """)

    /// Runs the simulation; the result is the exit status.
    package static func run(arguments: [String]) -> Int32 {
        switch syntax.evaluate(arguments, as: SimulatorSettings.init) {
        case .exit(let status): status
        case .settings(let settings):
            if settings.isTeeth {
                TeethRun(settings).run()
            } else {
                SeedRun(settings).run()
            }
        }
    }
}

package import Base

/// `martlet sim`: the entry point of the simulator.
package enum SimulatorCommand {
    package static let syntax = CommandSyntax("martlet sim", summary: "Runs simulated clusters.")

    /// Runs the simulation; the result is the exit status.
    package static func run(arguments: [String]) -> Int32 {
        switch syntax.evaluate(arguments, as: { _ in }) {
        case .exit(let status): return status
        case .settings:
            Console.error("martlet sim: this build has no simulator\n")
            return 1
        }
    }
}

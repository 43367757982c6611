package import Base

/// `martlet target`: the entry point of the target daemon.
package enum TargetCommand {
    package static let syntax = CommandSyntax("martlet target", summary: "Runs a target.")

    /// Runs the daemon until it is told to stop; the result is the exit status.
    package static func run(arguments: [String]) async -> Int32 {
        switch syntax.evaluate(arguments, as: { _ in }) {
        case .exit(let status): return status
        case .settings:
            Console.error("martlet target: this build has no target daemon\n")
            return 1
        }
    }
}

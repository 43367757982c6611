package import Base

/// `martlet load`: the entry point of the load generator.
package enum LoadCommand {
    package static let syntax = CommandSyntax(
        "martlet load", summary: "Puts load on a cluster.", positionals: ["COMMAND"])

    /// Runs one load; the result is the exit status.
    package static func run(arguments: [String]) async -> Int32 {
        switch syntax.evaluate(arguments, as: { _ in }) {
        case .exit(let status): return status
        case .settings:
            Console.error("martlet load: this build has no load generator\n")
            return 1
        }
    }
}

package import Base

/// `martlet cluster`: the entry point of the local cluster tool.
package enum ClusterCommand {
    package static let syntax = CommandSyntax(
        "martlet cluster", summary: "Runs a cluster of local processes.", positionals: ["COMMAND"])

    /// Runs one command; the result is the exit status.
    package static func run(arguments: [String]) -> Int32 {
        switch syntax.evaluate(arguments, as: { _ in }) {
        case .exit(let status): return status
        case .settings:
            Console.error("martlet cluster: this build has no commands\n")
            return 1
        }
    }
}

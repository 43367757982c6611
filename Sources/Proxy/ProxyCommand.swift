package import Base

/// `martlet proxy`: the entry point of the proxy daemon.
package enum ProxyCommand {
    package static let syntax = CommandSyntax("martlet proxy", summary: "Runs a proxy.")

    /// Runs the daemon until it is told to stop; the result is the exit status.
    package static func run(arguments: [String]) async -> Int32 {
        switch syntax.evaluate(arguments, as: { _ in }) {
        case .exit(let status): return status
        case .settings:
            Console.error("martlet proxy: this build has no proxy daemon\n")
            return 1
        }
    }
}

import Base

/// `martlet cluster stop`: ends every node in good order.
enum StopCommand {
    static let syntax = CommandSyntax(
        "martlet cluster stop",
        summary: "Stops every node: SIGTERM, and SIGKILL for those that take too long. "
            + "The data stays; start resumes the cluster.",
        options: [ClusterCommand.directoryOption])

    static func run(_ words: [String]) -> Int32 {
        let directory: String
        switch syntax.evaluate(
            words,
            as: { (arguments) throws(ArgumentError) in
                try arguments.optional("dir") ?? ".cluster"
            })
        {
        case .exit(let status): return status
        case .settings(let value): directory = value
        }
        return ClusterCommand.attempt("stop") { () throws(ClusterError) in
            let cluster = try LocalCluster(directory: ClusterDirectory(existing: directory))
            let running = try cluster.nodes().filter { NodeProcess.state(of: $0) != .gone }
            let killed = try cluster.stop()
            Console.output(
                running.isEmpty
                    ? "No node was running.\n"
                    : "Stopped \(running.map(\.id).joined(separator: " ")).\n")
            if !killed.isEmpty {
                Console.error("Had to be killed: \(killed.joined(separator: " "))\n")
            }
            return 0
        }
    }
}

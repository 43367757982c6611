import Base

/// `martlet cluster add`: one more node, with the next free id and port.
enum AddCommand {
    static let syntax = CommandSyntax(
        "martlet cluster add",
        summary: "Adds a proxy or a target with the next free id and port, starts it, and waits "
            + "until the cluster with it is ready.",
        options: [
            .value("role", "proxy|target", "What to add."), ClusterCommand.directoryOption,
            .value("timeout", "DURATION", "How long to wait until it is ready.", default: "60s"),
        ])

    static func run(_ words: [String]) -> Int32 {
        let settings: (role: NodeRecord.Role, directory: String, timeout: Duration)
        switch syntax.evaluate(
            words,
            as: { (arguments) throws(ArgumentError) in
                let role: String = try arguments.required("role")
                guard let role = NodeRecord.Role(rawValue: role) else {
                    throw .badValue(name: "--role", value: role, expected: "proxy or target")
                }
                return (
                    role, try arguments.optional("dir") ?? ".cluster",
                    try arguments.optional("timeout", as: Duration.self) ?? Limits.readyTimeout
                )
            })
        {
        case .exit(let status): return status
        case .settings(let value): settings = value
        }
        return ClusterCommand.attempt("add") { () throws(ClusterError) in
            let cluster = try LocalCluster(
                directory: ClusterDirectory(existing: settings.directory))
            let node = try cluster.add(settings.role)
            try cluster.waitUntilJoined(node.id, timeout: settings.timeout)
            Console.output("Added \(node.id) at \(node.url) (pid \(node.pid)).\n")
            return 0
        }
    }
}

import Base

/// `martlet cluster kill|pause|resume|restart NODE`.
enum NodeCommand {
    enum Verb: String {
        case kill
        case pause
        case resume
        case restart

        var summary: String {
            switch self {
            case .kill: "Ends a node without warning (SIGKILL) and waits until it is gone."
            case .pause: "Freezes a node (SIGSTOP): its connections stay open and silent."
            case .resume: "Lets a frozen node go on (SIGCONT)."
            case .restart: "Starts a node that is not running, with the arguments it had."
            }
        }
    }

    static func run(_ verb: Verb, _ words: [String]) -> Int32 {
        let syntax = CommandSyntax(
            "martlet cluster \(verb.rawValue)", summary: verb.summary,
            options: [ClusterCommand.directoryOption], positionals: ["NODE"])
        let settings: (node: String, directory: String)
        switch syntax.evaluate(
            words,
            as: { (arguments) throws(ArgumentError) in
                (
                    try arguments.positional(0, as: String.self),
                    try arguments.optional("dir") ?? ".cluster"
                )
            })
        {
        case .exit(let status): return status
        case .settings(let value): settings = value
        }
        return ClusterCommand.attempt(verb.rawValue) { () throws(ClusterError) in
            let cluster = try LocalCluster(
                directory: ClusterDirectory(existing: settings.directory))
            switch verb {
            case .kill: try cluster.kill(settings.node)
            case .pause: try cluster.pause(settings.node)
            case .resume: try cluster.resume(settings.node)
            case .restart: try cluster.restart(settings.node)
            }
            return 0
        }
    }
}

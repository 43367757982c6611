import Base

/// `martlet cluster`: a cluster of local processes, for trying things out and for tests.
package enum ClusterCommand {
    /// Runs one of the commands below; the result is the exit status.
    package static func run(arguments: [String]) -> Int32 {
        guard let word = arguments.first else {
            Console.error(help)
            return 2
        }
        let rest = Array(arguments.dropFirst())
        switch word {
        case "start": return StartCommand.run(rest)
        case "stop": return StopCommand.run(rest)
        case "kill", "pause", "resume", "restart":
            return NodeCommand.run(NodeCommand.Verb(rawValue: word) ?? .restart, rest)
        case "add": return AddCommand.run(rest)
        case "status": return StatusCommand.run(rest)
        case "help", "--help", "-h":
            Console.output(help)
            return 0
        default:
            Console.error("martlet cluster: unknown command \"\(word)\"\n\n\(help)")
            return 2
        }
    }

    /// The flag every command has.
    static let directoryOption = CommandOption.value(
        "dir", "DIR", "The directory the cluster lives in.", default: ".cluster")

    /// Runs a command's work; what it throws is printed, and the status is 1.
    static func attempt(
        _ command: String, _ work: () throws(ClusterError) -> Int32
    ) -> Int32 {
        do throws(ClusterError) {
            return try work()
        } catch {
            Console.error("martlet cluster \(command): \(error)\n")
            return 1
        }
    }

    private static let help = """
        Usage: martlet cluster COMMAND [flags]

        Runs a cluster of local processes. Everything it keeps is under one directory (--dir, by
        default .cluster): cluster.json, logs/ID.log, the nodes' data, and the targets' mountpaths.

          start          Start a cluster, or resume the one in the directory; wait until it is ready
          stop           Stop every node; nothing is lost, start brings the cluster back
          status         Show every node: alive, ready, who is primary, versions
          kill NODE      End a node without warning (SIGKILL)
          pause NODE     Freeze a node (SIGSTOP)
          resume NODE    Let a frozen node go on (SIGCONT)
          restart NODE   Start a node that is not running, with the arguments it had
          add            Add a proxy or a target and start it

        """
}

import Base
import DevCluster
import Glibc
import LoadGenerator
import Proxy
import Simulator
import Target

/// The one executable: its first word chooses what it does.
@main
struct Martlet {
    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        guard let subcommand = words.first else {
            Console.error(help)
            exit(2)
        }
        let arguments = Array(words.dropFirst())
        exit(CallingThread.run { await run(subcommand, arguments) })
    }

    private static func run(_ subcommand: String, _ arguments: [String]) async -> Int32 {
        switch subcommand {
        case "proxy": await ProxyCommand.run(arguments: arguments)
        case "target": await TargetCommand.run(arguments: arguments)
        case "cluster": ClusterCommand.run(arguments: arguments)
        case "load": await LoadCommand.run(arguments: arguments)
        case "sim": SimulatorCommand.run(arguments: arguments)
        case "recovery": await RecoveryCommand.run(arguments: arguments)
        case "version", "--version": showVersion()
        case "help", "--help", "-h": await showHelp(arguments)
        default: refuse(subcommand)
        }
    }

    /// `martlet help proxy` is `martlet proxy --help`.
    private static func showHelp(_ arguments: [String]) async -> Int32 {
        guard let topic = arguments.first else {
            Console.output(help)
            return 0
        }
        let words = arguments.dropFirst() + ["--help"]
        switch topic {
        case "proxy": return await ProxyCommand.run(arguments: Array(words))
        case "target": return await TargetCommand.run(arguments: Array(words))
        case "cluster": return ClusterCommand.run(arguments: Array(words))
        case "load": return await LoadCommand.run(arguments: Array(words))
        case "sim": return SimulatorCommand.run(arguments: Array(words))
        case "recovery": return await RecoveryCommand.run(arguments: Array(words))
        default: return refuse(topic)
        }
    }

    private static func showVersion() -> Int32 {
        Console.output("martlet \(Version.current)\n")
        return 0
    }

    private static func refuse(_ subcommand: String) -> Int32 {
        Console.error("martlet: unknown command \"\(subcommand)\"\n\n\(help)")
        return 2
    }

    private static let help = """
        Usage: martlet COMMAND [flags]

        A highly available object-storage cluster.

        Daemons:
          proxy      Run a proxy (gateway): answers the REST API, holds the replicated metadata
          target     Run a target: stores objects on its mountpaths

        Tools:
          cluster    Start, stop and disturb a cluster of local processes
          load       Put load on a cluster, record what it acknowledged, verify it later
          sim        Run the replicated log under a seeded clock, network and disk
          recovery   Look at the log of a proxy that does not run, repair it or set it aside

          version    Print the version
          help       Print this text, or the help of a command: martlet help cluster

        Every command and subcommand explains its flags with --help.

        """
}

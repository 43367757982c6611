import Base

/// `martlet load`: closed-loop load on a cluster or on any web server, and its verification.
package enum LoadCommand {
    /// Runs one of the commands below; the result is the exit status.
    package static func run(arguments: [String]) async -> Int32 {
        guard let word = arguments.first else {
            Console.error(help)
            return 2
        }
        let rest = Array(arguments.dropFirst())
        if let workload = Workload(rawValue: word) { return RunCommand.run(workload, rest) }
        switch word {
        case "verify": return VerifyCommand.run(rest)
        case "syscalls": return SyscallsCommand.run(rest)
        case "help", "--help", "-h":
            Console.output(help)
            return 0
        default:
            Console.error("martlet load: unknown command \"\(word)\"\n\n\(help)")
            return 2
        }
    }

    private static let help = """
        Usage: martlet load COMMAND [flags]

        Closed-loop load: so many workers, each waiting for its answer before it asks again.

          get            Read objects that it stores first, and compare every byte
          put            Store objects under new names
          bucket-create  Create buckets under new names
          bucket-cycle   Create and destroy buckets, each worker its own
          bucket-head    Read the properties of a bucket, as a majority has them
          etcd-put       Put keys at an etcd cluster, to compare with
          etcd-get       Read a key of an etcd cluster, to compare with
          mixed          Seven reads to three writes, each worker on objects of its own
          verify         Look for everything an earlier run recorded as acknowledged
          syscalls       The bare system calls of a durable write, to compare with

        """
}

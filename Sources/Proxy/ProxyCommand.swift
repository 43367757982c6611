package import Base
import Glibc

/// `martlet proxy`: the entry point of the proxy daemon.
package enum ProxyCommand {
    package static let syntax = CommandSyntax(
        "martlet proxy",
        summary: "Runs a proxy: answers the REST API, holds the replicated metadata.",
        options: [
            .value("id", "ID", "This node's name, unique in the cluster and kept for ever"),
            .value("listen", "HOST:PORT", "Where to listen"),
            .value(
                "advertise", "HOST:PORT", "Where other nodes and clients reach it",
                default: "the value of --listen"),
            .value("data", "DIR", "Where the log is kept; made when it is missing"),
            .flag(
                "found",
                "Found a new cluster, if DIR holds no log yet and no proxy of --join has a cluster"),
            .value(
                "found-from", "TARGET[,TARGET]",
                "Found a new proxy group on the state that targets have cached, when every proxy is lost and DIR"
                    + " holds no log; a target's URL, or the data directory of a dead one"),
            .value("take", "ID", "With --found-from: the target whose state is gone on from"),
            .value(
                "token", "TOKEN",
                "With --found-from: of the plan that was read, where something may be lost"),
            .flag("plan", "With --found-from: print what would be done, and end"),
            .value("join", "URL[,URL]", "Proxies to join through, if DIR holds no log yet"),
            .flag("non-electable", "Never vote and never become primary"),
            .value("config", "FILE", "Further settings, as JSON"),
        ],
        discussion: """
            A cluster is founded once, by one proxy with --found. Every later start on a directory that \
            holds a log resumes, whatever else is said (only --found-from refuses one that it has not made); every start on an empty one joins. Who is \
            primary is decided by the log alone.

            When every proxy is lost, --found-from goes on from the newest committed state that targets have cached, as a new \
            generation of the same cluster. All targets on its map are asked; it is refused while a proxy of \
            the cluster answers. Look at it with --plan first. Further proxies join as usual.
            """)

    /// Runs the daemon until it is told to stop; the result is the exit status.
    package static func run(arguments: [String]) async -> Int32 {
        switch syntax.evaluate(
            arguments,
            as: { (arguments) throws(ArgumentError) in try ProxySettings(arguments) })
        {
        case .exit(let status): return status
        case .settings(let settings):
            if let wish = settings.foundsFrom, wish.isPlan {
                let plan = await FoundingFromTargets.plan(settings, wish)
                Console.output(String(decoding: plan.encoded, as: UTF8.self))
                return 0
            }
            let stop = StopSignal()
            do {
                let daemon = try await ProxyDaemon(settings, stop: stop.latch)
                let status = await daemon.run()
                return daemon.restarts ? beginAnew() : status
            } catch {
                Console.error("martlet proxy: \(error)\n")
                return 1
            }
        }
    }

    /// Replaces this process by the same program with the same arguments; descriptors do not survive that, and with them
    /// the log's lock goes.
    ///
    /// - Returns: only when that fails; whoever starts this process again helps as well.
    private static func beginAnew() -> Int32 {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let name = String(decoding: buffer.prefix(max(0, count)).map(UInt8.init), as: UTF8.self)
        // Its file may have been replaced since; the kernel still has the one that runs.
        for path in [name, "/proc/self/exe"] where access(path, X_OK) == 0 {
            execv(path, CommandLine.unsafeArgv)
        }
        Console.error("martlet proxy: cannot begin again: \(String(cString: strerror(errno)))\n")
        return 1
    }
}

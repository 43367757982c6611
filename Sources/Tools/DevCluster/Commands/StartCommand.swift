import Base
import Glibc

/// `martlet cluster start`: from nothing, or from what is in the directory, to a ready cluster.
enum StartCommand {
    struct Settings {
        var plan = ClusterPlan()
        var directory = ".cluster"
        var isDetached = false
        var timeout = Limits.readyTimeout
        /// Flags that describe a fresh cluster and mean nothing to one that is there.
        var planFlags: [String] = []
    }

    static let syntax = CommandSyntax(
        "martlet cluster start",
        summary: "Starts proxies and targets on loopback, each a process of its own, and waits "
            + "until a bucket could be created. In the foreground, Ctrl-C stops them all.",
        options: [
            .value("proxies", "N", "Proxies of a fresh cluster.", default: "3"),
            .value("targets", "N", "Targets of a fresh cluster.", default: "3"),
            .value("mountpaths", "N", "Mountpaths of each target.", default: "2"),
            .value(
                "base-port", "PORT",
                "Port of the first proxy; the others follow. 0 takes free ones.",
                default: "8080"),
            .value("config", "FILE", "Configuration file that every node is started with."),
            ClusterCommand.directoryOption,
            .flag("detach", "Return when the cluster is ready and leave it running."),
            .value("timeout", "DURATION", "How long to wait until it is ready.", default: "60s"),
        ],
        discussion: "A directory that holds a cluster already is resumed: nodes that are not "
            + "running are started with the ids and ports they had, the others are left alone.")

    static func run(_ words: [String]) -> Int32 {
        switch syntax.evaluate(words, as: settings) {
        case .exit(let status): return status
        case .settings(let settings):
            return ClusterCommand.attempt("start") { () throws(ClusterError) in
                try start(settings)
            }
        }
    }

    private static func settings(_ arguments: ParsedArguments) throws(ArgumentError) -> Settings {
        var settings = Settings()
        if let count = try arguments.optional("proxies", as: Int.self) {
            guard count >= 1 else { throw .refused("--proxies: a cluster needs at least one") }
            settings.plan.proxies = count
        }
        if let count = try arguments.optional("targets", as: Int.self) {
            guard count >= 0 else { throw .refused("--targets: less than none is not possible") }
            settings.plan.targets = count
        }
        if let count = try arguments.optional("mountpaths", as: Int.self) {
            guard (1...Limits.mountpathsMax).contains(count) else {
                throw .refused("--mountpaths: from 1 to \(Limits.mountpathsMax)")
            }
            settings.plan.mountpathsPerTarget = count
        }
        settings.plan.basePort = try arguments.optional("base-port", as: UInt16.self) ?? 8080
        settings.plan.config = try arguments.optional("config")
        settings.directory = try arguments.optional("dir") ?? settings.directory
        settings.isDetached = arguments.has("detach")
        settings.timeout = try arguments.optional("timeout", as: Duration.self) ?? settings.timeout
        settings.planFlags = ["proxies", "targets", "mountpaths", "base-port", "config"]
            .filter { arguments.has($0) }
        return settings
    }

    private static func start(_ settings: Settings) throws(ClusterError) -> Int32 {
        let begun = ContinuousClock.now
        let directory = try ClusterDirectory(creating: settings.directory)
        let cluster = try LocalCluster(directory: directory)
        let resumes = directory.hasCluster
        if resumes, !settings.planFlags.isEmpty {
            let flags = settings.planFlags.map { "--\($0)" }.joined(separator: ", ")
            Console.error(
                "\(directory.path) holds a cluster already and is resumed as it is; "
                    + "\(flags) would only shape a fresh one\n")
        }
        if !settings.isDetached { Foreground.blockSignals() }
        let started: [String]
        do throws(ClusterError) {
            started = try cluster.launch(settings.plan)
            let primary = try cluster.waitUntilReady(timeout: settings.timeout)
            let nodes = try cluster.nodes()
            announce(nodes, primary: primary, started: started, begun: begun, directory: directory)
        } catch {
            try abandon(cluster, wasThereBefore: resumes)
            throw error
        }
        return settings.isDetached ? 0 : try Foreground.watch(cluster)
    }

    /// A start that failed leaves nothing running; a fresh one also leaves the directory free.
    private static func abandon(
        _ cluster: LocalCluster, wasThereBefore: Bool
    ) throws(ClusterError) {
        guard cluster.directory.hasCluster else { return }
        _ = try cluster.stop()
        if !wasThereBefore { unlink(cluster.directory.clusterFilePath) }
    }

    private static func announce(
        _ nodes: [NodeRecord], primary: String, started: [String],
        begun: ContinuousClock.Instant, directory: ClusterDirectory
    ) {
        let elapsed = ContinuousClock.now - begun
        let milliseconds = elapsed / .milliseconds(1)
        let proxies = nodes.filter { $0.role == .proxy }
        let targets = nodes.filter { $0.role == .target }
        let what =
            started.isEmpty ? "all were running" : "started \(started.joined(separator: " "))"
        Console.output(
            """
            Ready in \(Int(milliseconds)) ms: \(proxies.count) proxies, \(targets.count) targets, \
            primary \(primary) (\(what)).
            Logs: \(directory.logsPath)/ID.log   Nodes: \(directory.clusterFilePath)
            Proxies: \(proxies.map(\.url).joined(separator: " "))

            Try, through any proxy:


            """)
        if let url = proxies.first?.url { Console.output(CurlLines.text(proxy: url)) }
    }
}

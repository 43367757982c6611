import API
package import Base
import Cluster
import Glibc
import HTTP

/// `martlet target`: the entry point of the target daemon.
package enum TargetCommand {
    package static let syntax = CommandSyntax(
        "martlet target",
        summary: "Runs a target: a node that stores objects on its mountpaths.",
        options: [
            .value("id", "ID", "The node's name, unique in its cluster and kept for ever."),
            .value(
                "listen", "HOST:PORT",
                "Where it listens, and what the cluster is told: other nodes and clients must be"
                    + " able to reach it."),
            .value("data", "DIR", "The node's own directory; made when missing."),
            .repeated(
                "mountpath", "DIR",
                "Where objects are kept: an existing directory on a filesystem of its own. The first start"
                    + " decides; later ones go by what the target remembers."),
            .flag(
                "share-filesystem",
                "Let mountpaths lie on one filesystem: for trying things out, not for objects that"
                    + " matter."),
            .value("join", "URL[,URL]", "Proxies of the cluster to join through."),
            .value("config", "FILE", "Node settings, a JSON object; see below."),
        ],
        discussion: """
            The target stores nothing of the cluster's metadata: it follows the log of the proxies, and joins
            the map by itself. It refuses mountpaths that belong to another target, and a cluster other
            than its own.

            Node settings (all optional, unknown ones are refused):
              {"log_level": "info", "target": {"pool_threads": 32, "quick_threads": 4, "scan_threads": 4,
               "open_objects": 8192, "loops": 0}}

            SIGTERM and SIGINT let what is under way end, for five seconds at most.
            Exit status: 0 stopped as told, 1 the world refused (port, disk, foreign mountpath), 2 wrong flags.
            """)

    /// Runs the daemon until it is told to stop; the result is the exit status.
    package static func run(arguments: [String]) async -> Int32 {
        switch syntax.evaluate(arguments, as: settings) {
        case .exit(let status): return status
        case .settings(let settings):
            // Before any other thread, so that all inherit the blocked signals.
            let stop = StopSignal()
            do {
                let daemon = try TargetDaemon(settings)
                await daemon.run(until: { await stop.latch.wait() })
                return 0
            } catch {
                Console.error("martlet target: \(error)\n")
                return 1
            }
        }
    }

    private static func settings(_ arguments: ParsedArguments) throws(ArgumentError)
        -> TargetSettings
    {
        let text = try arguments.required("id")
        guard let id = NodeID(text) else {
            throw .badValue(
                name: "--id", value: text,
                expected: "a node's name (letters, digits, '.', '_', ':' and '-')")
        }
        let address = try address(try arguments.required("listen"))
        let mountpaths = try arguments.all("mountpath")
        guard !mountpaths.isEmpty else { throw .missingFlag("mountpath", placeholder: "DIR") }
        var joins: [Endpoint] = []
        for url in try arguments.required("join").split(separator: ",") {
            do throws(ClientError) {
                joins.append(try Endpoint(String(url)))
            } catch {
                throw .refused("--join: \(error)")
            }
        }
        guard !joins.isEmpty else { throw .missingFlag("join", placeholder: "URL[,URL]") }
        let isLocal = isLoopback(address.host)
        if isLocal, let far = joins.first(where: { !isLoopback($0.host) }) {
            throw .refused(
                "--listen: \(address) is reached from this machine only, but the cluster is at \(far)"
            )
        }
        var settings = TargetSettings(
            id: id, host: address.host, port: Int(address.port),
            dataPath: try arguments.required("data"), mountpaths: mountpaths, joins: joins)
        settings.sharesFilesystem = arguments.has("share-filesystem")
        if let path = try arguments.optional("config") { settings.node = try nodeSettings(path) }
        return settings
    }

    /// The address is what the whole cluster is told, so it must mean the same everywhere.
    private static func address(_ text: String) throws(ArgumentError) -> NodeAddress {
        if text.hasPrefix(":") {
            throw .refused("--listen: \(text) names no host, and other nodes must reach this one")
        }
        guard let address = NodeAddress(text: text) else {
            throw .badValue(name: "--listen", value: text, expected: "HOST:PORT with a port from 1")
        }
        if address.host.split(separator: ".").allSatisfy({ $0 == "0" }) {
            throw .refused(
                "--listen: \(text) means every address of this machine, and no other node can reach"
                    + " it by that; name the one they are to use")
        }
        return address
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host.hasPrefix("127.")
    }

    private static func nodeSettings(_ path: String) throws(ArgumentError) -> NodeSettings {
        do {
            let place = Directory.parent(of: path) ?? "."
            let name = path.split(separator: "/").last.map(String.init) ?? path
            let directory = try Directory(opening: place.isEmpty ? "/" : place)
            guard
                let bytes = try SmallFile.read(
                    name, in: directory, limit: TargetLimits.configBytesMax)
            else { throw FileError("open", path, ENOENT) }
            return try NodeSettings(decoding: bytes)
        } catch let failure as Failure {
            let help = (failure.cause ?? failure.next).map { " (\($0))" } ?? ""
            throw .refused("--config \(path): \(failure.message)\(help)")
        } catch {
            throw .refused("--config: \(error)")
        }
    }
}

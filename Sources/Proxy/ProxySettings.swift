import API
import Base
import Cluster
import FoundationEssentials
import HTTP

/// What a proxy is started with.
struct ProxySettings: Sendable {
    var id: NodeID
    var listen: NodeAddress
    /// Where others reach this proxy.
    var advertised: NodeAddress
    var dataPath: String
    /// Whether a cluster is founded when there is no log, unless a seed has one already.
    var founds: Bool
    /// Whether the cluster goes on from what targets have cached, when there is no log.
    var foundsFrom: FoundingWish?
    var seeds: [Endpoint]
    var isElectable: Bool
    var config = NodeConfigFile()

    init(
        id: NodeID, listen: NodeAddress, dataPath: String, founds: Bool = false,
        seeds: [Endpoint] = [], isElectable: Bool = true
    ) {
        self.id = id
        self.listen = listen
        advertised = listen
        self.dataPath = dataPath
        self.founds = founds
        self.seeds = seeds
        self.isElectable = isElectable
    }

    init(_ arguments: ParsedArguments) throws(ArgumentError) {
        id = try arguments.required("id", as: NodeID.self)
        listen = try arguments.required("listen", as: NodeAddress.self)
        advertised = try arguments.optional("advertise", as: NodeAddress.self) ?? listen
        dataPath = try arguments.required("data")
        founds = arguments.has("found")
        foundsFrom = try FoundingWish(arguments)
        isElectable = !arguments.has("non-electable")
        seeds = []
        let list: String = try arguments.optional("join") ?? ""
        for url in list.split(separator: ",") {
            guard let endpoint = try? Endpoint(String(url)) else {
                throw .badValue(
                    name: "--join", value: String(url), expected: "a URL such as http://host:port")
            }
            seeds.append(endpoint)
        }
        if advertised.isWildcard {
            throw .refused(
                "others cannot connect to \(advertised): add --advertise HOST:PORT with an address "
                    + "that they can reach")
        }
        if let path: String = try arguments.optional("config") {
            config = try Self.read(path)
        }
    }

    private static func read(_ path: String) throws(ArgumentError) -> NodeConfigFile {
        func bad(_ reason: String) -> ArgumentError {
            .refused("--config \(path): \(reason)")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw bad("it cannot be read")
        }
        guard data.count <= Limits.configBytesMax else {
            throw bad("it is larger than \(Limits.configBytesMax) bytes")
        }
        do throws(Failure) {
            let file = try NodeConfigFile(decoding: Array(data))
            _ = try file.section("proxy", keys: [])
            return file
        } catch {
            throw bad(
                ([error.message, error.cause, error.next].compactMap { $0 })
                    .joined(separator: "; "))
        }
    }
}

extension NodeAddress {
    /// An address to listen on that nobody can connect to.
    var isWildcard: Bool { host == "0.0.0.0" }
}

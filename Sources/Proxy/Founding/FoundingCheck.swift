import API
import Base
import HTTP

/// Before a cluster is founded: whether one of the proxies named on the command line has a cluster already. A founder
/// whose disk was wiped would otherwise found a second one beside the first, and its clients would find no bucket.
///
/// Those that do not answer may not have been started yet, so they count as having none. What keeps two clusters apart
/// in any case is their id: nodes of one refuse those of another.
enum FoundingCheck {
    /// - Throws: ``ClusterExists``.
    static func run(_ seeds: [Endpoint]) async throws(ClusterExists) {
        guard !seeds.isEmpty else { return }
        let loops = EventLoopGroup(loops: 1)
        let client = Client(loops)
        let found = await withTaskGroup(of: ClusterExists?.self) { tasks in
            for seed in seeds {
                tasks.addTask {
                    await cluster(of: seed, client).map { ClusterExists(id: $0, proxy: seed) }
                }
            }
            return await tasks.first { $0 != nil } ?? nil
        }
        await client.closeIdle()
        loops.shutDown()
        if let found { throw found }
    }

    /// The id of a proxy's cluster; `nil` when it has none, or does not answer.
    static func cluster(of proxy: Endpoint, _ client: Client) async -> String? {
        let timeouts = Client.Timeouts(
            connectSeconds: Limits.reachableSeconds, responseSeconds: Limits.reachableSeconds)
        guard
            let response = try? await client.send(
                .get, proxy, "/v1/health?\(QueryName.clusterInfo)=true", timeouts: timeouts),
            let body = try? await response.collect(upTo: Limits.nodeDocumentBytes),
            case .object(let document) = try? JSONValue(parsing: body),
            case .object(let map) = document["smap"],
            let id = map["uuid"]?.string, !id.isEmpty
        else { return nil }
        return id
    }
}

/// A proxy was told to found a cluster where there is one.
struct ClusterExists: Error, CustomStringConvertible {
    let id: String
    let proxy: Endpoint

    var description: String {
        "no cluster is founded: the proxy at \(proxy) belongs to cluster \(id) already; start this one "
            + "without --found to join it"
    }
}

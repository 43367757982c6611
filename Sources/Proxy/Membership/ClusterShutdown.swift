import API
import Base
import Cluster
import HTTP

/// Ends every node of the cluster, from the primary (contract §7.8): targets first, then the other proxies, and itself
/// last. Nobody leaves the map, so that the next start resumes where this one ended.
struct ClusterShutdown: Sendable {
    let node: Node
    let metadata: MetadataService
    let published: PublishedState
    let departure: Departure
    let client: Client
    let ending: Ending
    let log: Logger

    /// Tells the others, in order. One that cannot be told holds nobody up: it is dead, or an operator has to look
    /// after it.
    ///
    /// - Parameter last: the proxy that a client waits at; it is told when all others have been.
    /// - Returns: the reply, with the names of those that could not be told.
    func tell(last: String?) async -> ClusterActions.Reply {
        let map = published.now.state.map
        log.warning("the whole cluster ends, as asked")
        let proxies = map.nodes(.proxy).filter { $0.id != node.id }
        var untold = await tell(map.nodes(.target))
        untold += await tell(proxies.filter { $0.id.text != last })
        untold += await tell(proxies.filter { $0.id.text == last })
        guard !untold.isEmpty else { return .done() }
        for (id, cause) in untold { log.warning("\(id) was not told to end: \(cause)") }
        var json = JSONWriter()
        json.object { json in
            json.key("not_told")
            json.object { json in
                for (id, cause) in untold { json.member(id.text, cause) }
            }
        }
        json.newline()
        return .json(json.bytes)
    }

    /// Ends this proxy, the last one.
    func end() { ending.begin(withWholeCluster: true) }

    var forecast: Forecast {
        let state = published.now.state
        let map = state.map
        var survival = departure.survival(of: state)
        survival.activeTargets.then = 0
        survival.voters?.survivesThen = 0
        survival.voters?.hasMajorityThen = false
        var forecast = Forecast("shutdown", survival)
        for role in [NodeRole.target, .proxy] where !map.nodes(role).isEmpty {
            let ids = map.nodes(role).map(\.id.text).joined(separator: ", ")
            forecast.changes.append("the processes of \(ids) end")
        }
        forecast.changes.append("the map stays as it is; the next start resumes")
        forecast.warn(
            "nothing is served until the nodes are started again",
            next: "keep the command lines of the nodes at hand: nobody else starts them")
        return forecast
    }

    private func tell(_ nodes: [Node]) async -> [(NodeID, String)] {
        await withTaskGroup(of: (NodeID, String)?.self) { group in
            for node in nodes {
                group.addTask { await tell(node).map { (node.id, $0) } }
            }
            var untold: [(NodeID, String)] = []
            for await result in group { if let result { untold.append(result) } }
            return untold.sorted { $0.0 < $1.0 }
        }
    }

    /// - Returns: why the node does not end, as far as known.
    private func tell(_ node: Node) async -> String? {
        let message = #"{"action":"shutdown","value":{"unregister":false}}"#
        do {
            let response = try await client.send(
                .put, node.endpoint, "/v1/daemon", body: Array(message.utf8),
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.streamConnectSeconds,
                    responseSeconds: Limits.endingSeconds))
            let body = try await response.collect(upTo: Limits.nodeDocumentBytes)
            guard response.status != .ok else { return nil }
            return Failure(decoding: body)?.message ?? "it answered \(response.status.rawValue)"
        } catch {
            return "\(error)"
        }
    }
}

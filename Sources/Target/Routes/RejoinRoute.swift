import API
import Base
import Cluster
import HTTP

/// `POST /v1/daemon`: makes a target join its cluster again now (contract §6.3), also one that an operator has taken off the map.
struct RejoinRoute {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    /// Answers when the map has this target and it knows that.
    func respond() async throws {
        let published = target.publisher.current
        guard published.isKnown else { throw Failure.starting }
        guard !target.store.mountpaths.all.isEmpty else {
            throw Failure(
                .mountpathUnavailable, "no mountpath of \(target.node.id) takes part",
                next: "enable or add one; the target joins by itself then")
        }
        if try query.flag(QueryName.dryRun) { return forecast(published.state.map) }
        let request = JoinRequest(
            node: target.node, clusterID: published.state.map.clusterID)
        let answer = try await target.proxies.send(
            .post, "/v1/cluster/autoreg", body: request.encoded)
        guard answer.status == .ok else { return exchange.relay(answer) }
        let position = try JoinReply(decoding: answer.body).position
        let seconds = target.config.values.seconds("timeout.cplane_operation")
        let arrival = await target.publisher.state(
            notBefore: position, within: seconds, on: exchange.loop)
        guard case .reached = arrival else {
            throw Failure(
                .targetBehind,
                "\(target.node.id) is on the map, at \(position.text), and has not heard of it yet",
                next: "GET /v1/health?readiness=true says when it serves")
        }
        exchange.respond(.ok)
    }

    private func forecast(_ map: ClusterMap) {
        var forecast = Forecast("join")
        let node = target.node
        if map[node.id]?.address != node.address {
            forecast.changes.append(
                "\(node.id) joins the map at \(node.address.url) "
                    + "(Smap \(map.version) to \(map.version + 1))")
        }
        exchange.respond(document: forecast.encoded)
    }
}

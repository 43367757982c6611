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
        let obstacle =
            target.store.mountpaths.all.isEmpty
            ? Failure(
                .mountpathUnavailable, "no mountpath of \(target.node.id) takes part",
                next: "enable or add one; the target joins by itself then") : nil
        let request = JoinRequest(
            node: target.node, clusterID: published.state.map.clusterID)
        if try query.flag(QueryName.dryRun) { return try await forecast(request, obstacle) }
        if let obstacle { throw obstacle }
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
        exchange.respond(.ok) { writer in
            for (name, value) in answer.headers { writer.add(named: name, value) }
        }
    }

    /// The primary says what it would come to.
    private func forecast(_ request: JoinRequest, _ obstacle: Failure?) async throws {
        if let obstacle {
            var forecast = Forecast("join", target.survival)
            forecast.block(obstacle)
            return exchange.respond(document: forecast.encoded)
        }
        let answer = try await target.proxies.send(
            .post, "/v1/cluster/autoreg?\(QueryName.dryRun)=true", body: request.encoded)
        guard let forecast = target.forecast(in: answer.body, as: "join") else {
            return exchange.relay(answer)
        }
        exchange.respond(document: forecast.encoded)
    }
}

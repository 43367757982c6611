import API
import Base
import Cluster
import HTTP

/// `/v1/health`: whether the process lives, and with `readiness=true` whether it can serve.
struct HealthRoute {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    func respond() async throws {
        let target = target
        guard try query.flag(QueryName.readiness) else { return try answer(target) }
        // It looks at the disks, which may hang.
        guard !target.scanPool.isSaturated else { throw Failure.overloaded("questions") }
        let missing = await target.scanPool.run { Readiness(target, at: .now()).missing }
        guard !missing.isEmpty else { return try answer(target) }
        throw Failure(
            .starting, "target \(target.node.id) is not ready: " + missing.joined(separator: "; "))
    }

    /// Empty, or the maps this target goes by (contract §8.5).
    private func answer(_ target: TargetContext) throws(Failure) {
        guard try query.flag(QueryName.clusterInfo) else { return exchange.respond(.ok) }
        var json = JSONWriter()
        json.clusterInfo(target.publisher.current.state, isVoting: false)
        json.newline()
        exchange.respond(document: json.bytes)
    }
}

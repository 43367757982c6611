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
        guard try query.flag(QueryName.readiness) else { return exchange.respond(.ok) }
        let target = target
        // It looks at the disks, which may hang.
        guard !target.scanPool.isSaturated else { throw Failure.overloaded("questions") }
        let missing = await target.scanPool.run { Readiness(target, at: .now()).missing }
        guard !missing.isEmpty else { return exchange.respond(.ok) }
        throw Failure(
            .starting, "target \(target.node.id) is not ready: " + missing.joined(separator: "; "))
    }
}

import API
import Base
import Cluster
import Consensus
import HTTP
import MetaStore

/// Sets the log of a proxy that was left behind aside as a branch, and has the proxy join anew: by word to its next start,
/// and that start at once.
struct Rejoin: Sendable {
    let node: Node
    let dataPath: String
    let group: RaftGroup
    let pool: BlockingPool
    let ending: Ending

    struct Plan: Sendable {
        var node: Node
        /// The file that the log becomes.
        var branch: String
        var order: RejoinOrder
        /// Entries known to be committed, and the last one.
        var commit: Index
        var last: LogMark

        /// The report, with a newline behind it.
        var report: [UInt8] {
            var json = JSONWriter()
            json.object { json in
                json.member("dry_run", false)
                json.member("action", Self.action)
                write(members: &json)
                json.member("next", next)
            }
            json.newline()
            return json.bytes
        }

        private static let action = "rejoin"

        private var next: String {
            "curl '\(node.address.url)/v1/health?readiness=true' until it has joined; then curl "
                + "'\(node.address.url)/v1/daemon?what=branches&name=\(branch)' shows what only the branch has"
        }

        private func write(members json: inout JSONWriter) {
            json.member("cluster", order.clusterID)
            json.member("left", "\(order.left)")
            json.member("generation", "\(order.generation)")
            json.member("branch", branch)
            json.member("last", last)
            json.member("commit", commit.rawValue)
        }

        /// The same beforehand; of the cluster that it joins, this proxy knows nothing yet.
        func forecast(_ survival: Survival) -> [UInt8] {
            var forecast = Forecast(Self.action, survival)
            forecast.changes = [
                "the log of \(node.id) is set aside as \(branch)",
                "\(node.id) joins generation \(order.generation) anew, without what only that log has",
            ]
            forecast.warn(
                "what only the log of \(node.id) has is part of no cluster any more; the branch "
                    + "keeps it", next: next)
            return forecast.encoded(with: write)
        }
    }

    /// What it would be; `there` is the primary of the later generation.
    func plan(for there: RecoveryFacts, seed: Endpoint?) -> Plan {
        let status = group.status
        // Only those of the later generation: one of the old, not fenced yet, would take a new member into the old.
        var seeds = [seed].compactMap { $0 }
        for proxy in there.holdings.proxies where !seeds.contains(proxy) && proxy != node.endpoint {
            seeds.append(proxy)
        }
        return Plan(
            node: node, branch: Branch.fileName(status.generation, last: status.last.index),
            order: RejoinOrder(
                clusterID: there.clusterID, generation: there.generation, left: status.generation,
                seeds: seeds), commit: status.commit, last: status.last)
    }

    /// Writes the order down. From here on it is carried out, whatever ends this process.
    func begin(_ plan: Plan) async throws {
        try await pool.run { [dataPath] in try plan.order.write(in: dataPath) }
    }

    /// Ends this process's part; the same program begins again with the same arguments.
    func restart() { ending.restart() }
}

import API
import Base
import Cluster
import HTTP
import Statistics

/// The documents of `/v1/daemon` that are measured: what was counted, how full the disks are, how the machine does
/// (contract §10).
struct StatisticsRoute {
    let target: TargetContext
    let exchange: Exchange

    /// Answers with statistics, status, system information or disks.
    func respond(_ question: NodeQuestion) async throws {
        let report = try await target.statistics.report(
            mountpaths: target.store.mountpaths.all.map(\.path), on: exchange.loop)
        let snapshot = target.statistics.snapshot()
        var json = JSONWriter()
        switch question {
        case .stats:
            json.object { json in
                json.key("core")
                json.value(snapshot.counters(averaged: false), zeros: false)
                json.key("capacity")
                json.value(report.capacities)
            }
        case .sysinfo: json.systemInformation(report, snapshot)
        case .disk: json.disks(report, snapshot)
        default: status(report, snapshot, &json)
        }
        json.newline()
        exchange.respond(document: json.bytes)
    }

    /// Contract §10.4; behind AIStore's members, how far the target has followed the log.
    private func status(
        _ report: SystemReport, _ snapshot: StatisticsSnapshot, _ json: inout JSONWriter
    ) {
        let published = target.publisher.current
        let follow = target.status.report(at: .now())
        json.object { json in
            json.key("snode")
            json.value(target.plainNode)
            json.key("daemon_stats")
            json.value(snapshot.counters(averaged: true), zeros: true)
            json.key("capacity")
            json.value(report.capacities)
            json.key("sys_info")
            json.value(report, snapshot)
            json.member("smap_version", String(published.state.map.version))
            // No rebalance has ever run in this build, so there are no statistics of one.
            json.key("target_status")
            json.object { _ in }
            json.member("status", "")
            json.member("bmd_version", String(published.state.buckets.version))
            json.member("uuid", published.state.map.clusterID)
            json.member("position", published.state.position.text)
            json.member("state_hash", String(published.state.hash, radix: 16))
            json.member("following", follow.proxy.map { "\($0)" } ?? "")
            json.key("log")
            json.object { json in
                json.member("index", published.state.position.index)
                json.member("committed", follow.committed?.text ?? "")
                json.member("lag", follow.lag(of: published.state.position))
                json.key("heard_seconds_ago")
                if let silence = follow.silenceSeconds { json.value(silence) } else { json.null() }
                json.member("problem", follow.problem ?? "")
            }
        }
    }
}

extension TargetContext {
    /// Flags live in the cluster map (contract §8.1).
    var plainNode: Node { Node(id: node.id, role: node.role, address: node.address) }
}

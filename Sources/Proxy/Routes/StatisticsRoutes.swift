import API
import Base
import Cluster
import Consensus
import HTTP
import Statistics

/// What a proxy counts and measures: documents of `/v1/daemon` (contract §10), and `/metrics`.
struct StatisticsRoutes: Sendable {
    let node: Node
    let statistics: NodeStatistics
    let published: PublishedState
    let group: RaftGroup
    let followers: Followers
    let pool: BlockingPool
    /// The files of the log.
    let logFiles: LogFiles

    /// Answers with statistics, status or system information.
    func serve(_ exchange: Exchange, _ question: NodeQuestion) async throws {
        let report = try await statistics.report(on: exchange.loop)
        let snapshot = statistics.snapshot()
        var json = JSONWriter()
        switch question {
        case .stats: json.value(snapshot.counters(averaged: false), zeros: false)
        case .sysinfo: json.systemInformation(report, snapshot)
        default: status(report, snapshot, &json)
        }
        json.newline()
        exchange.respond(.ok, type: "application/json", body: json.bytes)
    }

    /// Contract §10.4; behind AIStore's members, how the group and those who follow the log are.
    private func status(
        _ report: SystemReport, _ snapshot: StatisticsSnapshot, _ json: inout JSONWriter
    ) {
        let now = published.now
        json.object { json in
            json.key("snode")
            json.value(Node(id: node.id, role: node.role, address: node.address))
            json.key("daemon_stats")
            json.value(snapshot.counters(averaged: true), zeros: true)
            json.key("capacity")
            json.null()
            json.key("sys_info")
            json.value(report, snapshot)
            json.member("smap_version", String(now.state.map.version))
            json.member("status", "")
            json.member("bmd_version", String(now.state.buckets.version))
            json.member("uuid", now.state.map.clusterID)
            json.member("position", now.position)
            json.member("state_hash", String(now.state.hash, radix: 16))
            json.key("raft")
            raft(&json)
            json.key("log_followers")
            json.array { json in
                for follower in followers.overview { json.value(follower, now.state.position) }
            }
        }
    }

    /// The short form of `what=raft`.
    private func raft(_ json: inout JSONWriter) {
        let status = group.status
        json.object { json in
            json.member("role", "\(status.role)")
            json.member("term", status.term.rawValue)
            json.member("leader", group.primary?.id.text ?? "")
            json.member("voter", status.configuration.isVoter(status.id))
            json.member("commit", status.commit.rawValue)
            json.member("applied", status.applied.index.rawValue)
            json.member("last", status.last.index.rawValue)
            json.member("lag", status.lag)
            json.member("short_of_space", status.space?.isShort ?? false)
        }
    }
}

extension DriverStatus {
    /// Entries known to be committed and not applied here.
    var lag: UInt64 {
        let applied = applied.index.rawValue
        return commit.rawValue > applied ? commit.rawValue - applied : 0
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ follower: Followers.Overview, _ newest: LogPosition) {
        object { json in
            json.member("id", follower.id.text)
            json.member("position", follower.position.text)
            json.member("lag", follower.lag(behind: newest))
            json.member("proxy", follower.proxy?.text ?? "")
            json.member("left_behind", follower.isLeftBehind)
        }
    }
}

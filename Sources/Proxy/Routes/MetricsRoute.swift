import API
import Base
import Cluster
import Consensus
import HTTP
import Statistics

/// `GET /metrics`, for Prometheus: what every node writes, and how the group and those who follow the log are.
struct MetricsRoute: Sendable {
    let routes: StatisticsRoutes
    let storage: StorageCheck
    let longPoll: LongPoll
    let watchers: Places

    func serve(_ exchange: Exchange) async throws {
        let report = try await routes.statistics.report(on: exchange.loop)
        let files = routes.logFiles
        let sizes = await routes.pool.run { files.sizes }
        let state = routes.published.now.state
        var text = MetricsText()
        text.add(
            routes.node, routes.statistics.snapshot(), report, started: routes.statistics.started,
            connections: exchange.openConnections)
        text.add(state)
        text.add(waiting: ["version": longPoll.waiting, "watch": watchers.inUse])
        text.add(routes.group)
        text.add(routes.group.counters.totals)
        text.family("martlet_raft_log_bytes", .gauge, "Size of the files of log and state.") {
            for (name, bytes) in sizes { $0.sample(bytes, [("file", name)]) }
        }
        text.add(storage.progress, routes.group.status)
        text.add(followers: routes.followers.overview, state.position)
        exchange.respond(.ok, type: MetricsText.contentType, body: text.bytes)
    }
}

extension MetricsText {
    fileprivate mutating func add(_ group: RaftGroup) {
        let status = group.status
        gauge("martlet_raft_term", "Term of the member.", status.term.rawValue)
        family("martlet_raft_role", .gauge, "1 for the role that the member has.") { family in
            for role in [RoleName.follower, .preCandidate, .candidate, .leader] {
                family.sample(role == status.role ? 1 : 0, [("role", "\(role)")])
            }
        }
        gauge(
            "martlet_raft_has_leader", "Whether the member knows a leader of its term.",
            status.leader == nil ? 0 : 1)
        gauge(
            "martlet_raft_is_voter", "Whether the member votes.",
            status.configuration.isVoter(status.id) ? 1 : 0)
        gauge(
            "martlet_raft_generation", "Incarnation of the cluster; a forced recovery raises it.",
            status.generation.counter)
        gauge(
            "martlet_raft_superseded", "Whether a forced recovery has left the member behind.",
            status.supersededBy == nil ? 0 : 1)
        gauge("martlet_raft_voters", "Members that vote.", status.configuration.voters.count)
        gauge("martlet_raft_commit_index", "Last committed entry.", status.commit.rawValue)
        gauge(
            "martlet_raft_applied_index", "Last applied entry.",
            status.applied.index.rawValue)
        gauge("martlet_raft_last_index", "Last entry of the log.", status.last.index.rawValue)
        gauge(
            "martlet_raft_log_entries", "Entries that the log keeps.",
            status.last.index.rawValue - min(status.base.rawValue, status.last.index.rawValue))
        let others = status.configuration.members.filter { $0 != status.id }
        func labels(_ member: MemberID) -> Labels {
            [("member", "\(member)"), ("node", group.directory.node(of: member)?.id.text ?? "")]
        }
        family(
            "martlet_raft_peer_silence_seconds", .gauge,
            "Time since another member was heard; since the start for one that never was."
        ) { family in
            for member in others { family.sample(group.contacts.silence(member), labels(member)) }
        }
        family(
            "martlet_raft_peer_lag_entries", .gauge,
            "On the leader: entries that another member does not hold durably yet."
        ) { family in
            for member in others {
                guard let match = status.matches[member] else { continue }
                let last = status.last.index.rawValue
                family.sample(last - min(match.rawValue, last), labels(member))
            }
        }
    }

    fileprivate mutating func add(_ scan: StorageCheck.Progress, _ status: DriverStatus) {
        gauge(
            "martlet_storage_recovering",
            "Whether the log lacks entries that the member had confirmed; it does not vote then.",
            status.floor == nil ? 0 : 1)
        if let space = status.space {
            gauge(
                "martlet_storage_short",
                "Whether the disk of the log has too little room; the member takes no changes then.",
                space.isShort ? 1 : 0)
            gauge(
                "martlet_storage_free_bytes", "Room on the disk of the log.", space.freeBytes)
            gauge(
                "martlet_storage_reserve_bytes",
                "What is kept of it for votes; less than usual once it was needed.",
                space.reserveBytes)
        }
        gauge(
            "martlet_storage_unreadable",
            "Whether the log goes on with something that this version cannot read; nothing is applied from there on.",
            status.unreadable == nil ? 0 : 1)
        gauge(
            "martlet_raft_short_peers",
            "On the leader: members that take no entries for want of room.",
            status.shortOfSpace.count)
        gauge(
            "martlet_storage_damaged", "Whether something is damaged and not yet mended.",
            status.damage == nil ? 0 : 1)
        gauge(
            "martlet_storage_doubted",
            "Whether the log tells of another state than this proxy had, and who is right is open; nothing is served then.",
            status.doubt == nil ? 0 : 1)
        gauge(
            "martlet_storage_quarantined",
            "Whether the state differs from that of the other proxies; nothing is served then.",
            status.quarantine == nil ? 0 : 1)
        gauge(
            "martlet_storage_differing_peers", "Members whose state differs from the one here.",
            status.differing.count)
        gauge(
            "martlet_raft_uncounted_peers",
            "On the leader: members that have lost what they had confirmed, and do not count.",
            status.uncounted.count)
        counter("martlet_storage_scanned_rows_total", "Rows looked at by the walk.", scan.rows)
        counter("martlet_storage_scans_total", "Walks that came to their end.", scan.walks)
        counter("martlet_storage_bad_rows_total", "Bad rows that walks have found.", scan.found)
    }

    fileprivate mutating func add(_ totals: RaftCounters.Totals) {
        counter(
            "martlet_raft_elections_total", "Times the member stood for election.",
            totals.elections)
        counter(
            "martlet_raft_elections_won_total", "Elections that the member won.",
            totals.victories)
        counter(
            "martlet_raft_leader_changes_total",
            "Times the member heard of another leader than before, or of none.",
            totals.leaderChanges)
        family(
            "martlet_raft_proposals_total", .counter, "Changes proposed here, by how they ended."
        ) { family in
            for ending in RaftCounters.Ending.allCases {
                family.sample(totals.proposals[ending] ?? 0, [("outcome", ending.rawValue)])
            }
        }
        family(
            "martlet_raft_proposal_duration_seconds", .histogram,
            "Time from the proposal of a change to its outcome."
        ) { $0.sample(totals.proposalTimes) }
        counter(
            "martlet_log_followers_left_behind_total",
            "Times a change no longer waited for a target.", totals.followersLeftBehind)
    }

    fileprivate mutating func add(followers: [Followers.Overview], _ newest: LogPosition) {
        gauge(
            "martlet_log_streams", "Targets that follow the log from this proxy.",
            followers.count { $0.proxy == nil })
        family(
            "martlet_log_follower_lag_entries", .gauge,
            "Entries that a target is known not to have applied; on the primary, of all targets."
        ) { family in
            for follower in followers {
                family.sample(follower.lag(behind: newest), [("target", follower.id.text)])
            }
        }
        family(
            "martlet_log_follower_left_behind", .gauge, "Whether no change waits for a target."
        ) { family in
            for follower in followers {
                family.sample(follower.isLeftBehind ? 1 : 0, [("target", follower.id.text)])
            }
        }
    }
}

import API
import Base
import Cluster
import Consensus
import HTTP

/// Tells the primary how far the followers of this proxy are, whenever that changes: one request at a time, so
/// what changes meanwhile goes together.
struct FollowerReporter: Sendable {
    let id: NodeID
    let group: RaftGroup
    let followers: Followers
    let client: Client
    let loop: EventLoop
    let log: Logger

    func run() async {
        var reported: UInt64 = 0
        var sequence = FollowerReport.Sequence(life: SystemRandom.word(), number: 0)
        var complaint = ""
        while !Task.isCancelled {
            let known = reported
            // By what is watched: from another view it could end at once, again and again.
            let isLeading = group.statusChanges.value?.role == .leader
            // A change of the leader shows within the interval: a new primary asks nobody.
            _ = await loop.within(nanoseconds: UInt64(Limits.reportIntervalSeconds * 1e9)) {
                // Who leads has nobody to tell, and is not to wake with every word of a follower.
                if isLeading {
                    _ = await group.statusChanges.first { $0?.role != .leader }
                } else {
                    _ = await followers.changes.first { $0 != known }
                }
            }
            let changes = followers.changes.value
            guard !Task.isCancelled else { return }
            guard !group.isLeader, let primary = group.primary, primary.id != id else {
                reported = changes
                followers.forgetSilentProxies()
                continue
            }
            sequence.number += 1
            let report = FollowerReport(
                proxy: id, sequence: sequence, followers: followers.reports)
            do {
                let response = try await client.send(
                    .post, primary.endpoint, "/v1/log/followers", body: report.encoded,
                    timeouts: Client.Timeouts(
                        connectSeconds: Limits.streamConnectSeconds,
                        responseSeconds: Limits.streamSilenceSeconds))
                _ = try await response.collect(upTo: Limits.nodeDocumentBytes)
                complaint = ""
                reported = changes
            } catch {
                if complaint != "\(error)" { log.info("no report to \(primary.id): \(error)") }
                complaint = "\(error)"
                await loop.sleep(nanoseconds: UInt64(Limits.primaryRetrySeconds * 1e9))
            }
        }
    }
}

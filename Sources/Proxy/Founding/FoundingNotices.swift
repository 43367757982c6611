import API
import Base
import Cluster
import Consensus
import HTTP

/// Tells of a founding, while this proxy leads its generation: targets that follow nobody of it are told whom to follow, since none may
/// know the founder's address; and proxies of the lost group that come back are told that they were left behind, since no
/// member of theirs is among those who could.
struct FoundingNotices: Sendable {
    let survey: RecoverySurvey
    let followers: Followers
    let client: Client
    let loop: EventLoop
    let log: Logger

    private var group: RaftGroup { survey.group }

    /// Runs until cancelled.
    func run() async {
        var said: Set<String> = []
        while !Task.isCancelled {
            for notice in await step() where said.insert(notice).inserted { log.warning(notice) }
            if said.count > Limits.complaintsMax { said = [] }
            await loop.sleep(nanoseconds: UInt64(Limits.foundingNoticeSeconds * 1e9))
        }
    }

    private func step() async -> [String] {
        let (status, state) = (group.status, survey.published.now.state)
        let key = RecoveryRecord.Generation(
            counter: status.generation.counter, nonce: status.generation.nonce)
        guard status.role == .leader, let founding = state.recoveries[key]?.foundation else {
            return []
        }
        await tellTargets(state)
        return await tellOldProxies(founding, state)
    }

    private func tellTargets(_ state: ClusterState) async {
        let there = followers.overview.filter { !state.position.isLater(than: $0.position) }
        let following = Set(there.map(\.id))
        let query =
            "\(QueryName.can)=\(survey.node.address.url)"
            + "&\(QueryName.after)=\(state.position.text)"
        await withTaskGroup(of: Void.self) { tasks in
            for target in state.map.nodes(.target) where !following.contains(target.id) {
                tasks.addTask { await send(.put, target.endpoint, "/v1/daemon/follow?\(query)") }
            }
        }
    }

    /// - Returns: what there is to tell the operator.
    private func tellOldProxies(
        _ founding: RecoveryRecord.Foundation, _ state: ClusterState
    ) async -> [String] {
        let taken = Set(state.map.nodes(.proxy).map(\.endpoint) + [survey.node.endpoint])
        let left = founding.left.filter { !taken.contains($0.endpoint) }
        guard !left.isEmpty, var facts = try? await survey.own() else { return [] }
        facts.holdings = Holdings()
        facts.tail = []
        let body = facts.encoded
        return await withTaskGroup(of: String?.self) { tasks in
            for node in left {
                tasks.addTask {
                    let failure = await send(.post, node.endpoint, "/v1/daemon/recovery", body)
                    guard failure?.code == .olderGeneration else { return nil }
                    return
                        "\(node.id) of the lost group has come back at \(node.endpoint), and was told "
                        + "that it is left behind"
                }
            }
            var notices: [String] = []
            for await notice in tasks { if let notice { notices.append(notice) } }
            return notices
        }
    }

    /// - Returns: what the node has refused it with.
    @discardableResult
    private func send(
        _ method: HTTP.Method, _ endpoint: Endpoint, _ path: String, _ body: [UInt8] = []
    ) async -> Failure? {
        let response = try? await client.send(
            method, endpoint, path, body: body,
            timeouts: Client.Timeouts(
                connectSeconds: Limits.reachableSeconds, responseSeconds: Limits.fanOutSeconds))
        guard let answer = try? await response?.collect(upTo: Limits.nodeDocumentBytes) else {
            return nil
        }
        return Failure(decoding: answer)
    }
}

extension LogPosition {
    /// Of a later generation.
    fileprivate func isLater(than other: LogPosition) -> Bool { other.isOfGeneration(before: self) }
}

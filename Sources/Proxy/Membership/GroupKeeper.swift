import API
import Base
import Cluster
import Consensus
import HTTP

/// Keeps the voting proxies as the map says, while this proxy leads; and founds the cluster in the founder's log.
struct GroupKeeper: Sendable {
    let node: Node
    let group: RaftGroup
    let metadata: MetadataService
    let published: PublishedState
    let transport: HTTPTransport
    let loop: EventLoop
    let log: Logger

    func run() async {
        while !Task.isCancelled {
            let version = published.now.state.map.version
            let isSettled = await step()
            guard !Task.isCancelled else { return }
            if isSettled {
                // A change of the primary is a change of the map as well.
                _ = await loop.within(nanoseconds: UInt64(Limits.keeperSeconds * 1e9)) {
                    await published.first { $0.map.version != version }
                }
            } else {
                await loop.sleep(nanoseconds: UInt64(Limits.keeperRetrySeconds * 1e9))
            }
        }
    }

    /// - Returns: whether there is nothing to try again soon.
    private func step() async -> Bool {
        let status = group.status
        let state = published.now.state
        let nodes = state.map.nodes(.proxy).map { MemberID($0.member) }
        transport.keepOnly(Set(status.configuration.members + nodes))
        guard status.role == .leader else { return true }
        if state.map.clusterID.isEmpty { return await found(status.generation) }
        while group.isLeader,
            let change = nextChange()
        {
            switch await group.raft.changeMembership(change) {
            case .applied(let position, _):
                log.info("voting proxies: \(text(change)) at \(position)")
            case .unchanged: break
            case .refused(let refusal):
                log.debug("voting proxies: \(text(change)) was refused: \(refusal)")
                return false
            case .unknown: return false
            }
        }
        // Who is about to answer for the first time may vote then.
        return !Self.heardLearners(group.status).values.contains(.zero)
    }

    private func nextChange() -> MembershipChange? {
        let status = group.status
        return GroupPlan.next(
            published.now.state.map, status.configuration,
            living: Self.heardLearners(status).filter { $0.value > .zero })
    }

    /// The learners heard a moment ago and how far each is: not at all, before it has answered the first time.
    private static func heardLearners(_ status: DriverStatus) -> [MemberID: Index] {
        let patience = UInt64(Limits.missingSeconds * 1e9)
        return status.matches.filter { member, _ in
            status.configuration.isLearner(member) && status.silence[member] ?? .max < patience
        }
    }

    /// The first command of a cluster's log; only its founder can lead without it.
    private func found(_ generation: Generation) async -> Bool {
        let clusterID = SystemRandom.identifier()
        do {
            _ = try await metadata.change(
                .found(
                    clusterID: clusterID, founder: node, generation: generation.counter,
                    nonce: generation.nonce),
                for: MetadataService.Origin(actor: node.id.text))
            log.info("founded cluster \(clusterID)")
            return true
        } catch {
            log.warning("the cluster is not founded yet: \(error.message)")
            return false
        }
    }

    private func text(_ change: MembershipChange) -> String {
        let name = group.directory.node(of: change.member)?.id.text ?? "\(change.member)"
        return switch change {
        case .addLearner: "\(name) learns"
        case .promote: "\(name) votes"
        case .demote: "\(name) votes no longer"
        case .remove: "\(name) (member \(change.member)) leaves"
        }
    }
}

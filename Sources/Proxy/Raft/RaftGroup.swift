import Base
import Cluster
import Consensus
import HTTP
import MetaStore

/// The local member of the consensus group.
typealias RaftMember = Driver<SQLiteLog, HTTPTransport>

/// What the other parts of a proxy may know of the group: who leads, who is missing, and changes of that.
struct RaftGroup: Sendable {
    /// This proxy.
    let node: Node
    let raft: RaftMember
    let directory: MemberDirectory
    let contacts: PeerContacts
    /// The newest status; set whenever role, term, leader or configuration change.
    let statusChanges: Watched<DriverStatus?>
    let counters: RaftCounters
    let freshness: Freshness

    var status: DriverStatus { raft.status }
    var isLeader: Bool { status.role == .leader }

    /// The node of the member that leads, as far as known here.
    var primary: Node? { status.leader.flatMap { directory.node(of: $0) } }

    /// Other proxies that may reach a primary which this one does not: those heard a moment ago, the last one first. A
    /// proxy that does not vote hears nobody but the primary, so it has to try.
    var detours: [Node] {
        let status = status
        let votes = status.configuration.isVoter(status.id)
        let others = status.configuration.voters
            .filter { $0 != status.id && $0 != status.leader }
            .map { (member: $0, silence: contacts.silence($0)) }
            .filter { !votes || $0.silence < Limits.missingSeconds }
        return others.sorted { $0.silence < $1.silence }.compactMap {
            directory.node(of: $0.member)
        }
    }

    /// Voters that have not been heard for a while, with when they last were.
    func missingVoters() -> [(member: MemberID, since: PeerContacts.Contact, wasHeard: Bool)] {
        let status = status
        return status.configuration.voters.filter { $0 != status.id }.compactMap { voter in
            let (contact, isReal) = contacts.last(voter)
            guard contacts.silence(voter) > Limits.missingSeconds else { return nil }
            return (voter, contact, isReal)
        }
    }
}

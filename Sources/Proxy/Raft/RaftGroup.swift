import Base
import Cluster
import Consensus
import HTTP
import MetaStore

/// The local member of the consensus group.
typealias RaftMember = Driver<SQLiteLog, HTTPTransport>

/// What the other parts of a proxy may know of the group: who leads, who is missing, and changes of that.
struct RaftGroup: Sendable {
    let raft: RaftMember
    let directory: MemberDirectory
    let contacts: PeerContacts
    /// The newest status; set whenever role, term, leader or configuration change.
    let statusChanges: Watched<DriverStatus?>
    let counters: RaftCounters

    var status: DriverStatus { raft.status }
    var isLeader: Bool { status.role == .leader }

    /// The node of the member that leads, as far as known here.
    var primary: Node? { status.leader.flatMap { directory.node(of: $0) } }

    /// Waits until some leader is known.
    ///
    /// - Returns: whether there is one; `false` when the time was over first.
    func waitForLeader(_ loop: EventLoop, seconds: Double) async -> Bool {
        if status.leader != nil { return true }
        let found = await loop.within(nanoseconds: UInt64(seconds * 1e9)) {
            await statusChanges.first { $0?.leader != nil }
        }
        return found.flatMap { $0 } != nil
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

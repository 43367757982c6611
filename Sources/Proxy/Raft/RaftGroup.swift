import Base
import Cluster
import Consensus
import HTTP
import MetaStore

/// The local member of the consensus group.
typealias RaftMember = Driver<SQLiteLog, HTTPTransport>

extension TermMark {
    init(_ position: LogPosition) {
        self.init(
            generation: Generation(counter: position.generation, nonce: position.nonce),
            term: Term(position.term))
    }
}

extension LogPosition {
    init(_ term: TermMark, index: UInt64) {
        self.init(
            generation: term.generation.counter, nonce: term.generation.nonce,
            term: term.term.rawValue, index: index)
    }
}

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
    /// Where its log is, for the commands that look at it.
    let dataPath: String

    var status: DriverStatus { raft.status }
    var leaderView: LeaderView { raft.leaderView }
    var isLeader: Bool { leaderView.role == .leader }

    /// The leadership that this proxy knows of.
    var term: TermMark {
        let status = statusChanges.value ?? status
        return TermMark(generation: status.generation, term: status.term)
    }

    /// Behind which place of the log, and in which term, something may be found that is sent to a primary now.
    func bound(after state: ClusterState) -> LogPosition {
        LogPosition(term, index: state.position.index)
    }

    /// The node of the member that leads, as far as known here.
    var primary: Node? { leaderView.leader.flatMap { directory.node(of: $0) } }

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

    /// Voters that have not been heard for a while although they should have been, with when they last were. A primary hears
    /// all of them all the time. The others hear each other every few seconds while somebody leads, and then nothing follows
    /// from their silence; when nobody does, each asks the others for their votes, several times in ``Limits/missingSeconds``.
    func missingVoters() -> [(member: MemberID, since: PeerContacts.Contact, wasHeard: Bool)] {
        let status = status
        let isHeeded =
            status.role == .leader || Double(status.leaderAbsence) / 1e9 > Limits.missingSeconds
        return status.configuration.voters.filter { $0 != status.id }.compactMap { voter in
            guard isHeeded || voter == status.leader else { return nil }
            let (contact, isReal) = contacts.last(voter)
            guard contacts.silence(voter) > Limits.missingSeconds else { return nil }
            return (voter, contact, isReal)
        }
    }
}

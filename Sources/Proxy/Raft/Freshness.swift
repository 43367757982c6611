import Base
import Consensus
import Synchronization

/// When this proxy last knew what the majority has: from the primary, or as the primary from a majority.
///
/// The member itself forgets its leader when an election begins; whoever reads what this proxy has still wants to know
/// how old it is.
final class Freshness: Sendable {
    private let contacts: PeerContacts
    /// When the leader that is known no more was last heard.
    private let lost = Mutex<MonotonicTime?>(nil)

    init(contacts: PeerContacts) {
        self.contacts = contacts
    }

    /// The member's status has changed; called before anybody else is told.
    func changed(from before: DriverStatus?, to status: DriverStatus) {
        guard status.leader == nil, let before, let leader = before.leader else { return }
        let moment =
            leader == before.id
            ? majorityContact(before) : contacts.last(leader).contact.at
        lost.withLock { $0 = moment }
    }

    /// Nanoseconds since then; `nil` when it never knew in this run.
    func age(_ status: DriverStatus) -> UInt64? {
        let now = MonotonicTime.now()
        if status.role == .leader { return now.since(majorityContact(status)) }
        // Contacts are the finer clock; the member's own is a count of ticks.
        if let leader = status.leader, status.leaderSilence != nil {
            return now.since(contacts.last(leader).contact.at)
        }
        return lost.withLock { $0 }.map(now.since)
    }

    /// When so many were last heard that they are a majority with this member.
    private func majorityContact(_ status: DriverStatus) -> MonotonicTime {
        let configuration = status.configuration
        let moments = configuration.voters
            .map { $0 == status.id ? MonotonicTime.now() : contacts.last($0).contact.at }
            .sorted(by: >)
        return moments.dropFirst(configuration.quorum - 1).first ?? MonotonicTime.now()
    }
}

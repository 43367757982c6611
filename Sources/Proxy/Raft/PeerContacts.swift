import Base
import Consensus
import Synchronization

/// When each other member was last heard, on any stream: who is missing, and since when.
///
/// The consensus core knows this only while it leads; an operator asks when nobody does.
final class PeerContacts: Sendable {
    struct Contact: Sendable {
        var at: MonotonicTime
        var wallTime: Timestamp
    }

    private let contacts = Mutex<[MemberID: Contact]>([:])
    /// Of members that the map has: where the one was heard that is there, and when.
    private let speakers = Mutex<[MemberID: (url: String, at: MonotonicTime)]>([:])
    private let goneListener = Mutex<(@Sendable (MemberID) -> Void)?>(nil)
    private let start = Contact(at: .now(), wallTime: .now())

    func heard(_ member: MemberID) {
        let contact = Contact(at: .now(), wallTime: .now())
        contacts.withLock { contacts in
            // Members are fewer; a flood of names is not from ours, and must not push them out.
            if contacts[member] == nil, contacts.count >= Limits.contactsMax,
                let oldest = contacts.min(by: { $0.value.at < $1.value.at })?.key
            {
                contacts[oldest] = nil
            }
            contacts[member] = contact
        }
    }

    /// How many are remembered.
    var count: Int { contacts.withLock { $0.count } }

    /// Notes who speaks for a member. A data directory that was copied and started twice is two of one name, and one voter could
    /// give two votes. The one at the address that the map has is heard always, another one only when that is silent: it may
    /// have moved.
    ///
    /// - Returns: where the one is that has the name; `nil`: this one may speak.
    func speaks(_ member: MemberID, from url: String, isOnMap: Bool) -> String? {
        speakers.withLock { speakers in
            if isOnMap {
                speakers[member] = (url, .now())
                return nil
            }
            guard let known = speakers[member], known.url != url,
                Double(MonotonicTime.now().since(known.at)) / 1e9 < Limits.duplicateSilenceSeconds
            else { return nil }
            return known.url
        }
    }

    /// Nobody listens any more where the member was heard.
    func gone(_ member: MemberID) {
        goneListener.withLock { $0 }?(member)
    }

    /// Who is told that a member's process has ended.
    func onGone(_ listener: @escaping @Sendable (MemberID) -> Void) {
        goneListener.withLock { $0 = listener }
    }

    /// The last contact; that with oneself was at the start when there never was one.
    func last(_ member: MemberID) -> (contact: Contact, isReal: Bool) {
        contacts.withLock { $0[member] }.map { ($0, true) } ?? (start, false)
    }

    func wasHeard(_ member: MemberID, since moment: MonotonicTime) -> Bool {
        let (contact, isReal) = last(member)
        return isReal && contact.at >= moment
    }

    func silence(_ member: MemberID) -> Double {
        Double(MonotonicTime.now().since(last(member).contact.at)) / 1e9
    }
}

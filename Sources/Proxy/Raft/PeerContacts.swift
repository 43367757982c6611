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
    private let goneListener = Mutex<(@Sendable (MemberID) -> Void)?>(nil)
    private let duplicateListener = Mutex<(@Sendable (String) -> Void)?>(nil)
    private let start = Contact(at: .now(), wallTime: .now())

    func heard(_ member: MemberID) {
        let contact = Contact(at: .now(), wallTime: .now())
        contacts.withLock { $0[member] = contact }
    }

    /// Nobody listens any more where the member was heard.
    func gone(_ member: MemberID) {
        goneListener.withLock { $0 }?(member)
    }

    /// Who is told that a member's process has ended.
    func onGone(_ listener: @escaping @Sendable (MemberID) -> Void) {
        goneListener.withLock { $0 = listener }
    }

    /// Others hear this member from another process as well, and believe that one.
    func isDuplicate(because reason: String) {
        // Once is enough: whoever is told ends this process.
        duplicateListener.withLock { $0.take() }?(reason)
    }

    /// Who is told that this member is a copy.
    func onDuplicate(_ listener: @escaping @Sendable (String) -> Void) {
        duplicateListener.withLock { $0 = listener }
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

import Base
import Consensus
import Testing

@testable import Proxy

/// A data directory that was copied and started in two places.
@Suite struct DuplicateMemberTests {
    /// PC-11: whoever hears the one that the map knows refuses the other, and says where the first is; until that falls silent.
    @Test func `the process at the address on the map speaks for a member`() async throws {
        let contacts = PeerContacts()
        let (original, copy) = ("http://h:1", "http://h:2")
        func speaks(_ url: String, as member: UInt64 = 7) -> String? {
            contacts.speaks(MemberID(member), from: url, isOnMap: url == original)
        }
        // Whom nobody knows yet: it is on its way to the map.
        #expect(speaks(copy) == nil)
        #expect(speaks(original) == nil)
        let begun = MonotonicTime.now()
        #expect(speaks(copy) == original)
        #expect(speaks(copy, as: 8) == nil)
        while speaks(copy) != nil { try await Task.sleep(for: .milliseconds(50)) }
        let silence = Double(MonotonicTime.now().since(begun)) / 1e9
        // What is refused is no word of the first one.
        #expect(silence > Limits.duplicateSilenceSeconds - 0.5)
        // A copy that speaks all the time does not shut out the one that is on the map.
        #expect(speaks(copy) == nil)
        #expect(speaks(original) == nil)
        #expect(speaks(copy) == original)
    }
}

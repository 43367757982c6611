import API
import Base
import Cluster
import Synchronization
import TestSupport
import Testing

@testable import Consensus
@testable import Proxy

/// What a proxy says and does while its state is known to be wrong (docs/decisions/0039).
@Suite struct WrongStateTests {
    private static let difference = StateDigests.Difference(
        equalAt: Index(4), differsAt: Index(5))

    private func observer() throws -> RaftObserver {
        let id = try #require(NodeID("p1"))
        let address = try #require(NodeAddress(host: "127.0.0.1", port: 1))
        let log = Logger(node: "p1", subject: "test", minimum: .error)
        let published = PublishedState(ClusterState())
        return RaftObserver(
            published: published,
            config: LiveConfig(node: id, logLevel: .error, log: log), hashes: StateHashes(),
            fence: Fence(Node(id: id, role: .proxy, address: address, member: 1)),
            freshness: Freshness(contacts: PeerContacts()), stop: Latch(), dataPath: "", log: log)
    }

    /// ST-13: targets that follow its log are sent elsewhere, as whoever asks it for its state is.
    @Test func `nobody follows a proxy whose state is wrong`() throws {
        let observer = try observer()
        #expect(observer.standsBack.value == nil)
        observer.note(.quarantined(Self.difference))
        #expect(observer.standsBack.value == .starting)
        var isHidden = observer.isQuarantined.load(ordering: .relaxed)
        #expect(isHidden)
        observer.note(.quarantined(nil))
        #expect(observer.standsBack.value == nil)
        isHidden = observer.isQuarantined.load(ordering: .relaxed)
        #expect(!isHidden)
    }

    /// CL-09: what the words of a list of voters say, and that it is no other part.
    @Test(arguments: [true, false])
    func `a list of voters that cannot be read is named`(isNewer: Bool) {
        let found = Unreadable(
            .voters, at: LogMark(index: Index(7), term: Term(2)), reason: "a reason",
            isNewer: isNewer)
        #expect(found.what.contains("log entry 7 of term 2, which says who votes,"))
        #expect(found.remedy(dataPath: "/data").contains("upgrade") == isNewer)
        #expect(!found.remedy(dataPath: "/data").contains("truncate"))
        var json = JSONWriter()
        json.value(found)
        #expect(String(decoding: json.bytes, as: UTF8.self).contains("\"part\":\"voters\""))
    }
}

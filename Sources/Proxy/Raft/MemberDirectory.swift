import Cluster
import Consensus
import HTTP
import Synchronization

/// Where members can be reached: the map says so, and for those it does not have yet, their own word.
final class MemberDirectory: Sendable {
    private let published: PublishedState
    private let learned = Mutex<[MemberID: Endpoint]>([:])

    init(_ published: PublishedState) {
        self.published = published
    }

    /// Notes what a member said of itself when it opened a stream.
    func learn(_ member: MemberID, _ url: String) {
        guard let endpoint = try? Endpoint(url) else { return }
        learned.withLock { known in
            // Members are few; a flood of names is not from ours.
            if known.count > 256 { known = [:] }
            known[member] = endpoint
        }
    }

    func endpoint(of member: MemberID) -> Endpoint? {
        if let node = published.now.state.map.node(member: member.rawValue) {
            return node.endpoint
        }
        return learned.withLock { $0[member] }
    }

    func node(of member: MemberID) -> Node? {
        published.now.state.map.node(member: member.rawValue)
    }
}

extension Node {
    var endpoint: Endpoint { Endpoint(host: address.host, port: Int(address.port)) }
}

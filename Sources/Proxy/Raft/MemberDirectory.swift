import Cluster
import Consensus
import HTTP
import Synchronization

/// Where members can be reached: the map says so, and for those it does not have yet, their own word.
final class MemberDirectory: Sendable {
    private let published: PublishedState
    private let seeds: [Endpoint]
    private let learned = Mutex<[MemberID: Endpoint]>([:])

    /// The seeds are proxies named on the command line.
    init(_ published: PublishedState, seeds: [Endpoint]) {
        self.published = published
        self.seeds = seeds
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

    /// Whether the map has this address for the member.
    func isOnMap(_ member: MemberID, at url: String) -> Bool {
        published.now.state.map.node(member: member.rawValue)?.address.url == url
    }

    /// Changes with the map, for whoever asks about the same member all the time.
    struct MapMark: Equatable {
        let nonce: UInt64
        let version: UInt64
    }

    var mapMark: MapMark {
        let state = published.now.state
        return MapMark(nonce: state.position.nonce, version: state.map.version)
    }

    /// Where to try to reach a member after `failures` attempts in vain.
    ///
    /// When a majority has moved, nobody can put the new addresses on the map. So the map's word is taken first, then
    /// that of the member itself and, once in a while, a proxy from the command line may be the one: it says so if it is
    /// not.
    func endpoint(of member: MemberID, failures: Int) -> Endpoint? {
        var known: [Endpoint] = []
        if let node = published.now.state.map.node(member: member.rawValue) {
            known.append(node.endpoint)
        }
        if let own = learned.withLock({ $0[member] }), !known.contains(own) { known.append(own) }
        if !seeds.isEmpty, known.isEmpty || failures % 4 == 3 {
            return seeds[failures / 4 % seeds.count]
        }
        return known.isEmpty ? nil : known[failures % known.count]
    }

    func node(of member: MemberID) -> Node? {
        published.now.state.map.node(member: member.rawValue)
    }
}

extension Node {
    var endpoint: Endpoint { Endpoint(host: address.host, port: Int(address.port)) }
}

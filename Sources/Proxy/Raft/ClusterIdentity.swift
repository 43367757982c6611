import Cluster
import Synchronization

/// Which cluster this proxy belongs to: what its state says or, before it has one, what it was told on joining.
final class ClusterIdentity: Sendable {
    private let published: PublishedState
    private let joined = Mutex("")

    init(_ published: PublishedState) {
        self.published = published
    }

    /// Empty while it is not known.
    var clusterID: String {
        let known = published.now.state.map.clusterID
        return known.isEmpty ? joined.withLock { $0 } : known
    }

    func joined(_ clusterID: String) {
        joined.withLock { $0 = clusterID }
    }
}

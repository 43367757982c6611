import Base
import Cluster

/// The newest applied state, as every request reads it: one reference to an immutable value.
final class PublishedState: Sendable {
    /// A state, with what is made from it once and read often.
    final class Snapshot: Sendable {
        let state: ClusterState
        /// As redirects carry it.
        let position: String

        init(_ state: ClusterState) {
            self.state = state
            position = state.position.text
        }

        var isFounded: Bool { !state.map.clusterID.isEmpty }
        var primary: Node? { state.map.primary.flatMap { state.map[$0] } }
    }

    private let watched: Watched<Snapshot>

    init(_ state: ClusterState) {
        watched = Watched(Snapshot(state))
    }

    var now: Snapshot { watched.value }

    func publish(_ state: ClusterState) { watched.set(Snapshot(state)) }

    /// Waits for a state that fits; `nil` when the task was cancelled.
    func first(where fits: (ClusterState) -> Bool) async -> Snapshot? {
        await watched.first { fits($0.state) }
    }
}

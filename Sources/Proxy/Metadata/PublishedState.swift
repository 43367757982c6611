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

    private struct Current: Sendable {
        var snapshot: Snapshot
        var pulse: UInt64 = 0
    }

    private let watched: Watched<Current>

    init(_ state: ClusterState) {
        watched = Watched(Current(snapshot: Snapshot(state)))
    }

    var now: Snapshot { watched.value.snapshot }

    func publish(_ state: ClusterState) {
        let snapshot = Snapshot(state)
        watched.update { $0.snapshot = snapshot }
    }

    /// Waits for a state that fits; `nil` when the task was cancelled.
    func first(
        where fits: @escaping @Sendable (ClusterState) -> Bool
    ) async -> Snapshot? {
        await watched.first { fits($0.snapshot.state) }?.snapshot
    }

    /// Lets those go who wait by ``next(after:pulse:)``: for signs of life, without a timer each.
    func beat() { watched.update { $0.pulse += 1 } }

    var pulse: UInt64 { watched.value.pulse }

    /// Waits for a state behind `position`, or for the next beat.
    ///
    /// - Returns: the newest state and pulse; `nil` when the task was cancelled.
    func next(
        after position: LogPosition, pulse: UInt64
    ) async -> (snapshot: Snapshot, pulse: UInt64)? {
        await watched.first { $0.snapshot.state.position > position || $0.pulse != pulse }
            .map { ($0.snapshot, $0.pulse) }
    }
}

import API
import Base
import Cluster
import Consensus
import Synchronization

/// Keeps a proxy that a forced recovery has left behind from acting on what it knows: no redirect, no change, no certain
/// read, no follower. Looked at by every request, so it costs one load.
final class Fence: Sendable {
    private let isUp = Atomic<Bool>(false)
    /// The generation that has left this proxy behind.
    let generation = Watched<Generation?>(nil)
    private let node: Node

    init(_ node: Node) {
        self.node = node
    }

    func follow(_ supersededBy: Generation?) {
        guard generation.value != supersededBy else { return }
        isUp.store(supersededBy != nil, ordering: .releasing)
        generation.set(supersededBy)
    }

    /// - Throws: when this proxy was left behind.
    func check() throws(Failure) {
        guard isUp.load(ordering: .acquiring), let generation = generation.value else { return }
        throw .superseded(by: generation, node)
    }

    // MARK: What clients have seen

    /// Whether a state is good enough for a client that has seen `position`, which it sends along in `Martlet-Position`.
    ///
    /// - Throws: when the state is of an older generation, or when the client has seen what a recovery gave up since:
    ///   what it has read, or written, may be gone.
    static func check(_ position: LogPosition, _ state: ClusterState, _ node: Node) throws(Failure)
    {
        let (seen, present) = (Position(position).generation, Position(state.position).generation)
        if seen > present {
            throw Failure(
                .olderGeneration,
                "this proxy has the state at \(state.position.text); the client has seen \(position.text), "
                    + "of a later generation", next: "ask another proxy")
        }
        guard seen < present, seen != .none else { return }
        // The first recovery after that generation says how much of it was kept.
        let record = state.recoveries.values.first {
            ($0.base.generation, $0.base.nonce) == (position.generation, position.nonce)
        }
        if let record, position.index <= record.base.index { return }
        throw Failure(
            .olderGeneration,
            "the client has seen \(position.text), which a forced recovery gave up; the state is at "
                + state.position.text,
            cause: record.map { "kept was everything up to entry \($0.base.index)" },
            next: "look at GET /v1/cluster?what=recovery, and ask without Martlet-Position")
    }
}

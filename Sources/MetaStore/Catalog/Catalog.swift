import Base
package import Cluster
package import Consensus

/// The state machine that every proxy runs: ``Cluster/ClusterState``, and which of its rows are not stored yet.
///
/// Decoding entries is all it adds; what they mean is decided by the pure half in `Cluster`.
package struct Catalog: StateMachine {
    package typealias Outcome = Cluster.Outcome
    package typealias Delta = [StateRow.Change]
    package typealias Image = ClusterState

    package private(set) var state = ClusterState()
    private var changes: [StateRow.Change] = []

    package init() {}

    /// - Throws: ``Base/DecodingFailure`` for a record of a newer format: the replica then stops rather than skip it.
    package mutating func apply(_ entry: Entry) throws -> Cluster.Outcome {
        switch entry.kind {
        case .command:
            let record = try LogRecord(decoding: entry.payload)
            return state.apply(
                record, at: position(of: entry, after: record.command),
                time: Timestamp(nanoseconds: entry.time), changes: &changes)
        case .leader:
            guard let member = entry.leader else {
                throw DecodingFailure("entry \(entry.mark) names no leader", at: 0)
            }
            return state.applyLeader(
                member: member.rawValue, at: position(of: entry), changes: &changes)
        case .configuration:
            state.advance(to: position(of: entry))
            return Cluster.Outcome(position: state.position, result: .success(state.map.version))
        }
    }

    package mutating func takeDelta() -> [StateRow.Change]? {
        defer { changes = [] }
        return changes.isEmpty ? nil : changes
    }

    package static var emptyDelta: [StateRow.Change] { [] }

    package func capture() -> ClusterState { state }

    package mutating func restore(_ image: ClusterState) {
        state = image
        changes = []
    }

    package static func encode(_ image: ClusterState) -> [UInt8] {
        Zstandard.framed(image.snapshot)
    }

    package static func decode(_ bytes: [UInt8]) throws -> ClusterState {
        try ClusterState(snapshot: try Zstandard.unframed(bytes))
    }

    /// The generation is part of the state: only the founding command and a forced recovery set it.
    private func position(of entry: Entry, after command: Command? = nil) -> LogPosition {
        var generation = (state.position.generation, state.position.nonce)
        if case .found(_, _, let counter, let nonce) = command, generation == (0, 0) {
            generation = (counter, nonce)
        }
        return LogPosition(
            generation: generation.0, nonce: generation.1, term: entry.term.rawValue,
            index: entry.index.rawValue)
    }
}

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
        let kind: LogEntryKind
        switch entry.kind {
        case .command: kind = .command
        case .leader:
            guard let member = entry.leader else {
                throw DecodingFailure("entry \(entry.mark) names no leader", at: 0)
            }
            kind = .leader(member: member.rawValue)
        case .configuration: kind = .configuration
        }
        return try state.apply(
            kind, payload: entry.payload, term: entry.term.rawValue, index: entry.index.rawValue,
            time: Timestamp(nanoseconds: entry.time), changes: &changes)
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
}

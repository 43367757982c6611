import Base
package import Cluster
package import Consensus

/// The state machine that every proxy runs: ``Cluster/ClusterState``, and which of its rows and which lines of its
/// history are not stored yet.
///
/// Decoding entries is all it adds; what they mean is decided by the pure half in `Cluster`.
package struct Catalog: StateMachine {
    package typealias Outcome = Cluster.Outcome
    package typealias Delta = CatalogDelta
    package typealias Image = ClusterState

    package private(set) var state = ClusterState()
    private var delta = CatalogDelta()

    package init() {}

    /// - Throws: ``Base/DecodingFailure`` for a record of a newer format: the replica then stands still rather than skip it.
    package mutating func apply(_ entry: Entry) throws -> Cluster.Outcome {
        let (before, known) = (state, delta.rows.count)
        let time = Timestamp(nanoseconds: entry.time)
        let record = entry.kind == .command ? try LogRecord(decoding: entry.payload) : nil
        let outcome = try carryOut(entry, record, time)
        if delta.rows.count > known {
            // A note that does not decode tells of nobody; what the entry does rests on its member id alone.
            let note = try? TransferNote(decoding: entry.note)
            let line = HistoryEntry(
                record, note: note, time: time, changed: delta.rows[known...], before: before,
                after: state)
            if let line { delta.history.append(line) }
        }
        return outcome
    }

    private mutating func carryOut(
        _ entry: Entry, _ record: LogRecord?, _ time: Timestamp
    ) throws -> Cluster.Outcome {
        let (term, index) = (entry.term.rawValue, entry.index.rawValue)
        if let record {
            return state.apply(record, term: term, index: index, time: time, changes: &delta.rows)
        }
        var kind = LogEntryKind.configuration
        if entry.kind == .leader {
            guard let member = entry.leader else {
                throw DecodingFailure("entry \(entry.mark) names no leader", at: 0)
            }
            kind = .leader(member: member.rawValue)
        }
        return try state.apply(
            kind, payload: [], term: term, index: index, time: time, changes: &delta.rows)
    }

    package mutating func takeDelta() -> CatalogDelta? {
        defer { delta = CatalogDelta() }
        guard !delta.rows.isEmpty else { return nil }
        (delta.stateHash, delta.generation) = (state.hash, state.generation)
        return delta
    }

    package static var emptyDelta: CatalogDelta { CatalogDelta() }

    package func capture() -> ClusterState { state }

    package var digest: UInt64 { state.hash }

    package static func isNewer(_ failure: any Error) -> Bool {
        (failure as? DecodingFailure)?.isNewer ?? false
    }

    package static func proposerState(in entry: Entry) -> StatePoint? {
        guard entry.kind == .command, let state = LogRecord.proposerState(in: entry.payload)
        else { return nil }
        return StatePoint(index: Index(state.index), digest: state.hash)
    }

    package mutating func restore(_ image: ClusterState) {
        state = image
        delta = CatalogDelta()
    }

    package static func encode(_ image: ClusterState) -> [UInt8] {
        Zstandard.framed(image.snapshot)
    }

    package static func decode(_ bytes: [UInt8]) throws -> ClusterState {
        try ClusterState(snapshot: try Zstandard.unframed(bytes))
    }
}

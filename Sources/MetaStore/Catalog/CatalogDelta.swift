package import Cluster
package import Consensus

/// What applying entries has changed: the rows that differ, and the lines of history that say so.
package struct CatalogDelta: Sendable {
    package var rows: [StateRow.Change] = []
    package var history: [HistoryEntry] = []
    /// The hash of the state with these changes; `nil`: no row has changed.
    package var stateHash: UInt64?
    /// That of the state with these changes; `nil`: no row has changed.
    package var generation: Generation?

    package init() {}

    /// What each row is in the end. Many entries change the same one, such as the row that has the versions.
    var lastRows: [StateRow.Change] {
        guard rows.count > 1 else { return rows }
        var places: [RowName: Int] = [:]
        places.reserveCapacity(rows.count)
        for (place, row) in rows.enumerated() {
            places[RowName(kind: row.kind, key: row.key)] = place
        }
        guard places.count < rows.count else { return rows }
        return places.values.sorted().map { rows[$0] }
    }

    private struct RowName: Hashable {
        var kind: StateRow.Kind
        var key: [UInt8]
    }
}

extension ClusterState {
    /// Of the last founding or forced recovery that it has.
    var generation: Generation {
        Generation(counter: position.generation, nonce: position.nonce)
    }
}

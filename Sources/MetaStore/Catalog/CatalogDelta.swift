package import Cluster

/// What applying entries has changed: the rows that differ, and the lines of history that say so.
package struct CatalogDelta: Sendable {
    package var rows: [StateRow.Change] = []
    package var history: [HistoryEntry] = []
    /// The hash of the state with these changes; `nil`: no row has changed.
    package var stateHash: UInt64?

    package init() {}
}

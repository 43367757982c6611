import Cluster
import Consensus
import MetaStore

/// A state that is as it was written, and that no reader takes, in the files of a proxy that does not run.
package enum StatePoison {
    package struct NoBucket: Error {}

    /// Makes the properties of a bucket ones of an unknown format, with the checksums that belong to them. `isCompacted`: the log begins
    /// behind the state, as in a cluster that is not new.
    package static func write(
        to directory: String, isNewer: Bool = false, isCompacted: Bool = false
    ) throws {
        let opened = try MetadataDirectory.open(directory, mayBeginAfresh: false) { MemberID(0) }
        let recovered = opened.recovered
        // A running proxy stores what its last entries have changed with some that come later.
        var (catalog, applied) = (Catalog(), recovered.applied)
        if let image = recovered.image { catalog.restore(image) }
        for entry in recovered.tail {
            _ = try catalog.apply(entry)
            applied = entry.mark
        }
        let delta = catalog.takeDelta() ?? Catalog.emptyDelta
        try opened.log.write(
            WriteBatch(sequence: .zero, change: StateChange(applied: applied, delta: delta)))
        let state = catalog.state
        if isCompacted {
            let configuration = recovered.configurations.last?.configuration
            try opened.log.write(
                WriteBatch(
                    sequence: .zero,
                    base: LogBase(
                        mark: applied, time: recovered.lastTime,
                        configuration: configuration ?? recovered.base.configuration)))
        }
        guard let row = state.rows.first(where: { $0.kind == .bucket }) else { throw NoBucket() }
        let value = [isNewer ? 9 : 0] + row.value.dropFirst()
        var poison = CatalogDelta()
        poison.rows = [StateRow.Change(kind: row.kind, key: row.key, value: value)]
        poison.stateHash =
            state.hash &- row.hash &+ StateRow(kind: row.kind, key: row.key, value: value).hash
        try opened.log.write(
            WriteBatch(
                sequence: .zero, change: StateChange(applied: applied, delta: poison)))
    }
}

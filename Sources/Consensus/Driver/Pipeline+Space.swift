// How much room storage has (catalogue ST-06).
extension Pipeline {
    /// Has storage look, also while nothing is written: room is made by others.
    mutating func watchSpace() {
        if limits.spaceTicks > 0, ticks.isMultiple(of: limits.spaceTicks) {
            job.looksForSpace = true
        }
    }

    mutating func note(_ found: StorageSpace) {
        let before = space
        space = found
        guard found.isShort != before?.isShort ?? false else { return }
        actions.append(.space(found))
        carryOut(replica.handle(.space(isShort: found.isShort)))
    }
}

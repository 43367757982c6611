// Storage that has gone bad while the member runs: what it should hold is in memory.
extension Replica {
    /// Has everything that storage holds written anew: the state after `base`, which is the last applied entry, and what
    /// follows it. Nothing is asked of others, so there is no moment in which one copy fewer exists.
    ///
    /// Who was left behind by a forced recovery keeps its files as they are: its branch is what they hold.
    mutating func rewrite(at base: LogBase, _ effects: inout [Effect]) {
        guard supersededBy == nil, base.mark.index == applied, base.mark.index <= log.flushed,
            installationWrite <= flushedWrite, receipt == nil,
            leadership?.isTakingSnapshot != true, leadership?.snapshot == nil,
            // It takes as much room again as there is written already.
            !isShortOfSpace
        else { return }
        let tail =
            log.last > applied
            ? log.cached(from: applied.next, entriesMax: .max, bytesMax: .max) : []
        guard let tail else { return }
        if base.mark.index > log.base.mark.index {
            var base = base
            base.configuration = log.configuration(at: base.mark.index)
            log.compact(to: base)
        }
        var request = WriteRequest(sequence: beginWrite(), entries: tail)
        request.hardState = hardState
        request.installation = log.base
        request.installsOwnState = true
        effects.append(.write(request))
    }
}

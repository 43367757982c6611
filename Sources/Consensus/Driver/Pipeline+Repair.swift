// Damage in what storage holds (catalogue ST-08, ST-12).
extension Pipeline {
    mutating func found(_ damage: String) {
        guard stopReason == nil, repair.found(damage) else { return }
        actions.append(.damaged(damage))
    }

    /// A leader hands over first: who has bad rows shall not be the one that others copy from.
    mutating func mend() {
        repair.tried(at: ticks)
        if replica.isLeader, replica.configuration.voters != [replica.id] {
            if let heir = replica.heir { carryOut(replica.handle(.transfer(to: heir))) }
            return
        }
        // What is in memory is no better; the state that it gets from others is written anew with all the rest.
        guard quarantine == nil else { return }
        carryOut(
            replica.handle(
                .rewrite(
                    LogBase(
                        mark: applied, time: appliedTime,
                        configuration: replica.configuration(at: applied.index)))))
    }
}

// Comparing states with other members (catalogue ST-13).
extension Pipeline {
    /// Tells the others what the state here was: soon after changes, and now and then without any.
    mutating func tellStates() {
        let isNews = applied.index != told.index
        let pause = isNews ? limits.compareTicks : limits.compareIdleTicks
        guard stopReason == nil, quarantine == nil, ticks >= told.tick + pause,
            applied.index > .zero
        else { return }
        told = (applied.index, ticks)
        digests.keepOnly(replica.configuration.members)
        carryOut(replica.handle(.tellStates(digests.points(upTo: applied.index))))
    }

    mutating func compare(_ points: [StatePoint], of member: MemberID) {
        guard stopReason == nil, quarantine == nil, replica.obeys(.statesAreCompared) else {
            return
        }
        // What two others said first about different entries may become evidence with a later word of one of them.
        if digests.reported(points, by: member),
            let (_, difference) = digests.differing.first(where: { $0.member == member })
        {
            actions.append(.diverged(member, difference))
        }
        guard let difference = digests.isOutvoted(in: replica.configuration, replica.id) else {
            return
        }
        quarantine = difference
        actions.append(.quarantined(difference))
        carryOut(replica.handle(.quarantine))
    }

    /// Changes the state although no entry says so, as a defect of memory would. Only simulations and tests do that.
    public mutating func disturb(_ change: (inout Machine) -> Void) { change(&machine) }
}

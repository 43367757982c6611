// Comparing states with other members (catalogue ST-13).
extension Pipeline {
    /// Tells the others what the state here was: soon after changes, and now and then without any.
    mutating func tellStates() {
        let isNews = tellable != told.index
        let pause = isNews ? limits.compareTicks : limits.compareIdleTicks
        guard stopReason == nil, quarantine == nil, ticks >= told.tick + pause,
            tellable > .zero
        else { return }
        tellStatesNow()
    }

    mutating func tellStatesNow() {
        told = (tellable, ticks)
        digests.keepOnly(replica.configuration.members)
        keepState()
        carryOut(replica.handle(.tellStates(digests.points(upTo: tellable))))
    }

    /// An entry tells of another state than this member had. Either it or the proposer is wrong, and a majority knows who:
    /// until it has spoken, this state is not shown, and its owner leaves the lead to others for a while.
    mutating func doubt(_ point: StatePoint) {
        guard doubt == nil, quarantine == nil, stopReason == nil,
            replica.obeys(.statesAreCompared),
            !isUpheld(at: point.index)
        else { return }
        doubt = point.index
        actions.append(.doubted(point.index))
        carryOut(replica.handle(.doubt(true)))
        tellStatesNow()
    }

    /// The majority has spoken, or the state is another one.
    mutating func settleDoubt() {
        guard doubt != nil else { return }
        doubt = nil
        actions.append(.doubted(nil))
        carryOut(replica.handle(.doubt(false)))
    }

    mutating func settleDoubtIfUpheld() {
        if let doubt, isUpheld(at: doubt) { settleDoubt() }
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
            // Whoever of the two is wrong needs the words of all others to know it; it is told once.
            if applied.index > .zero { tellStatesNow() }
        }
        settleDoubtIfUpheld()
        confirmState()
        guard let difference = digests.isOutvoted(in: replica.configuration, replica.id) else {
            return
        }
        settleDoubt()
        quarantine = difference
        actions.append(.quarantined(difference))
        if let standstill { standStill(standstill) }
        carryOut(replica.handle(.quarantine(from: difference.differsAt)))
    }

    /// The state is another one, or the only one.
    mutating func settleQuarantine() {
        guard quarantine != nil else { return }
        quarantine = nil
        actions.append(.quarantined(nil))
    }

    /// Changes the state although no entry says so, as a defect of memory would. Only simulations and tests do that.
    public mutating func disturb(_ change: (inout Machine) -> Void) { change(&machine) }
}

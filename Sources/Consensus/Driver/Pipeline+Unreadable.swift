// Entries and states that cannot be read here (catalogue CL-09, docs/decisions/0031).
//
// The member stays: its log is right, so it takes entries, confirms them and votes, and those who can read the entry go on with its help. What it
// does not do is show as new what is old, take changes whose outcome it could not tell, and lead while another could. Nothing of this is
// stored: a restart, with a version that can read it perhaps, finds out anew.
extension Pipeline {
    /// Whether nothing is applied any more.
    var isBlocked: Bool { unreadable?.part == .entry }

    mutating func cannotRead(_ found: Unreadable) {
        guard unreadable != found else { return }
        unreadable = found
        actions.append(.unreadable(found))
        standStill(.unreadable(found))
        carryOut(replica.handle(.unreadable(at: found.mark.index)))
    }

    /// Why nothing is answered from the state here; `nil` when it is.
    var standstill: Refusal? {
        if let unreadable { return .unreadable(unreadable) }
        guard let quarantine, replica.obeys(.outvotedAnswersNothing) else { return nil }
        return .wrongState(from: quarantine.differsAt)
    }

    /// Answers whatever waits. What was proposed may be committed, and nobody here will ever know what came of it.
    mutating func standStill(_ refusal: Refusal) {
        for token in proposals.removeAll() { answer(token, .unknown) }
        for token in reads.removeAll() {
            actions.append(.answerRead(token, .refused(refusal)))
        }
    }

    /// A state that goes beyond it has come.
    mutating func settleUnreadable() {
        guard let found = unreadable, applied.index >= found.mark.index else { return }
        unreadable = nil
        actions.append(.unreadable(nil))
    }

    /// A leader hands over as soon as a voter has told of a state from there on: that one can read it.
    mutating func seekReader() {
        guard let found = unreadable, replica.isLeader, !replica.isTransferring,
            ticks.isMultiple(of: Self.seekTicks)
        else { return }
        let readers = digests.members(from: found.mark.index)
        if let heir = replica.heir(among: readers.contains) {
            carryOut(replica.handle(.transfer(to: heir)))
        }
    }

    /// Long enough for one attempt to end.
    private static var seekTicks: UInt64 { 20 }
}

extension Unreadable {
    init<Machine: StateMachine>(
        _ part: Part, at mark: LogMark, for machine: Machine.Type, _ error: any Error
    ) {
        self.init(
            part, at: mark, reason: String(describing: error), isNewer: Machine.isNewer(error))
    }
}

// States that differ although the logs agree: by a defect of memory, of storage or of the code.
//
// The core compares nothing, it does not know states; its owner does (`StateDigests`) and says so.
extension Replica {
    mutating func tellStates(_ points: [StatePoint], _ effects: inout [Effect]) {
        for member in log.configuration.members where member != id {
            send(.stateDigests(points), to: member, &effects)
        }
    }

    /// Most others have another state. The log is right, so this member confirms and votes on; what it does not do is answer
    /// from its state, so it leaves the lead to others. A restart must not make it forget: then it would believe its state again,
    /// and perhaps nobody is left who could outvote it.
    ///
    /// When nobody has been elected for a while, it may have what those lack whose states are right. Then it stands, leads
    /// without taking or answering anything (`Pipeline+States.swift`), and hands over as soon as one of them has its log
    /// (docs/decisions/0039).
    mutating func quarantine(from index: Index, _ effects: inout [Effect]) {
        isQuarantined = true
        var request = WriteRequest(sequence: beginWrite())
        request.stateWrongFrom = index
        effects.append(.write(request))
        if isLeader, let heir { send(.timeoutNow(), to: heir, &effects) }
        // Who stands for election could win it yet, before the others have had their time.
        if roleName != .follower { stepDown(to: term, leader: nil, &effects) }
        stepAside()
        askForSnapshot(&effects)
    }

    /// Asks again from time to time: the leader may be another one by now, or the answer lost.
    mutating func askForSnapshot(_ effects: inout [Effect]) {
        guard receipt == nil, installationWrite <= flushedWrite, !takesNothing,
            let leader, leader != id,
            now >= snapshotAskedAt + UInt64(limits.electionTicksMax) || snapshotAskedAt == 0
        else { return }
        snapshotAskedAt = max(1, now)
        send(.snapshotWanted(from: commit), to: leader, &effects)
    }

    // MARK: leader

    mutating func snapshotWanted(
        by member: MemberID, _ index: Index, _ effects: inout [Effect]
    ) {
        guard let leadership, let ordinal = leadership.ordinal(of: member), index <= commit
        else { return }
        if case .snapshot = leadership.followers[ordinal].progress.state { return }
        self.leadership?.followers[ordinal].progress.becomeSnapshot()
        self.leadership?.snapshotWanted = max(index, leadership.snapshotWanted)
        // One that was taken for somebody else may be too old.
        if let snapshot = leadership.snapshot, snapshot.base.mark.index < index {
            self.leadership?.snapshot = nil
        }
        advanceSnapshot(ordinal, &effects)
    }
}

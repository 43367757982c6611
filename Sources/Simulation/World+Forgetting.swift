import Consensus

// Disks that forget, rows that go bad and states that part: what a member notices by itself.
extension World {
    /// Members whose log lacks what they have promised. The group has to do without their votes.
    var forgetful: Set<MemberID> {
        Set(
            ids.filter {
                member($0).hasForgotten || member($0).model.isBelowPromise
                    || member($0).pipeline?.replica.isRecovering == true
            })
    }

    /// Whether a change of members was asked for, or some member holds a configuration that may not be committed.
    private var isChangingMembers: Bool {
        hasOpenChange
            || ids.contains { id in
                guard let replica = member(id).pipeline?.replica else { return false }
                return replica.configuration != replica.configuration(at: replica.commit)
            }
    }

    var hasOpenChange: Bool {
        pending.values.contains { if case .membership = $0.kind { true } else { false } }
    }

    /// The member dies, and its disk has less than was flushed when it comes back. The budget: a majority of all others, in every
    /// configuration that anybody holds, has forgotten nothing.
    mutating func forget(_ id: MemberID, _ way: Amnesia, for time: UInt64) {
        // Whom an operator may force must not be one that has forgotten: that is another budget.
        guard !plan.events.contains(where: { $0.kind.rawValue == "force" }) else { return }
        let struck = member(id)
        guard struck.isUp, canDoWithout(forgetful.union([id])), !isChangingMembers else { return }
        // What is being stored is no promise yet, and a model that has it already could not tell.
        guard struck.job == nil else { return }
        // Who has forgotten may need a snapshot, and one of a wrong state would be a second fault.
        guard !group.contains(where: \.isDisturbed), !struck.wasDisturbed else { return }
        // The founding configuration is in no entry here: who has forgotten it must be given a snapshot.
        var way = way
        if way == .database, ids.contains(where: { member($0).model.base.mark.index == .zero }) {
            way = .backup
        }
        // The floor is behind for a moment after each write. A disk that forgets in just that moment is two faults at once.
        if let storage = struck.storage { Case.settle(storage) }
        crash(id, for: time)
        note("\(id) forgets: \(way)")
        struck.hasForgotten = true
        struck.rememberedVote = struck.model.hardState
        struck.forgotten = struck.model
        if var storage = struck.storage {
            Case.forget(&storage, way, using: &random)
            struck.storage = storage
        } else {
            // With the tail that others have replaced since, where there is one (Raft §5.3).
            let earlier = random.next(in: 0...3) == 0 ? nil : struck.replaced
            struck.model.fallBack(to: way == .database ? nil : earlier ?? struck.backup)
        }
        repeatMessages(to: id, after: time)
    }

    /// What was said to the member before it forgot, and was long under way, arrives when it is back.
    private mutating func repeatMessages(to id: MemberID, after time: UInt64) {
        for envelope in recent.items where envelope.to == id && random.next(in: 0...3) == 0 {
            agenda.plan(.deliver(envelope), at: now + time + spread(Plan.second))
        }
    }

    /// PC-12, ST-02, ST-03: whatever storage has forgotten, the member knows that it has promised more.
    mutating func checkMemory(
        of id: MemberID, _ stored: RecoveredState<Machine>
    ) {
        let member = member(id)
        member.hasForgotten = false
        member.rememberedVote = stored.hardState
        guard let storage = member.storage else { return }
        oracle.demand(
            stored.hardState == member.model.hardState,
            "ST-03: \(id) promised \(member.model.hardState), and knows \(stored.hardState)")
        let last = stored.termRuns.last?.term ?? stored.base.mark.term
        let mark = LogMark(index: stored.lastIndex, term: last)
        let promised = member.model.promised
        // The floor may be ahead: the write that the member died in had it first.
        oracle.demand(
            mark.isUpToDate(with: promised) || stored.floor?.isUpToDate(with: promised) == true,
            "ST-03: \(id) has \(mark) of \(promised), and knows \(stored.floor as Any)")
        do {
            var entries: [Entry] = []
            if stored.lastIndex > stored.base.mark.index {
                var copy = storage
                entries = try copy.entries(
                    from: stored.base.mark.index.next, through: stored.lastIndex,
                    maxBytes: .max / 64)
            }
            member.model.adopt(stored, entries)
        } catch {
            oracle.fail("storage of \(id) failed: \(error)")
        }
    }

    /// ST-13: the state of a member changes although no entry says so. The budget: one at a time, and no snapshot may carry it on.
    mutating func disturb(_ id: MemberID, takingOneAlong: Bool = false) {
        guard conditions.comparing > 0, conditions.retained == 0,
            !group.contains(where: \.isDisturbed), forgetful.isEmpty, member(id).isUp,
            // Whose log was cut off gives snapshots to those who are behind.
            ids.allSatisfy({ member($0).model.base.mark.index == .zero }),
            member(id).pipeline?.replica.isRecovering == false, !isChangingMembers,
            // Two voters could not tell who of them is right.
            group.allSatisfy({
                let voters = $0.pipeline?.replica.configuration.voters ?? []
                return voters.isEmpty || voters.count >= 3
            }), canDoWithout([id])
        else { return }
        let changed: Void? = member(id).pipeline?.disturb { Case.disturb(&$0) }
        guard changed != nil, Case.canBeDisturbed else { return }
        member(id).isDisturbed = true
        member(id).wasDisturbed = true
        // Memory keeps the entries since, and there is room for what comes out.
        member(id).canFindOut =
            member(id).pipeline?.confirmedIndex != nil && conditions.cacheBytes == 0
            && !Self.hasFullDisks(plan)
        member(id).takesOneAlong = takingOneAlong
        note("\(id) is disturbed")
    }

    /// A member knows for good that its state is wrong, and now another one is lost: of the other voters the one with most, so that
    /// those with a right state may need what only this one has.
    mutating func loseAnother(beside id: MemberID) {
        let member = member(id)
        guard member.takesOneAlong, member.model.stateWrongFrom != nil,
            let configuration = member.pipeline?.replica.configuration
        else { return }
        member.takesOneAlong = false
        let others = configuration.voters.filter { $0 != id && ids.contains($0) }
        let ends = others.map { (id: $0, last: self.member($0).model.last.index) }
        if let lost = ends.max(by: { $0.last < $1.last }) { wipe(lost.id) }
    }

    /// The state of a member is wrong, nobody knows it yet, and it goes on alone.
    mutating func strand(_ id: MemberID, _ disaster: Disaster) {
        disturb(id)
        guard member(id).isDisturbed else { return }
        member(id).isStranded = true
        let others = ids.filter { $0 != id }
        let lost = others.reduce(0) { $0 | 1 << (Int($1.rawValue) - 1) }
        force(
            FaultEvent(
                kind: .force, time: now, a: lost, b: disaster.rawValue,
                duration: 4 * Plan.second))
    }

    /// ST-13: nothing is answered from a state that was found to be wrong.
    mutating func checkStanding(of id: MemberID) {
        oracle.demand(
            !member(id).isDisturbed || member(id).model.stateWrongFrom == nil,
            "ST-13: \(id) answers from a state that it knows to be wrong")
    }

    /// IN-05: the state is what the log leads to, but for a member whose state was disturbed: that one is to notice by itself.
    mutating func checkState(_ image: Machine.Image, at index: Index, of id: MemberID, in era: Int)
    {
        while references.count <= era { references.append(Reference(Case.machine())) }
        do {
            let committed = oracle.eras[era].committed
            guard let right = try references[era].digest(after: index, of: committed) else {
                return
            }
            let isRight = Case.digest(image) == right
            if member(id).isDisturbed {
                if isRight { member(id).isDisturbed = false }
            } else {
                oracle.demand(
                    isRight, "IN-05: the state of \(id) after \(index) is not what the log leads to"
                )
            }
        } catch {
            oracle.fail("IN-05: what \(id) has applied cannot be applied: \(error)")
        }
    }
}

import Consensus

// What the oracle looks at after each step, and what it knows of the disks.
extension World {
    /// IN-08. Every member checks IN-09 and IN-13 itself (`Replica.checkInvariants`); a failed
    /// precondition ends the simulation.
    mutating func inspect(_ id: MemberID) {
        let member = member(id)
        guard let glance = member.pipeline?.glance else { return }
        oracle.demand(
            glance.commit >= member.commit && glance.applied >= member.applied,
            "IN-08: \(id) commit \(member.commit) -> \(glance.commit), "
                + "applied \(member.applied) -> \(glance.applied)")
        if glance.isLeader { inspectLeader(member, id, glance) }
        if member.wasCut { checkConfiguration(member, id) }
        if hasFullDisks { checkRoom(id, glance) }
        member.commit = glance.commit
        member.applied = glance.applied
        let era = member.era
        if glance.applied > oracle.eras[era].heldUpTo,
            let last = oracle.eras[era].committed.last, last.mark.index == glance.applied,
            glance.generation == oracle.eras[era].generation, let pipeline = member.pipeline
        {
            checkHeld(last.mark, pipeline.replica, in: era)
        }
    }

    private mutating func inspectLeader(
        _ member: Member, _ id: MemberID, _ glance: Pipeline<Machine>.Glance
    ) {
        if member.ledTerm == glance.term {
            oracle.demand(
                glance.last >= member.ledLast,
                "IN-02: leader \(id) went from \(member.ledLast) to \(glance.last)")
            oracle.demand(
                glance.commit == member.commit || glance.commitTerm == glance.term,
                "CS-01: leader \(id) of term \(glance.term) commits \(glance.commit) of another")
            if glance.commit > member.commit { checkRemoval(member, id) }
        } else {
            counts.elections += 1
            note("\(id) leads term \(glance.term)")
            if let pipeline = member.pipeline {
                oracle.leads(id, pipeline.replica, in: member.era)
                checkVotes(of: id, pipeline.replica, in: member.era)
            }
        }
        member.ledTerm = glance.term
        member.ledLast = glance.last
    }

    /// MB-05: a leader that has committed its own departure leads no more.
    private mutating func checkRemoval(_ member: Member, _ id: MemberID) {
        guard let replica = member.pipeline?.replica, !replica.configuration.isVoter(id) else {
            return
        }
        oracle.demand(
            replica.configuration(at: replica.commit) != replica.configuration,
            "MB-05: \(id) leads on, and is no voter of \(replica.configuration)")
    }

    /// EL-04, EL-21: who leads has the votes of a majority, given in this very term, on their disks. A vote that was written
    /// together with a later term has left no trace there, and needs none: its member votes in that term no more.
    private mutating func checkVotes(of id: MemberID, _ replica: Replica, in era: Int) {
        // Who has begun a generation leads its first term by itself.
        guard replica.term != oracle.eras[era].openingTerm else { return }
        let ballot = Ballot(generation: replica.generation, term: replica.term)
        // Since it was elected, it may have changed the voters already.
        let isElected = [
            replica.configuration, replica.configuration(at: replica.commit),
        ].contains {
            $0.quorum
                <= $0.voters.count { voter in
                    let (votes, stored) = (member(voter).votes, member(voter).model.hardState)
                    let isPast =
                        stored.generation == ballot.generation && stored.term > ballot.term
                    return votes[ballot] == id || (isPast && votes[ballot] == nil)
                }
        }
        oracle.demand(
            isElected,
            "EL-21: \(id) leads term \(replica.term) without the votes of a majority")
    }

    /// MB-12, PC-13: what is in force is what the log has last; an entry that was replaced takes its configuration along.
    private mutating func checkConfiguration(_ member: Member, _ id: MemberID) {
        guard let replica = member.pipeline?.replica, member.job == nil,
            replica.durable == replica.lastMark.index, member.model.last == replica.lastMark
        else { return }
        member.wasCut = false
        let last = member.model.entries.last { $0.kind == .configuration }?.configuration
        let expected = last ?? member.model.base.configuration
        oracle.demand(
            replica.configuration == expected,
            "MB-12: \(id) acts on \(replica.configuration), its log ends with \(expected)")
    }

    /// IN-07: what is committed is on the disks of a majority, those of crashed members included.
    private mutating func checkHeld(_ mark: LogMark, _ replica: Replica, in era: Int) {
        // The leader counts by the configuration in force, which may be a later one.
        let configurations = [replica.configuration(at: mark.index), replica.configuration]
        let isHeld = configurations.contains { configuration in
            configuration.voters.count { holds(mark, $0, in: era) } >= configuration.quorum
        }
        if !isHeld {
            let holders = ids.filter { holds(mark, $0, in: era) }
            oracle.fail("IN-07: \(mark) is committed, only \(holders) of \(configurations) hold it")
        }
        oracle.held(upTo: mark.index, in: era)
    }

    func holds(_ mark: LogMark, _ id: MemberID, in era: Int) -> Bool {
        let member = member(id)
        // Who has forgotten it does not vote before having it again.
        if member.model.isBelowPromise, member.model.promised.isUpToDate(with: mark) { return true }
        guard oracle.writes(owner(of: mark.index, at: member), at: mark.index, in: era) else {
            return false
        }
        if member.model.base.mark.index >= mark.index { return true }
        guard member.model.last.index >= mark.index else { return false }
        return member.model.entries[place(of: mark.index, in: member)].term == mark.term
    }

    /// The generation to which an entry of a log belongs. A disk may have been lost with the beginning of one that nobody has seen:
    /// what was there before it is of the one that it goes on from.
    private func owner(of index: Index, at member: Member) -> Generation {
        let hardState = member.model.hardState
        guard oracle.era(of: hardState.generation) == nil, let origin = hardState.origin,
            index <= origin.index
        else { return hardState.generation }
        return origin.generation
    }
}

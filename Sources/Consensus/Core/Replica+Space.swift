// A member whose disk is almost full (catalogue ST-06, docs/decisions/0030).
//
// What it still writes is what it must: term and vote, for which storage keeps a reserve, what it has committed, and
// compaction, which frees room. It takes no entries and no snapshot, and so confirms none; it answers heartbeats, votes, and
// commits what it holds. A leader takes no proposals and hands over; it leads on while nobody else could, because only it may
// have what the others lack.
extension Replica {
    /// Whether entries and snapshots of a leader are left where they are: for want of room on the disk, or of memory for what is
    /// not applied.
    var takesNothing: Bool {
        (isShortOfSpace || holdsTooMuchUnread) && obeys(.shortTakesNothing)
    }

    mutating func noteSpace(_ isShort: Bool, _ effects: inout [Effect]) {
        guard isShort != isShortOfSpace else { return }
        isShortOfSpace = isShort
        endToldInTerm = nil
        guard isShort else { return }
        stepAside()
        // A snapshot that was on its way is asked for again when there is room.
        if takesNothing { receipt = nil }
        if isLeader { seekHeir(&effects) }
    }

    // MARK: standing

    /// Whether it is left to others to stand: for as long as they take to elect somebody, counted from when a leader was last
    /// heard here. When nobody has been elected by then, this member has the longest log, or the others have no room either.
    /// Then it stands: its first entry is small, and the others get from it what they lack to take over.
    var standsAside: Bool {
        (isShortOfSpace || unreadableAt != nil || isQuarantined) && now < standsAsideUntil
            && log.configuration.voters != [id]
    }

    mutating func stepAside() {
        standsAsideUntil = now + 2 * UInt64(limits.electionTicksMax)
    }

    // MARK: leading

    /// Hands over to somebody, with room and a state as far as is known, who has answered in this term, as soon as there is such a member. One who lacks
    /// something gets it meanwhile, and another attempt.
    mutating func seekHeir(_ effects: inout [Effect]) {
        guard let leadership, leadership.transfer == nil, leadership.change == nil, let heir,
            let ordinal = leadership.ordinal(of: heir),
            leadership.followers[ordinal].progress.round > 0
        else { return }
        transfer(to: heir, [], &effects)
    }

    /// On the leader: the members that say they have no room.
    public var shortOfSpace: [MemberID] {
        leadership?.followers.filter(\.progress.isShortOfSpace).map(\.member) ?? []
    }

    /// Whose want of room keeps everything from being committed, or from being begun here; `nil`: there is room enough.
    var membersWithoutSpace: [MemberID]? {
        majorityWithoutSpace ?? (isShortOfSpace ? [id] : nil)
    }

    /// On the leader: the voters without room, when those that are left and in contact are no majority, whoever leads.
    public var majorityWithoutSpace: [MemberID]? {
        guard let leadership else { return nil }
        let short = (shortOfSpace + (isShortOfSpace ? [id] : [])).filter(log.configuration.isVoter)
        guard !short.isEmpty else { return nil }
        let canTake = Quorum.holds(in: log.configuration) { member in
            !short.contains(member)
                && (member == id
                    || leadership.followers.contains {
                        $0.member == member
                            && now - $0.progress.contact <= UInt64(limits.electionTicksMin)
                    })
        }
        return canTake ? nil : short.sorted()
    }
}

extension Progress {
    mutating func noteSpace(isShort: Bool) {
        guard isShort != isShortOfSpace else { return }
        isShortOfSpace = isShort
        // What was under way was not taken, and is not sent before there is room.
        if case .snapshot = state {} else { becomeProbe(next: match.next) }
    }
}

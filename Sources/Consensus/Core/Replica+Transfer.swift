// Handing leadership over: dissertation §3.10.
extension Replica {
    mutating func transfer(
        to target: MemberID, _ note: [UInt8], _ effects: inout [Effect]
    ) {
        if let refusal = refusal(ofTransferTo: target) {
            return effects.append(.transferEnded(to: target, .refused(refusal)))
        }
        guard let leadership else { return }
        if let current = leadership.transfer {
            if current.target == target { return }  // joined
            effects.append(
                .transferEnded(to: current.target, .aborted(target: current.target)))
        }
        let deadline = now + UInt64(limits.electionTicksMin)
        self.leadership?.transfer = Leadership.Transfer(
            target: target, note: Array(note.prefix(Entry.noteBytesMax)), deadline: deadline)
        advanceTransfer(&effects)
    }

    private func refusal(ofTransferTo target: MemberID) -> TransferRefusal? {
        if !isLeader { return .notLeader(hint: leader) }
        if target == id { return .targetIsLeader }
        if log.configuration.isLearner(target) { return .targetIsLearner }
        if leadership?.followers.contains(where: {
            $0.member == target && $0.progress.isShortOfSpace
        })
            == true
        {
            return .targetIsShortOfSpace
        }
        return log.configuration.isVoter(target) ? nil : .noSuchMember
    }

    /// Whether leadership is being handed over.
    public var isTransferring: Bool { leadership?.transfer != nil }

    /// Who may best take over: of the voters that count and are in contact, one that has most.
    public var heir: MemberID? { heir { _ in true } }

    /// The same of those who fit.
    public func heir(among fits: (MemberID) -> Bool) -> MemberID? {
        leadership?.followers.filter {
            log.configuration.isVoter($0.member) && fits($0.member) && $0.progress.counts
                && !$0.progress.isShortOfSpace
                && now - $0.progress.contact <= UInt64(limits.electionTicksMin)
        }.max { ($0.progress.match, $1.member) < ($1.progress.match, $0.member) }?.member
    }

    /// Tells the target to take over once it has everything.
    mutating func advanceTransfer(_ effects: inout [Effect]) {
        guard let leadership, let transfer = leadership.transfer, !transfer.isSent,
            let ordinal = leadership.ordinal(of: transfer.target),
            leadership.followers[ordinal].progress.match == log.last,
            leadership.followers[ordinal].progress.counts
        else { return }
        self.leadership?.transfer?.isSent = true
        send(.timeoutNow(note: transfer.note), to: transfer.target, &effects)
    }

    /// The target has not taken over in time. It may do so yet, when the word to it has been sent: it is frozen, or that word is
    /// under way still. So the term ends, and with it what the word is good for; then it is known who leads.
    mutating func endTransfer(_ transfer: Leadership.Transfer, _ effects: inout [Effect]) {
        leadership?.transfer = nil
        effects.append(.transferEnded(to: transfer.target, .timedOut(target: transfer.target)))
        guard transfer.isSent else { return }
        stepDown(to: term, leader: nil, &effects)
        if mayCampaign { campaign(isTransfer: true, [], &effects) }
    }

    /// The envelope's term is the current one: an old copy can start nothing.
    mutating func timeoutNow(
        from sender: MemberID, _ note: [UInt8], _ effects: inout [Effect]
    ) {
        guard case .follower(let leader) = role, leader == sender || leader == nil, mayCampaign
        else { return }
        campaign(isTransfer: true, note, &effects)
    }
}

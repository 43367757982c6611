// Membership, one member at a time: dissertation §4, with the rule of 2015 (a leader changes
// nothing before it has committed an entry of its own term).
extension Replica {
    mutating func changeMembership(
        _ token: ProposalToken, _ change: MembershipChange, _ time: UInt64,
        _ effects: inout [Effect]
    ) {
        wallTime = max(wallTime, time)
        if let refusal = refusal(of: 0, after: 0, 0) ?? refusal(of: change) {
            return effects.append(.refused(token, refusal))
        }
        let next = log.configuration.after(change)
        if next == log.configuration {
            // Done already: a repeated request succeeds, at the place that did it.
            let index = log.configurationIndex
            let term = log.term(at: index) ?? log.base.mark.term
            return effects.append(.accepted(token, LogMark(index: index, term: term)))
        }
        guard next.voters != log.configuration.voters else { return make(next, token, &effects) }
        beginRound(&effects)
        guard let round = leadership?.round else { return }
        let pending = Leadership.PendingChange(
            token: token, change: change, round: round,
            deadline: now + UInt64(limits.electionTicksMin))
        leadership?.change = pending
        proceedWithChange(&effects)
    }

    private mutating func make(
        _ next: Configuration, _ token: ProposalToken, _ effects: inout [Effect]
    ) {
        effects.append(.accepted(token, LogMark(index: log.last.next, term: term)))
        append([(.configuration, next.encoded)], &effects)
    }

    // MARK: who would be left

    /// Who waits for a change that is neither accepted nor refused yet.
    var pendingChange: ProposalToken? { leadership?.change?.token }

    /// The configuration that a change would make which waits for contact; with the next answers it may be in force.
    public var awaitedConfiguration: Configuration? {
        leadership?.change.map { log.configuration.after($0.change) }
    }

    /// Makes the change that waits, once a majority of the voters that it leaves has answered since it was asked for.
    ///
    /// What was heard before says nothing: the leader may have been frozen meanwhile, and they gone for good.
    mutating func proceedWithChange(_ effects: inout [Effect]) {
        guard let pending = leadership?.change else { return }
        let next = log.configuration.after(pending.change)
        let silent = silent(of: next, since: pending.round)
        if next.voters.count - silent.count >= next.quorum {
            leadership?.change = nil
            if let refusal = refusal(of: 0, after: 0, 0) ?? refusal(of: pending.change) {
                return effects.append(.refused(pending.token, refusal))
            }
            make(next, pending.token, &effects)
        } else if now >= pending.deadline {
            leadership?.change = nil
            effects.append(
                .refused(pending.token, .membership(.wouldLoseQuorum(silent: silent))))
        }
    }

    private func silent(
        of next: Configuration, since round: UInt64, _ isLost: (Progress) -> Bool = { _ in false }
    ) -> [MemberID] {
        next.voters.filter { voter in
            voter != id
                && leadership?.followers.contains {
                    // One that has lost what it had promised has no vote to give, nor has one without room for the entry.
                    $0.member == voter && $0.progress.round >= round && $0.progress.counts
                        && !$0.progress.isShortOfSpace && !isLost($0.progress)
                } != true
        }
    }

    private func refusal(of change: MembershipChange) -> Refusal? {
        guard let leadership else { return .notLeader(hint: leader) }
        if leadership.change != nil || log.configurationIndex > commit, obeys(.oneChangeAtATime) {
            return .membership(.changeInProgress(at: log.configurationIndex))
        }
        if commit < leadership.firstIndex, obeys(.changeAfterOwnCommit) {
            return .membership(.leaderTooFresh)
        }
        let (current, member) = (log.configuration, change.member)
        let next = current.after(change)
        switch change {
        case .addLearner: break
        case .promote:
            if !current.contains(member) { return .membership(.noSuchMember(member)) }
            let match = leadership.followers.first { $0.member == member }?.progress.match
            let lag = log.last.distance(from: match ?? .zero)
            if current.isLearner(member), lag > limits.promotionLagMax {
                return .membership(.learnerBehind(member, by: lag))
            }
        case .demote:
            if !current.contains(member) { return .membership(.noSuchMember(member)) }
        case .remove: break
        }
        if next.voters.isEmpty { return .membership(.lastVoter) }
        if next.voters.count > limits.votersMax {
            return .membership(.tooManyMembers(max: limits.votersMax))
        }
        if next.learners.count > limits.learnersMax {
            return .membership(.tooManyMembers(max: limits.learnersMax))
        }
        // Who has never answered this leader may be gone for good, even if the leader is young.
        let lost = silent(of: next, since: 1) { progress in
            now - progress.contact > UInt64(limits.electionTicksMin)
        }
        if next.voters != current.voters, next.voters.count - lost.count < next.quorum {
            return .membership(.wouldLoseQuorum(silent: lost))
        }
        return nil
    }

    /// Brings the leader's list of followers in line with the configuration in force.
    mutating func configurationMayHaveChanged(_ effects: inout [Effect]) {
        guard let leadership else { return }
        let members = log.configuration.members.filter { $0 != id }
        guard members != leadership.followers.map(\.member) else { return }
        // The entry that brings a member is itself the first thing to send: with nothing to send, the
        // leader would not find out what the member lacks.
        let fresh = Progress(next: max(log.last, log.first), contact: now)
        self.leadership?.followers = members.map { member in
            leadership.followers.first { $0.member == member }
                ?? Leadership.Follower(member: member, progress: fresh)
        }
        if let transfer = leadership.transfer, !log.configuration.isVoter(transfer.target) {
            self.leadership?.transfer = nil
            effects.append(
                .transferEnded(to: transfer.target, .aborted(target: transfer.target)))
        }
        dropIdleSnapshot()
    }

    /// A leader that has committed its own departure hands over to the member that knows most.
    mutating func resignIfRemoved(_ effects: inout [Effect]) {
        guard let leadership, !log.configuration.isVoter(id), log.configurationIndex <= commit,
            obeys(.removedLeaderResigns)
        else { return }
        let heir = leadership.followers.filter { log.configuration.isVoter($0.member) }
            .max { ($0.progress.match, $1.member) < ($1.progress.match, $0.member) }
        if let heir { send(.timeoutNow(), to: heir.member, &effects) }
        stepDown(to: term, leader: nil, &effects)
    }
}

extension Configuration {
    /// This configuration with one member changed; itself when there is nothing to change.
    public func after(_ change: MembershipChange) -> Configuration {
        let member = change.member
        switch change {
        case .addLearner:
            return contains(member)
                ? self : Configuration(voters: voters, learners: learners + [member])
        case .promote:
            return Configuration(
                voters: voters + [member], learners: learners.filter { $0 != member })
        case .demote:
            return Configuration(
                voters: voters.filter { $0 != member }, learners: learners + [member])
        case .remove:
            return Configuration(
                voters: voters.filter { $0 != member },
                learners: learners.filter { $0 != member })
        }
    }
}

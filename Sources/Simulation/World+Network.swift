import Consensus

// The network, and the operator who breaks things.
extension World {
    mutating func send(_ envelope: Envelope) {
        checkPromise(envelope)
        var envelope = envelope
        spoil(&envelope)
        if isTracing {
            note("\(envelope.from)>\(envelope.to) \(envelope.term) \(envelope.message)")
        }
        remember(envelope)
        if !isHealing, Int(spread(10_000)) < faults.loss { return }
        plan(envelope)
        if !isHealing, Int(spread(10_000)) < faults.duplication { plan(envelope) }
    }

    /// Keeps the last messages, for when old ones are sent again.
    private mutating func remember(_ envelope: Envelope) {
        guard faults.replayEvery > 0 else { return }
        if recent.count < 256 { return recent.append(envelope) }
        recent[recentOldest] = envelope
        recentOldest = (recentOldest + 1) % recent.count
    }

    private mutating func plan(_ envelope: Envelope) {
        var delay = faults.delay.least
        if isHealing {
            delay += spread(Faults.millisecond)
        } else {
            delay += spread(faults.delay.spread)
            if Int(spread(10_000)) < faults.slowMessages { delay += spread(5 * Faults.second) }
        }
        agenda.plan(.deliver(envelope), at: now + delay)
    }

    mutating func deliver(_ envelope: Envelope) {
        if !cuts.isEmpty, let end = cuts[Link(from: envelope.from, to: envelope.to)] {
            if now < end { return }
            cuts[Link(from: envelope.from, to: envelope.to)] = nil
        }
        var envelope = envelope
        if defect == .confirmsAnyRound, case .heartbeatReply = envelope.message,
            let round = newestRound[envelope.to]
        {
            envelope.message = .heartbeatReply(round: round)
        }
        feed(envelope.to, [.received(envelope)])
    }

    /// IN-10: what a message promises is on the sender's disk.
    private mutating func checkPromise(_ envelope: Envelope) {
        let member = member(envelope.from)
        let stored = member.model.hardState
        oracle.demand(
            envelope.term <= stored.term && envelope.generation <= stored.generation,
            "IN-10: \(envelope.from) says term \(envelope.term), stored is \(stored.term)")
        switch envelope.message {
        case .voteReply(granted: true) where envelope.term == stored.term:
            oracle.demand(
                stored.vote == envelope.to,
                "IN-10: \(envelope.from) grants \(envelope.to), stored is \(stored)")
        case .appendAccepted(let match)
        where envelope.term == member.pipeline?.replica.hardState.term:
            oracle.demand(
                member.model.last.index >= match,
                "IN-10: \(envelope.from) confirms \(match), stored is \(member.model.last)")
        default: break
        }
    }

    /// Planted defects of speaking.
    private mutating func spoil(_ envelope: inout Envelope) {
        switch (defect, envelope.message) {
        case (.confirmsTooMuch, .appendAccepted(let match)):
            envelope.message = .appendAccepted(match: match.next)
        case (.ignoresCandidateLog, .voteRequest(_, let isTransfer)):
            envelope.message = .voteRequest(
                last: LogMark(index: Index(1 << 40), term: Term(1 << 40)), isTransfer: isTransfer)
        case (.ignoresCandidateLog, .preVoteRequest(let round, _)):
            envelope.message = .preVoteRequest(
                round: round, last: LogMark(index: Index(1 << 40), term: Term(1 << 40)))
        case (.grantsTwice, .voteReply): envelope.message = .voteReply(granted: true)
        case (.confirmsAnyRound, .heartbeat(let round, _)): newestRound[envelope.from] = round
        case (.ignoresPrevious, .append(let previous, let entries, let commit)):
            if let term = member(envelope.to).pipeline?.replica.term(at: previous.index),
                term <= envelope.term
            {
                envelope.message = .append(
                    previous: LogMark(index: previous.index, term: term), entries: entries,
                    commit: commit)
            }
        default: break
        }
    }

    // MARK: faults

    private func period(of fault: FaultClass) -> UInt64 {
        switch fault {
        case .crash: faults.crashEvery
        case .crashAll: faults.crashAllEvery
        case .pause: faults.pauseEvery
        case .partition: faults.partitionEvery
        case .oneWay: faults.oneWayEvery
        case .stall: faults.stallEvery
        case .transfer: faults.transferEvery
        case .membership: faults.membershipEvery
        case .replay: faults.replayEvery
        }
    }

    mutating func planNext(_ fault: FaultClass) {
        let period = period(of: fault)
        guard period > 0 else { return }
        agenda.plan(.fault(fault), at: now + period / 2 + spread(period))
    }

    private mutating func anyone() -> MemberID { ids[random.next(in: 0...ids.count - 1)] }

    mutating func strike(_ fault: FaultClass) {
        guard !isHealing else { return }
        planNext(fault)
        switch fault {
        case .crash: crash(anyone(), for: spread(faults.downTime))
        case .crashAll: for id in ids { crash(id, for: spread(Faults.second)) }
        case .pause: pause(anyone())
        case .partition: partition()
        case .oneWay: cut(from: anyone(), to: anyone())
        case .stall:
            let id = anyone()
            let end = now + spread(3 * Faults.second)
            note("disk of \(id) stalls until \(end / 1_000)")
            member(id).stalledUntil = end
        case .transfer:
            counts.transfers += 1
            feed(anyone(), [.transfer(to: anyone())])
        case .membership: changeMembership()
        case .replay:
            guard !recent.isEmpty else { return }
            for _ in 0..<8 {
                let envelope = recent[random.next(in: 0...recent.count - 1)]
                agenda.plan(.deliver(envelope), at: now + spread(3 * Faults.second))
            }
        }
    }

    private mutating func pause(_ id: MemberID) {
        let member = member(id)
        guard member.isUp, !member.isPaused else { return }
        note("\(id) pauses")
        member.isPaused = true
        agenda.plan(.resume(id, life: member.life), at: now + spread(3 * Faults.second))
    }

    private mutating func partition() {
        let end = now + spread(4 * Faults.second)
        let side = Set(ids.filter { _ in random.next(in: 0...1) == 0 })
        note("partition \(side.sorted()) until \(end / 1_000)")
        for from in ids {
            for to in ids where side.contains(from) != side.contains(to) {
                cuts[Link(from: from, to: to)] = end
            }
        }
    }

    private mutating func cut(from: MemberID, to: MemberID) {
        let end = now + spread(4 * Faults.second)
        note("cut \(from)>\(to) until \(end / 1_000)")
        cuts[Link(from: from, to: to)] = end
    }

    /// The operator asks for a random step at a random member, which may be the wrong one.
    private mutating func changeMembership() {
        counts.changes += 1
        let chosen = anyone()
        let change: MembershipChange =
            switch random.next(in: 0...3) {
            case 0: .addLearner(chosen)
            case 1: .promote(chosen)
            case 2: .demote(chosen)
            default: .remove(chosen)
            }
        nextToken += 1
        let leader = ids.first { member($0).pipeline?.replica.roleName == .leader }
        feed(leader ?? anyone(), [.changeMembership(ProposalToken(nextToken), change)])
    }

    // MARK: healing

    mutating func heal() {
        guard oracle.violation == nil else { return }
        note("healing")
        isHealing = true
        acknowledgedAtHealing = counts.acknowledged
        readsAtHealing = counts.reads
        cuts = [:]
        for id in ids {
            member(id).stalledUntil = 0
            if !member(id).isUp { start(id) }
            resume(id)
        }
    }

    /// IN-14, IN-15: one leader, equal logs and states, fresh requests served, nothing left waiting.
    mutating func checkHealed() -> String? {
        if let violation = oracle.violation { return violation }
        let leaders = ids.filter { member($0).pipeline?.replica.roleName == .leader }
        guard leaders.count == 1, let leader = member(leaders[0]).pipeline else {
            return "IN-15: \(leaders) lead after healing"
        }
        let acknowledgedAfterHealing = counts.acknowledged > acknowledgedAtHealing
        if !acknowledgedAfterHealing { return "IN-15: no write was acknowledged after healing" }
        if counts.reads <= readsAtHealing { return "IN-15: no read was served after healing" }
        for id in leader.replica.configuration.members {
            guard let pipeline = member(id).pipeline else { return "IN-15: \(id) is down" }
            let lag = leader.applied.index.distance(from: pipeline.applied.index)
            if lag > 200 { return "IN-15: \(id) lacks \(lag) entries" }
        }
        let state = leader.machine.capture()
        for (name, isPresent) in expected.sorted(by: { $0.key < $1.key })
        where Case.holds(name, state) != isPresent {
            return "IN-12: name \(name) is \(isPresent ? "lost" : "back")"
        }
        return nil
    }
}

import Consensus

// The network: it loses, repeats, delays, holds back and reorders.
extension World {
    mutating func send(_ envelope: Envelope) {
        checkPromise(envelope)
        var envelope = envelope
        spoil(&envelope)
        if isTracing {
            note("\(envelope.from)>\(envelope.to) \(envelope.term) \(envelope.message.text)")
        }
        noteRound(envelope)
        if remembersMessages { remember(envelope) }
        if !isHealing, Int(spread(10_000)) < conditions.loss { return }
        transmit(envelope)
        if !isHealing, Int(spread(10_000)) < conditions.duplication { transmit(envelope) }
    }

    /// Keeps the last messages, for when old ones are sent again.
    private mutating func remember(_ envelope: Envelope) {
        switch envelope.message {
        case .heartbeat, .heartbeatReply, .append, .appendAccepted: recent.add(envelope)
        default: recentRare.add(envelope)
        }
    }

    mutating func transmit(_ envelope: Envelope) {
        var delay = UInt64(conditions.delay) * 1_000
        if isHealing {
            delay += spread(Plan.millisecond)
        } else {
            delay += spread(UInt64(conditions.delaySpread) * 1_000)
            if Int(spread(10_000)) < conditions.slow { delay += spread(5 * Plan.second) }
            guard let wait = passThrough(envelope) else { return }
            delay += wait
        }
        agenda.plan(.deliver(envelope), at: now + delay)
    }

    /// NW-06: what a throttled link holds goes out in order, at its rate, heartbeats behind bulk. As the production streams do,
    /// it takes no more bulk when a second of it waits, and nothing when two seconds wait.
    ///
    /// - Returns: nanoseconds until the last byte is out; `nil`: dropped.
    private mutating func passThrough(_ envelope: Envelope) -> UInt64? {
        guard !throttles.isEmpty else { return 0 }
        let rates = [envelope.from, envelope.to].compactMap { member -> UInt64? in
            guard let throttle = throttles[member], now < throttle.until else { return nil }
            return throttle.bytesPerSecond
        }
        guard let rate = rates.min() else { return 0 }
        let link = Link(from: envelope.from, to: envelope.to)
        let start = max(now, linkFree[link] ?? 0)
        let mostWaiting = envelope.message.isBulk ? Plan.second : 2 * Plan.second
        if start - now > mostWaiting { return nil }
        let end = start + UInt64(envelope.byteCount) * Plan.second / rate
        linkFree[link] = end
        return end - now
    }

    /// When a member last took part in a round of heartbeats.
    private mutating func noteRound(_ envelope: Envelope) {
        switch envelope.message {
        case .heartbeat, .heartbeatReply: lastRound[envelope.from] = now
        default: break
        }
    }

    mutating func deliver(_ envelope: Envelope) {
        let link = Link(from: envelope.from, to: envelope.to)
        if !cuts.isEmpty, let end = cuts[link] {
            if now < end { return }
            cuts[link] = nil
        }
        if !held.isEmpty, held[link] != nil {
            held[link]?.append(envelope)
            return
        }
        guard envelope.to.rawValue >= 1, envelope.to.rawValue <= UInt64(group.count) else { return }
        feed(envelope.to, .received(envelope))
    }

    mutating func release(_ link: Link) {
        for envelope in held.removeValue(forKey: link) ?? [] {
            feed(envelope.to, .received(envelope))
        }
    }

    /// IN-10: what a message promises is on the sender's disk.
    private mutating func checkPromise(_ envelope: Envelope) {
        let member = member(envelope.from)
        let stored = member.model.hardState
        // Who was left behind passes on by whom; by now perhaps by a later one.
        if case .superseded = envelope.message, envelope.generation > stored.generation,
            let known = stored.supersededBy, envelope.generation <= known
        {
            return
        }
        checkFreshness(envelope)
        checkFloor(envelope, member)
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

    /// ST-02, ST-03: who lacks what it has promised gives nobody its vote. It may repeat one that it gave before: when it did, it
    /// had everything.
    private mutating func checkFloor(_ envelope: Envelope, _ member: Member) {
        switch envelope.message {
        case .voteReply(granted: true)
        where member.rememberedVote.map({ $0.term == envelope.term && $0.vote == envelope.to })
            == true:
            break
        case .voteReply(granted: true), .preVoteReply(_, granted: true):
            oracle.demand(
                !member.model.isBelowPromise,
                "ST-03: \(envelope.from) votes, and has \(member.model.last) of "
                    + "\(member.model.promised)")
        default: break
        }
    }

    /// FS-13: members that joined a recovered cluster later see nothing from before it.
    private mutating func checkFreshness(_ envelope: Envelope) {
        guard oracle.eras.count > 1, case .append(_, let entries, _) = envelope.message,
            let first = entries.first, let era = oracle.era(of: envelope.generation),
            let origin = oracle.eras[era].origin, first.index <= origin.base
        else { return }
        oracle.demand(
            origin.configuration.contains(envelope.to),
            "FS-13: \(envelope.from) sends \(first.mark) of an earlier generation to \(envelope.to)"
        )
    }

    private func spoil(_ envelope: inout Envelope) {
        if defect == .planted(.confirmsTooMuch), case .appendAccepted(let match) = envelope.message
        {
            envelope.message = .appendAccepted(match: match.next)
        }
    }
}

extension Envelope {
    /// About as many as on the wire.
    fileprivate var byteCount: Int {
        switch message {
        case .append(_, let entries, _): entries.reduce(80) { $0 + $1.byteCount }
        case .snapshotChunk(let chunk): 120 + chunk.bytes.count
        default: 80
        }
    }
}

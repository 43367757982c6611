import Consensus

// The operator, and whoever breaks things.
extension World {
    mutating func strike(_ event: FaultEvent) {
        var (id, second) = (place(event.a), place(event.b))
        if event.kind == .isolateLeader { id = leader ?? id }
        for struck in struck(by: event, id) { coverage.note(event.kind, role(of: struck)) }
        switch event.kind {
        case .crash: crash(id, for: event.duration)
        case .crashAll: for id in ids { crash(id, for: spread(event.duration)) }
        case .pause: pause(id, for: event.duration)
        case .partition: partition(event)
        case .isolateLeader: isolate(id, for: event.duration)
        case .cut: cuts[Link(from: id, to: second)] = now + event.duration
        case .hold: hold(Link(from: id, to: second), for: event.duration)
        case .stall: member(id).stalledUntil = now + event.duration
        case .flushError: member(id).failsNextFlush = true
        case .leap: member(id).skew += event.duration
        case .transfer: feed(id, .transfer(to: second))
        case .addLearner: change(.addLearner(id), event)
        case .promote: change(.promote(id), event)
        case .demote: change(.demote(id), event)
        case .remove: change(.remove(id), event)
        case .wipe: wipe(id)
        case .forget: forget(id, Amnesia(rawValue: event.b) ?? .nothing, for: event.duration)
        case .damage:
            // Mending shortens the log, so that others may need a snapshot; one of a wrong state would be a second fault.
            if !group.contains(where: \.isDisturbed) { feed(id, .damageFound("simulated")) }
        case .disturb: disturb(id)
        case .outvote: disturb(id, takingOneAlong: true)
        case .strand: strand(id, Disaster(rawValue: event.b))
        case .falseAlarm: feed(id, .gone(second))
        case .replay: replay()
        case .quiet: quietUntil = max(quietUntil, now + event.duration)
        case .burst: burst(event.a)
        case .throttle:
            throttles[id] = (now + event.duration, UInt64(max(1, event.b)) * 1_000)
        case .force: force(event)
        case .clone: clone(id, for: event.duration)
        case .fill:
            for full in event.a == 0 ? ids : [id] { fill(full, event.b, for: event.duration) }
        }
        note("fault \(event.text)")
    }

    /// Plans name members by number; a wiped one's number means its successor.
    private func place(_ number: Int) -> MemberID { ids[(max(1, number) - 1) % ids.count] }

    private func struck(by event: FaultEvent, _ id: MemberID) -> [MemberID] {
        switch event.kind {
        case .crashAll, .quiet, .burst, .replay: ids
        case .partition: ids.filter { isApart($0, event) }
        case .force: []
        case .fill where event.a == 0: ids
        default: [id]
        }
    }

    func role(of id: MemberID) -> Coverage.Role {
        guard let replica = member(id).pipeline?.replica else { return .follower }
        return switch replica.roleName {
        case .leader: .leader
        case .candidate, .preCandidate: .candidate
        case .follower: replica.configuration.isVoter(id) ? .follower : .learner
        }
    }

    func isApart(_ id: MemberID, _ event: FaultEvent) -> Bool {
        event.a & (1 << (Int(id.rawValue) - 1)) != 0
    }

    mutating func partition(_ event: FaultEvent) {
        for from in ids {
            for to in ids where isApart(from, event) != isApart(to, event) {
                cuts[Link(from: from, to: to)] = now + event.duration
            }
        }
    }

    mutating func isolate(_ id: MemberID, for duration: UInt64) {
        for other in ids where other != id {
            cuts[Link(from: id, to: other)] = now + duration
            cuts[Link(from: other, to: id)] = now + duration
        }
    }

    private mutating func hold(_ link: Link, for duration: UInt64) {
        guard held[link] == nil else { return }
        held[link] = []
        agenda.plan(.release(link), at: now + duration)
    }

    private mutating func pause(_ id: MemberID, for duration: UInt64) {
        let member = member(id)
        guard member.isUp, !member.isPaused else { return }
        member.isPaused = true
        agenda.plan(.resume(id, life: member.life), at: now + duration)
    }

    private mutating func replay() {
        for ring in [recent.items, recentRare.items] where !ring.isEmpty {
            for _ in 0..<12 {
                let envelope = ring[random.next(in: 0...ring.count - 1)]
                agenda.plan(.deliver(envelope), at: now + spread(3 * Plan.second))
            }
        }
    }

    private mutating func burst(_ count: Int) {
        guard isPrepared, now >= quietUntil else { return }
        let leaders = ids.filter { member($0).pipeline?.replica.roleName == .leader }
        let target = leaders.isEmpty ? anyone() : leaders[random.next(in: 0...leaders.count - 1)]
        guard member(target).isUp else { return }
        for _ in 0..<count {
            nextName += 1
            write(.create(nextName), for: nil, at: target)
        }
    }

    private var leader: MemberID? {
        ids.first { member($0).pipeline?.replica.roleName == .leader }
    }

    /// The operator asks the leader; now and then somebody else, who must refuse.
    private mutating func change(_ change: MembershipChange, _ event: FaultEvent) {
        // Who removes a member just as another dies for good can lose the majority; that is the
        // operator's fault.
        guard now > lastWipe + 2 * Plan.second else { return }
        // So can who changes the voters while a member has forgotten what it knew, before anybody has heard of that.
        guard forgetful.isEmpty else { return }
        // And where fewer than three vote, nobody can say whose state is wrong: no change while one of them is.
        guard !group.contains(where: \.isDisturbed) else { return }
        let target = event.b % 8 == 0 ? anyone() : leader ?? anyone()
        ask(target, for: change)
    }

    mutating func ask(_ target: MemberID, for change: MembershipChange) {
        guard member(target).isUp else { return }
        let token = takeToken(for: nil)
        pending[token] = Request(
            kind: .membership, client: nil, member: target, begun: now)
        feed(target, .changeMembership(ProposalToken(token), change))
    }

    /// A disk is replaced. The budget: what was committed must be on a majority of the rest, of every
    /// configuration that anybody holds, or the loss would be nobody's fault. Nor must another one's state be wrong and it not know: of
    /// two that are left, nobody could tell who is right. Who knows has what was committed, and sees to it that others get it.
    mutating func wipe(_ id: MemberID) {
        guard ids.count < 12, !group.contains(where: \.isDeceived),
            canDoWithout(forgetful.union([id])), !member(id).isWiped
        else { return }
        crash(id, for: 0)
        member(id).isWiped = true
        member(id).isDisturbed = false
        lastWipe = now
        ids.removeAll { $0 == id }
        do {
            try add(MemberID(UInt64(group.count) + 1), founding: [])
        } catch {
            oracle.fail("no storage for a new member: \(error)")
        }
    }

    /// Whether a majority of every configuration that is in force anywhere, or about to be, is left without these members and
    /// without those that are wiped. Generations that were left behind count no more, and neither do those who are named in the
    /// newest and have nothing of it yet: who has begun it may be the only one that could go on.
    func canDoWithout(_ missing: Set<MemberID>) -> Bool {
        let newest = oracle.eras.count > 1 ? newestGeneration : generation
        return group.indices.allSatisfy { place in
            let model = group[place].model
            if oracle.eras.count > 1, model.hardState.generation < newest { return true }
            let replica = group[place].pipeline?.replica
            let held =
                [model.base.configuration] + model.entries.compactMap(\.configuration)
                + [replica?.configuration, replica?.awaitedConfiguration].compactMap(\.self)
            return held.allSatisfy { configuration in
                let left = configuration.voters.count {
                    !missing.contains($0) && !member($0).isWiped && hasPart($0, in: newest)
                }
                return configuration.voters.isEmpty || left >= configuration.quorum
            }
        }
    }

    /// Whether the disk has the beginning of a generation, the forced configuration included.
    private func hasPart(_ id: MemberID, in newest: Generation) -> Bool {
        let model = member(id).model
        guard oracle.eras.count > 1 else { return true }
        guard model.hardState.generation == newest else { return false }
        return model.hardState.origin.map { model.last.index > $0.index.next } ?? true
    }
}

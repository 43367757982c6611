import Consensus

// After the faults: progress, then agreement.
extension World {
    /// All faults stop; members that may stay down do.
    mutating func heal() {
        guard oracle.violation == nil else { return }
        note("healing")
        isHealing = true
        quietUntil = 0
        acknowledgedAtHealing = counts.acknowledged
        readsAtHealing = counts.reads
        cuts = [:]
        for link in held.keys.sorted(by: { ($0.from, $0.to) < ($1.from, $1.to) }) { release(link) }
        if hasDisaster { planRestoration() }
        // A voter that is promised while it dies for good is the operator's fault.
        for _ in 0..<(hasOpenChange ? 0 : conditions.staysDown) {
            let id = anyone()
            // Of two that are left, nobody could tell whose state is wrong.
            let deceived = ids.filter { member($0).isDeceived }
            if canDoWithout(goners.union(forgetful).union(deceived).union([id])) {
                goners.insert(id)
            }
        }
        for id in ids {
            member(id).stalledUntil = 0
            member(id).failsNextFlush = false
            if member(id).fullUntil > 0 {
                member(id).fullUntil = now
                makeRoom(id)
            }
            if goners.contains(id) {
                crash(id, for: .max / 2)
            } else {
                if !member(id).isUp { start(id) }
                resume(id)
            }
        }
    }

    /// Clients may have drawn nothing but reads, or have asked nobody but a member that was removed. Whether the group could
    /// serve them is then found out by asking.
    mutating func askForProgress() {
        guard oracle.violation == nil, isPrepared, counts.acknowledged == acknowledgedAtHealing,
            let leader = ids.first(where: { member($0).pipeline?.replica.roleName == .leader })
        else { return }
        nextName += 1
        write(.create(nextName), for: nil, at: leader)
    }

    /// IN-12, IN-14, IN-15: one leader, equal logs and states, requests served and answered.
    mutating func checkHealed() {
        guard oracle.violation == nil else { return }
        let leaders = ids.filter { member($0).pipeline?.replica.roleName == .leader }
        guard leaders.count == 1, let leader = member(leaders[0]).pipeline else {
            return oracle.fail("IN-15: \(leaders) lead after healing")
        }
        oracle.demand(
            leader.replica.configuration.isVoter(leaders[0]),
            "IN-15: \(leaders[0]) leads, and is no voter of \(leader.replica.configuration)")
        oracle.demand(
            counts.acknowledged > acknowledgedAtHealing,
            "IN-15: no write was acknowledged after healing")
        oracle.demand(
            counts.reads > readsAtHealing || conditions.reads == 0,
            "IN-15: no read was served after healing")
        oracle.demand(
            pending.isEmpty,
            "IN-14: \(pending.count) requests have no answer, one of them \(pending.keys.min() ?? 0)"
        )
        oracle.demand(
            operations.isEmpty,
            "IN-14: \(operations.count) recoveries have no answer, one of them "
                + "\(operations.keys.min() ?? 0)")
        for id in ids where member(id).pipeline?.replica.isShortOfSpace == true {
            oracle.fail("ST-06: \(id) has room again, and stands back")
        }
        checkAgreement(leader, of: leaders[0])
        checkNames(leader.machine.capture(), in: member(leaders[0]).era)
        checkLoss(in: member(leaders[0]).era)
    }

    /// A restart has set a disturbed state right, perhaps, before anybody looked.
    private func differsFromOthers(_ id: MemberID) -> Bool {
        guard let own = member(id).pipeline else { return false }
        let digest = Case.digest(own.machine.capture())
        return ids.contains { other in
            guard other != id, member(other).isUp, !member(other).isDisturbed,
                let pipeline = member(other).pipeline, pipeline.applied == own.applied
            else { return false }
            return Case.digest(pipeline.machine.capture()) != digest
        }
    }

    private mutating func checkAgreement(_ leader: Pipeline<Machine>, of id: MemberID) {
        // Where no majority is up to say so, nobody can know who is wrong.
        let alike = leader.replica.configuration.voters.count {
            ids.contains($0) && member($0).isUp && !member($0).isDisturbed
        }
        for other in leader.replica.configuration.members
        where ids.contains(other) && member(other).isUp && member(other).isDisturbed
            && alike >= leader.replica.configuration.quorum && differsFromOthers(other)
        {
            oracle.fail("ST-13: the state of \(other) differs, and nobody has noticed")
        }
        for other in leader.replica.configuration.members
        where ids.contains(other) && !goners.contains(other) {
            guard let pipeline = member(other).pipeline else {
                return oracle.fail("IN-15: \(other) is down")
            }
            oracle.demand(
                pipeline.applied == leader.applied
                    && pipeline.replica.lastMark == leader.replica.lastMark,
                "IN-15: \(other) is at \(pipeline.applied) of \(pipeline.replica.lastMark), "
                    + "leader \(id) at \(leader.applied) of \(leader.replica.lastMark)")
            oracle.demand(
                pipeline.quarantine == nil,
                "ST-13: \(other) knows that its state is wrong, and has got no other")
        }
    }

    private mutating func checkNames(_ state: Machine.Image, in era: Int) {
        // What a recovery has given up is judged by generations, in `checkLoss`.
        for (name, known) in expected.sorted(by: { $0.key < $1.key })
        where known.era == era && Case.holds(name, state) != known.exists {
            oracle.fail("IN-12: name \(name) is \(known.exists ? "lost" : "back")")
        }
        for (place, history) in histories.joined().enumerated() {
            switch history.check() {
            case .explained: break
            case .contradiction(let call):
                oracle.fail(
                    "IN-12: no order explains call \(call) on name \(place % sharedNames + 1)")
            case .undecided: counts.undecided += 1
            }
        }
    }
}

import Consensus

// A data directory that was copied, and started in two places (PC-11).
//
// Members find each other by the map, so the copy hears nobody: what it asks is answered to the other one. It must do no harm.
extension World {
    final class Clone {
        let id: MemberID
        let end: UInt64
        var pipeline: Pipeline<Machine>?
        var model: MemoryStorage<Machine>

        init(_ id: MemberID, until end: UInt64, _ model: MemoryStorage<Machine>) {
            self.id = id
            self.end = end
            self.model = model
        }
    }

    /// The budget: a majority is not the member alone, or there would be two of it, each for itself; no design that knows a
    /// member by its name could prevent that.
    mutating func clone(_ id: MemberID, for duration: UInt64) {
        let copied = member(id).model
        let held = [copied.base.configuration] + copied.entries.compactMap(\.configuration)
        guard member(id).isUp, !held.contains(where: { $0.voters == [id] }) else { return }
        let clone = Clone(id, until: now + duration, copied)
        do {
            clone.pipeline = try Pipeline(
                id: id, recovered: clone.model.load(), machine: Case.machine(of: id, defect),
                limits: limits, driverLimits: driverLimits, seed: random.next(),
                waiving: defect?.rule)
        } catch {
            return oracle.fail("a copy of \(id) does not start: \(error)")
        }
        clones.append(clone)
        agenda.plan(.cloneTick(clones.count - 1), at: now + spread(25_000_000))
        note("a copy of \(id) starts")
    }

    mutating func tick(clone place: Int) {
        let clone = clones[place]
        guard now < clone.end, !isHealing else {
            clone.pipeline = nil
            return
        }
        feed(clone, .tick(time: now))
        agenda.plan(.cloneTick(place), at: now + member(clone.id).tick)
    }

    private mutating func feed(_ clone: Clone, _ event: PipelineEvent<Machine>) {
        for action in clone.pipeline?.handle([event], time: now) ?? [] {
            switch action {
            case .send(let envelope):
                note("copy \(envelope.from)>\(envelope.to) \(envelope.message.text)")
                transmit(envelope)
            case .store(let job):
                let result = job.run(on: &clone.model)
                feed(clone, .stored(result))
            case .unreadable(let found):
                oracle.fail("a copy of \(clone.id) cannot read \(String(describing: found))")
            case .stopped(let reason): oracle.fail("a copy of \(clone.id) stopped: \(reason)")
            default: break
            }
        }
        oracle.demand(
            clone.pipeline?.replica.roleName != .leader,
            "PC-11: a copy of \(clone.id) leads, although nobody answers it")
    }
}

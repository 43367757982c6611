import Consensus

// What the oracle has to know of forced recoveries, and what must hold for every one of them.
extension World {
    /// Which generation a member is in, after each step; it counts once something of it is durable somewhere.
    func noteGeneration(of id: MemberID) {
        let member = member(id)
        guard let now = member.pipeline?.glance.generation, now != member.generation,
            let era = oracle.era(of: now)
        else { return }
        member.generation = now
        member.era = era
        member.isSuperseded = false
    }

    /// The member's disk says that it is in another generation than before.
    mutating func entered(_ member: Member, _ id: MemberID) {
        let stored = member.model.hardState
        guard stored.origin != nil else { return }  // by joining
        if let era = oracle.era(of: stored.generation) {
            return oracle.adopted(member.model, at: id, in: era)
        }
        guard oracle.began(member.model, at: id) != nil else { return }
        note("\(id) begins \(stored.generation)")
        counts.recoveries += 1
        histories.append(
            [NameHistory](repeating: NameHistory(mayHaveExisted: true), count: sharedNames))
        noteGeneration(of: id)
    }

    /// FS-11, FS-12: who has begun a generation finds it whole after every restart, and who holds the forced configuration acts
    /// on it.
    mutating func checkOpening(_ recovered: RecoveredState<Machine>, of id: MemberID) {
        guard recovered.hardState.origin != nil,
            let era = oracle.era(of: recovered.hardState.generation),
            let origin = oracle.eras[era].origin
        else { return }
        oracle.demand(
            origin.founder != id || recovered.lastIndex > origin.opening,
            "FS-11: \(id) has begun its generation and lost its entries")
        guard recovered.lastIndex >= origin.opening,
            recovered.base.mark.index < origin.opening
        else { return }
        let found = recovered.configurations.first { $0.index == origin.opening }
        oracle.demand(
            found?.configuration == origin.configuration,
            "FS-12: after a restart, \(id) has another configuration than was forced")
    }

    /// FS-04: who was left behind keeps its log as it is, until it adopts the generation or begins anew.
    mutating func checkUntouched(_ job: StorageJob<Machine>, _ member: Member, _ id: MemberID) {
        let stored = member.model.hardState
        guard stored.supersededBy != nil, let batch = job.batch,
            batch.hardState.map({ $0.generation == stored.generation }) ?? true
        else { return }
        oracle.demand(
            batch.entries.isEmpty && batch.installation == nil,
            "FS-04: \(id) was left behind, and its log changes")
    }

    /// The highest generation that any disk has.
    var newestGeneration: Generation {
        group.filter { !$0.isWiped }.map(\.model.hardState.generation).max() ?? generation
    }

    /// FS-05, FS-06: what was acknowledged and is no part of the last generation was given up by a recovery, and some
    /// member of the generation that acknowledged it has it still, for its branch.
    mutating func checkLoss(in era: Int) {
        guard oracle.eras.count > 1 else { return }
        for (other, mark) in oracle.lost(in: era) {
            counts.lost += 1
            let isKept = group.indices.contains { place in
                holds(mark, MemberID(UInt64(place) + 1), in: other)
            }
            oracle.demand(isKept, "FS-04: \(mark) was acknowledged and is in no branch")
        }
        let last = oracle.eras[era].generation
        oracle.demand(
            last == oracle.eras.filter { member(of: $0) }.map(\.generation).max(),
            "FS-06: \(last) goes on, and is not the highest")
    }

    /// Whether a disk that is left belongs to the generation.
    private func member(of era: Era) -> Bool {
        group.contains { !$0.isWiped && $0.model.hardState.generation == era.generation }
    }
}

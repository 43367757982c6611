import Consensus

/// What must hold after every step, from outside of all members; a violation ends the run.
///
/// Each generation has its own leaders, its own committed entries and its own acknowledgements (``Era``).
struct Oracle {
    private(set) var violation: String?
    private(set) var eras: [Era]

    init(_ generation: Generation) { eras = [Era(generation)] }

    mutating func fail(_ reason: String) {
        if violation == nil { violation = reason }
    }

    mutating func demand(_ holds: Bool, _ reason: @autoclosure () -> String) {
        if !holds { fail(reason()) }
    }

    /// The place of a generation; `nil` when nothing of it is durable anywhere.
    func era(of generation: Generation) -> Int? {
        eras.firstIndex { $0.generation == generation }
    }

    mutating func leads(_ member: MemberID, _ replica: Replica, in era: Int) {
        eras[era].leads(member, replica)
        note(era)
    }

    mutating func stored(
        _ entries: [Entry], after previous: Term?, by member: MemberID, in era: Int
    ) {
        eras[era].stored(entries, after: previous, by: member)
        note(era)
    }

    mutating func applied(_ entries: [Entry], by member: MemberID, in era: Int) {
        eras[era].applied(entries, by: member)
        note(era)
    }

    mutating func acknowledge(_ position: Position, in era: Int) {
        eras[era].acknowledge(position)
        note(era)
    }

    mutating func held(upTo index: Index, in era: Int) { eras[era].heldUpTo = index }

    private mutating func note(_ era: Int) {
        if let reason = eras[era].violation { fail(reason) }
    }

    // MARK: generations

    /// A recovery is durable at the member that was asked for it: its log, kept whole, is the beginning of a new generation.
    ///
    /// FS-01, FS-02, FS-11: record, forced configuration and generation come at once.
    mutating func began<Machine>(
        _ model: MemoryStorage<Machine>, at member: MemberID
    ) -> Int? {
        let hardState = model.hardState
        guard let origin = hardState.origin, let parent = era(of: origin.generation) else {
            fail("FS-11: generation \(hardState.generation) of \(member) comes from nowhere")
            return nil
        }
        let behind = model.entries.filter { $0.index > origin.index }
        guard behind.count >= 3, behind[0].kind == .command,
            let configuration = behind[1].configuration, behind[2].kind == .leader,
            behind[2].term == hardState.term
        else {
            fail("FS-11: \(member) has half of a recovery: \(behind.map(\.mark))")
            return nil
        }
        let kept =
            Array(eras[parent].committed.prefix(Int(model.base.mark.index.rawValue)))
            + model.entries.filter { $0.index <= origin.index }
        demand(
            kept.count == Int(origin.index.rawValue),
            "FS-02: \(member) keeps \(kept.count) of \(origin)")
        eras.append(
            Era(
                hardState.generation,
                origin: Era.Origin(
                    parent: parent, base: origin.index, founder: member,
                    configuration: configuration), kept: kept, openingTerm: behind[1].term))
        return eras.count - 1
    }

    /// FS-10: what adopts a generation has the beginning of its log, and nothing else.
    mutating func adopted<Machine>(
        _ model: MemoryStorage<Machine>, at member: MemberID, in era: Int
    ) {
        guard let origin = eras[era].origin else { return }
        let generation = eras[era].generation
        // Behind the base there may be what the new leader has sent meanwhile.
        demand(
            model.entries.allSatisfy { entry in
                entry.index <= origin.base
                    ? eras[era].entry(at: entry.index) == entry
                    : entry.term >= eras[era].openingTerm ?? .zero
            },
            "FS-10: \(member) adopts \(generation) with another log, up to \(model.last)")
    }

    /// Whether entries up to `index` of a log of one generation are those of another: of itself, or of one that it goes on
    /// from.
    func writes(_ generation: Generation, at index: Index, in era: Int) -> Bool {
        if generation == eras[era].generation { return true }
        guard var place = self.era(of: generation) else { return false }
        while let origin = eras[place].origin, index <= origin.base {
            place = origin.parent
            if place == era { return true }
        }
        return false
    }

    /// What was acknowledged somewhere and is no part of a generation.
    func lost(in era: Int) -> [(era: Int, mark: LogMark)] {
        eras.indices.filter { $0 != era }.flatMap { other in
            eras[other].acknowledgements.filter { mark in
                // Two generations can have different entries of one index and term.
                eras[era].entry(at: mark.index) != eras[other].entry(at: mark.index)
            }.map { (other, $0) }
        }
    }
}

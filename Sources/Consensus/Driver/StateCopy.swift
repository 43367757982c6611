/// A state as it was after an entry.
struct StateCopy<Machine: StateMachine>: Sendable {
    let base: LogBase
    let image: Machine.Image
    let digest: UInt64
}

// States that a majority has confirmed: what is given to others, and what a member goes back to when nobody else can say
// whether its state is right.
extension Pipeline {
    // MARK: keeping

    /// The last entry of whose state this member knows that it was right.
    public var confirmedIndex: Index? { confirmed?.base.mark.index }

    /// Keeps the present state until a majority is known to have had the same.
    mutating func keepState() {
        guard unconfirmed == nil, applied.index > confirmed?.base.mark.index ?? .zero else {
            return
        }
        let point = StatePoint(index: applied.index, digest: machine.digest)
        guard !digests.contradicts(point) else { return }
        let configuration = replica.configuration(at: applied.index)
        unconfirmed = StateCopy(
            base: LogBase(mark: applied, time: appliedTime, configuration: configuration),
            image: machine.capture(), digest: point.digest)
        confirmState()
    }

    mutating func confirmState() {
        guard let copy = unconfirmed, isUpheld(at: copy.base.mark.index),
            // What was worked out is worth more than what is here.
            !votesAlone || confirmed == nil
        else { return }
        (confirmed, unconfirmed) = (copy, nil)
    }

    /// Whether the state here is known to be right, after this entry or a later one: a majority has the same, or, where a
    /// majority is nobody else, the log leads to it.
    func isUpheld(at index: Index) -> Bool {
        votesAlone
            ? isWorkedOut(at: index)
            : digests.isUpheld(at: index, in: replica.configuration, replica.id)
    }

    // MARK: giving

    /// Hands the core the snapshot it waits for: of the last confirmed state, so that one that is wrong and not noticed yet does
    /// not spread. Where there is none, or the log begins behind it, the present state has to do; while it is in doubt, not
    /// before others have had the time to say who is right.
    mutating func giveSnapshot() {
        guard let from = owedSnapshot, stopReason == nil else { return }
        guard replica.isLeader else {
            owedSnapshot = nil
            return
        }
        if let confirmed, confirmed.base.mark.index >= from, replica.obeys(.statesAreCompared) {
            owedSnapshot = nil
            return actions.append(.convert(.encode(confirmed.base, confirmed.image)))
        }
        if votesAlone, let confirmed, let (copy, _) = workOut(from: confirmed, entriesMax: .max) {
            owedSnapshot = nil
            return actions.append(.convert(.encode(copy.base, copy.image)))
        }
        // A wrong state is given to nobody; what was confirmed before may be.
        if quarantine != nil, replica.obeys(.outvotedAnswersNothing) { return }
        if doubt != nil || isParted {
            guard let parted, ticks >= parted.since + 2 * limits.undecidedTicks else { return }
        }
        owedSnapshot = nil
        let configuration = replica.configuration(at: applied.index)
        let base = LogBase(mark: applied, time: appliedTime, configuration: configuration)
        actions.append(.convert(.encode(base, machine.capture())))
    }

    /// Whether some voter has another state, and no majority is known to have the one here.
    private var isParted: Bool {
        replica.obeys(.statesAreCompared)
            && digests.isDisputed(in: replica.configuration, replica.id)
    }

    // MARK: going back

    /// Two voters that differ cannot outvote each other, but each can find out by itself whether its state is what its log leads
    /// to. It is tried when others have had the time to say who is right, and have not.
    mutating func lookIntoDifference() {
        guard quarantine == nil, doubt != nil || isParted else {
            parted = nil
            return
        }
        let (since, due) = parted ?? (ticks, ticks + limits.undecidedTicks)
        let isDue = ticks >= due
        parted = (since, isDue ? ticks + limits.undecidedTicks : due)
        if isDue { rederive() }
    }

    /// Works the state out anew: from the last confirmed one, by the entries since. When it comes out otherwise than it is here,
    /// memory was changed behind the log's back; the state that came out takes its place, here and in storage.
    ///
    /// The one of the two that was right finds nothing, and goes on to doubt until the other one agrees.
    mutating func rederive() {
        guard let start = confirmed,
            let (copy, points) = workOut(from: start, entriesMax: .max),
            copy.base.mark == applied
        else { return }
        guard copy.digest != machine.digest || points.contains(where: digests.contradicts) else {
            if votesAlone { confirmed = copy }
            return
        }
        // What storage has came from the wrong state: it is written anew in the same breath, or nothing is done yet.
        let effects = replica.handle(.rewrite(copy.base))
        guard effects.contains(where: \.isWrite) else { return carryOut(effects) }
        machine.restore(copy.image)
        unconfirmed = nil
        if votesAlone { confirmed = copy }
        for point in points { digests.note(point.index, point.digest) }
        digests.reconsider()
        _ = repair.found("the state was not what the log leads to from \(start.base.mark)")
        if let damage = repair.damage { actions.append(.damaged(damage)) }
        carryOut(effects)
        actions.append(.restored(state: machine.capture(), at: position))
        tellStatesNow()
        settleDoubtIfUpheld()
    }

    /// The state that the log leads to from another one, after so many more entries, and those on the way.
    ///
    /// - Returns: `nil` when that cannot be said: memory no longer has the entries, or this copy is not what it was either.
    func workOut(
        from start: StateCopy<Machine>, entriesMax: Int
    ) -> (copy: StateCopy<Machine>, points: [StatePoint])? {
        var machine = machine
        machine.restore(start.image)
        guard machine.digest == start.digest else { return nil }
        var (mark, time) = (start.base.mark, start.base.time)
        var points: [StatePoint] = []
        while mark.index < applied.index, points.count < entriesMax {
            guard let entry = replica.entry(at: mark.index.next),
                (try? machine.apply(entry)) != nil
            else { return nil }
            (mark, time) = (entry.mark, max(time, entry.time))
            points.append(StatePoint(index: mark.index, digest: machine.digest))
        }
        let base = LogBase(
            mark: mark, time: time, configuration: replica.configuration(at: mark.index))
        let copy = StateCopy<Machine>(
            base: base, image: machine.capture(), digest: machine.digest)
        return (copy, points)
    }
}

extension Effect {
    fileprivate var isWrite: Bool {
        if case .write = self { true } else { false }
    }
}

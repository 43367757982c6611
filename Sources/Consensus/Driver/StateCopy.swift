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
        guard let copy = unconfirmed,
            digests.isUpheld(at: copy.base.mark.index, in: replica.configuration, replica.id)
        else { return }
        (confirmed, unconfirmed) = (copy, nil)
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
    private mutating func rederive() {
        guard let start = confirmed, start.base.mark.index < applied.index else { return }
        var copy = machine
        copy.restore(start.image)
        guard copy.digest == start.digest else { return }
        var points: [StatePoint] = []
        var index = start.base.mark.index
        while index < applied.index {
            index = index.next
            guard let entry = replica.entry(at: index), (try? copy.apply(entry)) != nil else {
                return
            }
            points.append(StatePoint(index: index, digest: copy.digest))
        }
        guard copy.digest != machine.digest || points.contains(where: digests.contradicts) else {
            return
        }
        let base = LogBase(
            mark: applied, time: appliedTime,
            configuration: replica.configuration(at: applied.index))
        // What storage has came from the wrong state: it is written anew in the same breath, or nothing is done yet.
        let effects = replica.handle(.rewrite(base))
        guard effects.contains(where: \.isWrite) else { return carryOut(effects) }
        machine.restore(copy.capture())
        unconfirmed = nil
        for point in points { digests.note(point.index, point.digest) }
        digests.reconsider()
        _ = repair.found("the state was not what the log leads to from \(start.base.mark)")
        if let damage = repair.damage { actions.append(.damaged(damage)) }
        carryOut(effects)
        actions.append(.restored(state: machine.capture(), at: position))
        tellStatesNow()
        settleDoubtIfUpheld()
    }
}

extension Effect {
    fileprivate var isWrite: Bool {
        if case .write = self { true } else { false }
    }
}

/// Storage in memory: the model that durable storage is compared with, for tests and simulations.
///
/// It is strict where SQL would be lenient: a batch that leaves a gap or stores an entry of a term the
/// hard state does not know traps, because only a defect of this module can ask for it.
public struct MemoryStorage<Machine: StateMachine & Sendable>: LogStorage, Sendable {
    public private(set) var hardState = HardState.initial
    public private(set) var base = LogBase.empty
    public private(set) var entries: [Entry] = []
    public private(set) var applied = LogMark.zero
    /// What the member has promised, as its floor file would have it.
    public private(set) var promised = LogMark.zero
    /// From which entry on the stored state is known to be wrong.
    public private(set) var stateWrongFrom: Index?
    /// Whether that is more than the log has.
    public var isBelowPromise: Bool { !last.isUpToDate(with: promised) }
    /// The state as a durable store would rebuild it from rows.
    private var machine: Machine
    private let blank: Machine
    /// Brings the stored rows up to date with a change.
    private let merge: @Sendable (inout Machine, Machine.Delta) -> Void

    /// `blank` is the machine before the first entry; `merge` stores a change.
    public init(
        blank: Machine, merge: @escaping @Sendable (inout Machine, Machine.Delta) -> Void
    ) {
        machine = blank
        self.blank = blank
        self.merge = merge
    }

    public var last: LogMark { entries.last?.mark ?? base.mark }

    @specialized(where Machine == NameSet)
    public mutating func load() -> RecoveredState<Machine> {
        var runs: [TermRun] = []
        for entry in entries where entry.term != runs.last?.term {
            runs.append(TermRun(first: entry.index, term: entry.term))
        }
        var recovered = RecoveredState<Machine>(
            hardState: hardState, base: base, applied: applied,
            image: applied.index == .zero ? nil : machine.capture(), termRuns: runs,
            lastIndex: last.index, configurations: entries.filter { $0.kind == .configuration },
            tail: entries.filter { $0.index > applied.index },
            lastTime: entries.reduce(base.time) { max($0, $1.time) })
        if isBelowPromise { recovered.floor = promised }
        recovered.stateWrongFrom = stateWrongFrom
        return recovered
    }

    /// Holds what it held earlier, or nothing (`nil`), as a disk that has lost something; what was promised is known
    /// unless that is lost as well.
    public mutating func fallBack(
        to earlier: MemoryStorage? = nil, keepsPromises: Bool = true
    ) {
        let before = self
        self = earlier ?? MemoryStorage(blank: blank, merge: merge)
        guard keepsPromises else { return }
        hardState = before.hardState
        promised = before.promised
    }

    /// Holds what another storage has returned, with all its entries; only a model of that storage does.
    public mutating func adopt(_ recovered: RecoveredState<Machine>, _ entries: [Entry]) {
        hardState = recovered.hardState
        base = recovered.base
        applied = recovered.applied
        self.entries = entries
        machine = blank
        if let image = recovered.image { machine.restore(image) }
        promised = recovered.floor ?? last
        stateWrongFrom = recovered.stateWrongFrom
    }

    @specialized(where Machine == NameSet)
    public mutating func write(_ batch: WriteBatch<Machine>) {
        var owed = isBelowPromise ? promised : .zero
        if let hardState = batch.hardState { self.hardState = hardState }
        if let installation = batch.installation { install(installation) }
        if let first = batch.entries.first {
            precondition(first.index > base.mark.index, "\(first.mark) at base \(base.mark)")
            while let kept = entries.last, kept.index >= first.index { entries.removeLast() }
            for entry in batch.entries {
                precondition(entry.index == last.index.next, "\(entry.mark) after \(last)")
                precondition(entry.term <= self.hardState.term, "\(entry.mark) ahead of the term")
                entries.append(entry)
            }
        }
        if let change = batch.change {
            precondition(
                change.applied.index <= last.index, "applied \(change.applied), log ends \(last)")
            merge(&machine, change.delta)
            applied = change.applied
        }
        if let base = batch.base {
            precondition(base.mark.index <= applied.index, "compaction past \(applied)")
            entries.removeAll { $0.index <= base.mark.index }
            self.base = base
        }
        if let floor = batch.floor { owed = floor }
        if let index = batch.stateWrongFrom { stateWrongFrom = index == .zero ? nil : index }
        promised = last.isUpToDate(with: owed) ? last : owed
    }

    private mutating func install(_ installation: Installation<Machine>) {
        let mark = installation.base.mark
        if installation.keepsTail {
            precondition(
                mark == base.mark || entries.contains { $0.mark == mark },
                "tail kept, but \(mark) is not stored")
            entries.removeAll { $0.index <= mark.index }
        } else {
            entries = []
        }
        base = installation.base
        applied = mark
        stateWrongFrom = nil
        machine = blank
        machine.restore(installation.image)
    }

    public mutating func entries(
        from first: Index, through last: Index, maxBytes: Int
    ) throws -> [Entry] {
        var found: [Entry] = []
        var bytes = 0
        let start = first.distance(from: base.mark.index) - 1
        let end = min(last.distance(from: base.mark.index), entries.count)
        guard start >= 0, start < end else {
            throw RecoveryFailure.inconsistent("entry \(first) is not stored")
        }
        for entry in entries[start..<end] {
            bytes += entry.byteCount
            if bytes > maxBytes, !found.isEmpty { break }
            found.append(entry)
        }
        guard found.first?.index == first else {
            throw RecoveryFailure.inconsistent("entry \(first) is not stored")
        }
        return found
    }
}

import Consensus

/// What must hold within one generation; what a forced recovery keeps is the beginning of the next.
struct Era {
    let generation: Generation
    /// Where a forced recovery began it; `nil` for the founded one.
    let origin: Origin?

    /// How a generation began.
    struct Origin {
        var parent: Int
        /// The last entry of the parent that was kept.
        var base: Index
        var founder: MemberID
        /// The forced configuration.
        var configuration: Configuration
        /// Behind the record.
        var opening: Index { base.advanced(by: 2) }
    }

    /// An entry that was stored somewhere, and the term of the one before it.
    private struct Fact {
        var entry: Entry
        var previous: Term?
    }

    private(set) var violation: String?
    private var leaders: [Term: MemberID] = [:]
    private var firstOfTerm: [Term: Index] = [:]
    /// By index: one fact for every term in which something was stored there.
    private var stored: [[Fact]] = []
    private(set) var openingTerm: Term?
    /// What was committed, in the order of indices, from index 1 on; nothing is ever taken back.
    private(set) var committed: [Entry] = []
    private var committedConfiguration: Configuration?
    private(set) var acknowledged = Index.zero
    /// What was acknowledged, for finding out what a recovery has given up.
    private(set) var acknowledgements: [LogMark] = []
    /// IN-07 was checked up to here.
    var heldUpTo = Index.zero

    init(_ generation: Generation) {
        self.generation = generation
        origin = nil
    }

    /// The generation that a recovery has begun: `kept` is all of the survivor's log before it.
    init(_ generation: Generation, origin: Origin, kept: [Entry], openingTerm: Term) {
        self.generation = generation
        self.origin = origin
        self.openingTerm = openingTerm
        committed = kept
        acknowledged = origin.base
        heldUpTo = origin.base
    }

    mutating func fail(_ reason: String) {
        if violation == nil { violation = reason }
    }

    mutating func demand(_ holds: Bool, _ reason: @autoclosure () -> String) {
        if !holds { fail(reason()) }
    }

    /// IN-01, IN-04: one leader per term, and it has everything that was committed.
    mutating func leads(_ member: MemberID, _ replica: Replica) {
        if let other = leaders[replica.term] {
            demand(
                other == member, "IN-01: \(other) and \(member) lead term \(replica.term)")
            return
        }
        leaders[replica.term] = member
        if let origin {
            // FS-12: the record and the forced configuration are never lost again.
            demand(
                replica.base.mark.index >= origin.opening
                    || replica.term(at: origin.opening) == openingTerm,
                "FS-12: \(member) leads its generation without its beginning")
        }
        if let last = committed.last, last.mark.term < replica.term {
            demand(
                replica.base.mark.index >= last.mark.index
                    || replica.term(at: last.mark.index) == last.mark.term,
                "IN-04: \(member) leads term \(replica.term) without \(last.mark)")
        }
    }

    /// IN-03: entries with the same index and term are the same, and so are those before them.
    mutating func stored(_ entries: [Entry], after previous: Term?, by member: MemberID) {
        var previous = previous
        for entry in entries {
            let place = Int(entry.index.rawValue)
            while stored.count <= place { stored.append([]) }
            if let known = stored[place].first(where: { $0.entry.term == entry.term }) {
                demand(
                    known.entry == entry
                        && (known.previous == previous || known.previous == nil || previous == nil),
                    "IN-03: \(member) stores another \(entry.mark), after term "
                        + "\(previous.map(String.init(describing:)) ?? "unknown")")
            } else {
                stored[place].append(Fact(entry: entry, previous: previous))
                checkKind(of: entry)
            }
            previous = entry.term
        }
    }

    /// MB-01, MB-02: a configuration is stored only after the first entry of its term is committed.
    private mutating func checkKind(of entry: Entry) {
        switch entry.kind {
        case .leader: firstOfTerm[entry.term] = entry.index
        case .configuration:
            demand(
                !followsOpenConfiguration(entry),
                "MB-01: configuration \(entry.mark) before the one before it is committed")
            guard let first = firstOfTerm[entry.term] else { return }
            demand(
                committed.count >= Int(first.rawValue)
                    && committed[Int(first.rawValue) - 1].term == entry.term,
                "MB-02: configuration \(entry.mark) before the first entry of its term, "
                    + "\(first), is committed")
        case .command: break
        }
    }

    /// Whether another configuration, not committed yet, comes before this one in its log.
    private func followsOpenConfiguration(_ entry: Entry) -> Bool {
        var (index, term) = (entry.index, fact(entry.index, entry.term)?.previous)
        while let found = term, Int(index.previous.rawValue) > committed.count {
            index = index.previous
            guard let fact = fact(index, found) else { return false }
            if fact.entry.kind == .configuration { return true }
            term = fact.previous
        }
        return false
    }

    private func fact(_ index: Index, _ term: Term) -> Fact? {
        stored[Int(index.rawValue)].first { $0.entry.term == term }
    }

    /// IN-06: entries are applied in one order everywhere; TM-06: time never goes back.
    mutating func applied(_ entries: [Entry], by member: MemberID) {
        for entry in entries {
            let place = Int(entry.index.rawValue) - 1
            if place < committed.count {
                let known = committed[place]
                demand(
                    known == entry,
                    "IN-06: \(member) applied \(entry.mark) where \(known.mark) was")
                continue
            }
            let count = committed.count
            demand(
                place == count,
                "IN-06: \(member) applied \(entry.mark), known are \(count) entries")
            if let last = committed.last {
                demand(last.term <= entry.term, "IN-06: \(entry.mark) after \(last.mark)")
                demand(
                    last.time <= entry.time, "TM-06: \(entry.mark) is earlier than \(last.mark)")
            }
            committed.append(entry)
            if let next = entry.configuration { stepped(to: next, at: entry.index) }
        }
    }

    /// IN-11: one member at a time.
    private mutating func stepped(to next: Configuration, at index: Index) {
        if index == origin?.opening {
            demand(
                next == origin?.configuration, "FS-12: the generation begins with \(next)"
            )
        } else if let previous = committedConfiguration {
            let moved = Set(previous.voters).symmetricDifference(next.voters)
            demand(moved.count <= 1, "IN-11: from \(previous) to \(next)")
        }
        committedConfiguration = next
    }

    mutating func acknowledge(_ position: Position) {
        acknowledged = max(acknowledged, position.index)
        let mark = LogMark(index: position.index, term: position.term)
        demand(contains(mark), "IN-12: \(mark) is acknowledged and not committed")
        acknowledgements.append(mark)
    }

    /// What this generation has committed at a place.
    func entry(at index: Index) -> Entry? {
        let place = Int(index.rawValue) - 1
        return committed.indices.contains(place) ? committed[place] : nil
    }

    private func contains(_ mark: LogMark) -> Bool { entry(at: mark.index)?.term == mark.term }
}

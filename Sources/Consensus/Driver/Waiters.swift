/// Proposals in the log whose fate is not known yet.
struct ProposalWaiters: Sendable {
    struct Waiter: Sendable {
        var token: ProposalToken
        var term: Term
        var deadline: UInt64
    }

    /// By index. Two proposals of different terms can wait for one index; at most one gets it.
    private var waiters: [Index: [Waiter]] = [:]

    mutating func add(_ token: ProposalToken, at index: Index, term: Term, deadline: UInt64) {
        waiters[index, default: []].append(Waiter(token: token, term: term, deadline: deadline))
    }

    /// The entry at `index` is being applied: whoever waits for it has an answer.
    mutating func take(at index: Index) -> [Waiter] {
        waiters.isEmpty ? [] : waiters.removeValue(forKey: index) ?? []
    }

    /// A snapshot has replaced the entries up to `index`: which ones they were cannot be told.
    mutating func skip(through index: Index) -> [ProposalToken] {
        remove { position, _ in position <= index }
    }

    mutating func expired(at tick: UInt64) -> [ProposalToken] {
        remove { _, waiter in waiter.deadline <= tick }
    }

    mutating func removeAll() -> [ProposalToken] { remove { _, _ in true } }

    /// No deadline shall be later than `deadline`.
    mutating func shorten(to deadline: UInt64) {
        guard !waiters.isEmpty else { return }
        waiters = waiters.mapValues { list in
            list.map { waiter in
                var waiter = waiter
                waiter.deadline = min(waiter.deadline, deadline)
                return waiter
            }
        }
    }

    /// In the order of the tokens, so that no order of hashing becomes visible.
    private mutating func remove(_ matches: (Index, Waiter) -> Bool) -> [ProposalToken] {
        guard !waiters.isEmpty else { return [] }
        var removed: [ProposalToken] = []
        for (index, list) in waiters {
            let kept = list.filter { !matches(index, $0) }
            guard kept.count < list.count else { continue }
            removed += list.filter { matches(index, $0) }.map(\.token)
            waiters[index] = kept.isEmpty ? nil : kept
        }
        return removed.sorted()
    }
}

/// Reads that are not confirmed, or confirmed at an index that is not applied yet.
struct ReadWaiters: Sendable {
    private struct Waiter: Sendable {
        var token: ReadToken
        var index: Index?
        var deadline: UInt64
    }

    private var waiters: [ReadToken: Waiter] = [:]

    mutating func add(_ token: ReadToken, deadline: UInt64) {
        waiters[token] = Waiter(token: token, deadline: deadline)
    }

    /// `false`: nobody waits for it any more.
    mutating func confirm(_ token: ReadToken, _ index: Index) -> Bool {
        guard waiters[token] != nil else { return false }
        waiters[token]?.index = index
        return true
    }

    mutating func remove(_ token: ReadToken) -> Bool {
        waiters.removeValue(forKey: token) != nil
    }

    mutating func ready(at applied: Index) -> [ReadToken] {
        take { waiter in waiter.index.map { $0 <= applied } ?? false }
    }

    mutating func expired(at tick: UInt64) -> [ReadToken] { take { $0.deadline <= tick } }

    mutating func removeAll() -> [ReadToken] { take { _ in true } }

    private mutating func take(_ matches: (Waiter) -> Bool) -> [ReadToken] {
        guard !waiters.isEmpty else { return [] }
        let taken = waiters.values.filter(matches).map(\.token).sorted()
        for token in taken { waiters[token] = nil }
        return taken
    }
}

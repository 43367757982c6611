/// The log as the core sees it: all terms, and the entries that are recent or not yet durable.
///
/// Entries that have left the cache are still part of the log; the leader reads them from storage
/// by an effect when a follower needs them.
struct RaftLog: Hashable, Sendable {
    /// A write of entries that is not flushed yet.
    private struct PendingWrite: Hashable, Sendable {
        var sequence: WriteSequence
        /// The last index the write made durable, as far as no later write has overwritten it.
        var last: Index
    }

    /// A configuration and the index of its entry.
    struct Placed: Hashable, Sendable {
        var index: Index
        var configuration: Configuration
    }

    private(set) var base: LogBase
    private(set) var runs: [TermRun]
    private(set) var last: Index
    /// The last entries, without a gap up to `last`.
    private var cache: [Entry]
    private(set) var cacheBytes: Int
    /// Entries up to here survive power loss.
    private(set) var flushed: Index
    private var pending: [PendingWrite] = []
    /// The configurations after the base, with the index of their entry.
    private(set) var configurations: [Placed] = []
    private(set) var lastTime: UInt64
    private let waived: Rule?

    init(
        base: LogBase, runs: [TermRun], last: Index, tail: [Entry], lastTime: UInt64,
        configurations: [Placed], waived: Rule? = nil
    ) {
        self.waived = waived
        self.base = base
        self.runs = runs
        self.last = last
        self.cache = tail
        self.cacheBytes = tail.reduce(0) { $0 + $1.byteCount }
        self.flushed = last
        self.configurations = configurations
        self.lastTime = lastTime
    }

    var first: Index { base.mark.index.next }
    var lastMark: LogMark { LogMark(index: last, term: runs.last?.term ?? base.mark.term) }
    var firstCached: Index { Index(last.rawValue + 1 - UInt64(cache.count)) }

    /// The configuration in force: the last one appended, committed or not.
    var configuration: Configuration { configurations.last?.configuration ?? base.configuration }
    var configurationIndex: Index { configurations.last?.index ?? base.mark.index }

    /// The configuration after the entry at `index`.
    func configuration(at index: Index) -> Configuration {
        configurations.last { $0.index <= index }?.configuration ?? base.configuration
    }

    /// `nil` outside the log; the base itself is inside.
    func term(at index: Index) -> Term? {
        guard index >= base.mark.index, index <= last else { return nil }
        return runs.last { $0.first <= index }?.term ?? base.mark.term
    }

    /// The last entry at or before `index` whose term is at most `term`.
    ///
    /// With it each side skips a whole term per probe instead of an entry (Raft §5.3, end).
    func lastMark(atOrBefore index: Index, termAtMost term: Term) -> LogMark {
        var end = min(index, last)
        for run in runs.reversed() where run.first <= end {
            if run.term <= term { return LogMark(index: end, term: run.term) }
            end = run.first.previous
        }
        return base.mark
    }

    /// Entries in memory from `index` on, one at least; `nil` when the first is not in memory.
    func cached(from index: Index, entriesMax: Int, bytesMax: Int) -> [Entry]? {
        guard index >= firstCached, index <= last else { return nil }
        let start = index.distance(from: firstCached)
        var end = start
        var bytes = 0
        while end < cache.count, end - start < entriesMax {
            bytes += cache[end].byteCount
            if bytes > bytesMax, end > start { break }
            end += 1
        }
        return Array(cache[start..<end])
    }

    func cachedEntry(at index: Index) -> Entry? {
        guard index >= firstCached, index <= last else { return nil }
        return cache[index.distance(from: firstCached)]
    }

    // MARK: changes

    mutating func append(_ entries: [Entry], in sequence: WriteSequence) {
        for entry in entries {
            precondition(entry.index == last.next, "entry \(entry.mark) after \(lastMark)")
            precondition(entry.term >= lastMark.term, "entry \(entry.mark) after \(lastMark)")
            if entry.term != runs.last?.term {
                runs.append(TermRun(first: entry.index, term: entry.term))
            }
            if let configuration = entry.configuration {
                configurations.append(Placed(index: entry.index, configuration: configuration))
            }
            cache.append(entry)
            cacheBytes += entry.byteCount
            last = entry.index
            lastTime = max(lastTime, entry.time)
        }
        pending.append(PendingWrite(sequence: sequence, last: last))
    }

    /// Removes the entries from `index` on. A write of theirs that is still under way will no
    /// longer count for them, even when entries with the same index and term are appended again.
    mutating func truncate(from index: Index) {
        precondition(index > base.mark.index, "truncation to \(index) at base \(base.mark)")
        let kept = index.previous
        let cachedFrom = firstCached
        let drop = min(last.distance(from: kept), cache.count)
        cacheBytes -= cache.suffix(drop).reduce(0) { $0 + $1.byteCount }
        cache.removeLast(drop)
        last = kept
        if index < cachedFrom { cache = [] }
        runs.removeAll { $0.first > kept }
        if waived != .configurationGoesWithEntry { configurations.removeAll { $0.index > kept } }
        flushed = min(flushed, kept)
        guard waived != .flushOfThisEntry else { return }
        for ordinal in pending.indices {
            pending[ordinal].last = min(pending[ordinal].last, kept)
        }
    }

    /// Notes that all writes up to `sequence` are durable.
    mutating func flushed(through sequence: WriteSequence) {
        let done = pending.prefix { $0.sequence <= sequence }
        for write in done {
            flushed = max(flushed, write.last)
        }
        pending.removeFirst(done.count)
    }

    /// The write that makes the log durable up to `index`; zero when it is.
    func write(covering index: Index) -> WriteSequence {
        guard index > flushed else { return .zero }
        return pending.first { $0.last >= index }?.sequence ?? pending.last?.sequence ?? .zero
    }

    mutating func compact(to newBase: LogBase) {
        let index = newBase.mark.index
        precondition(index > base.mark.index && index <= last, "compaction to \(newBase.mark)")
        let drop = min(index.distance(from: firstCached.previous), cache.count)
        removeFirstCached(drop)
        if let current = runs.last(where: { $0.first <= index.next }), index < last {
            runs.removeAll { $0.first < index.next }
            if runs.first?.first != index.next {
                runs.insert(TermRun(first: index.next, term: current.term), at: 0)
            }
        } else {
            runs = []
        }
        configurations.removeAll { $0.index <= index }
        base = newBase
    }

    /// Begins after a snapshot. `keepsTail` says whether the entries after it stay.
    mutating func install(_ newBase: LogBase, keepsTail: Bool, in sequence: WriteSequence) {
        if keepsTail {
            if newBase.mark.index > base.mark.index { compact(to: newBase) }
        } else {
            self = RaftLog(
                base: newBase, runs: [], last: newBase.mark.index, tail: [],
                lastTime: max(lastTime, newBase.time), configurations: [], waived: waived)
            flushed = .zero
        }
        pending.append(PendingWrite(sequence: sequence, last: newBase.mark.index))
    }

    /// Forgets entries at the beginning of the cache, as far as they are applied and durable.
    mutating func evict(bytesMax: Int, keepingAfter applied: Index) {
        guard cacheBytes > bytesMax + bytesMax / 4 else { return }
        let disposable = min(applied, flushed).distance(from: firstCached.previous)
        var drop = 0
        var bytes = cacheBytes
        while drop < min(disposable, cache.count), bytes > bytesMax {
            bytes -= cache[drop].byteCount
            drop += 1
        }
        removeFirstCached(drop)
    }

    private mutating func removeFirstCached(_ count: Int) {
        cacheBytes -= cache.prefix(count).reduce(0) { $0 + $1.byteCount }
        cache.removeFirst(count)
    }
}

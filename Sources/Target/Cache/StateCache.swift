import API
import Base
import Cluster
import Synchronization

/// Keeps the committed state on this target's disk, for the day on which every proxy is lost (decision 0026).
///
/// Nothing here is ever served from, and no failure here stops the target: what cannot be written is said and tried again. An
/// entry is written, not flushed, before the target acknowledges it, which is one `write`; it survives the process.
/// Flushing, and replacing a file whose entries have grown too many by a new snapshot, are done behind
/// (``maintain(at:)``).
final class StateCache: Sendable {
    typealias Entry = CachedStateFile.Entry

    /// What is in the file, as far as is known without bringing the state back.
    struct Facts: Equatable, Sendable {
        var clusterID = ""
        /// The last entry in the file, and the hash of the state after it; zero without a file.
        var position = LogPosition.zero
        var hash: UInt64 = 0
        /// Where its snapshot stands, when that was taken, how many bytes it has, and how many entries follow.
        var base = LogPosition.zero
        var written = Timestamp(nanoseconds: 0)
        var snapshotBytes = 0
        var entryCount = 0
        var bytes = 0
        /// What survives a power loss.
        var flushed = LogPosition.zero
        /// Why the file is not as new as the state, or was not whole when it was found.
        var problem: String?

        var exists: Bool { position != .zero }
    }

    private struct State {
        var facts = Facts()
        /// Over the file's last entry.
        var checksum: UInt64 = 0
        /// Whether the file ends with the state that is followed, so that the next entry may be appended.
        var isCurrent = false
        /// What is to be kept aside when the file is replaced.
        var isDoubtful = false
        /// Whether a power loss may still bring the file back that was replaced.
        var owesNames = false
        /// The state that the target has applied last.
        var newest: ClusterState?
        /// Entries applied since a replacement was begun.
        var pending: [Entry]?
        /// Counts files and jumps: a replacement or a flush that was begun before is not for what is there now.
        var life: UInt64 = 0
        var retryAt = MonotonicTime(nanoseconds: 0)
        var isSignalled = false
    }

    private let node: NodeID
    private let medium: any StateCacheMedium
    /// So many bytes of entries, or as many as the snapshot has, before a new snapshot is taken.
    private let entriesBytesMin: Int
    private let log: Logger
    private let state = Mutex(State())
    /// Held by whoever replaces the file.
    private let turn = Mutex(())
    /// Whether ``maintain(at:)`` has something to do.
    let isDue = Watched(false)

    init(
        _ node: NodeID, _ medium: any StateCacheMedium,
        entriesBytesMin: Int = TargetLimits.cachedEntriesBytesMin, log: Logger
    ) {
        self.node = node
        self.entriesBytesMin = entriesBytesMin
        self.medium = medium
        self.log = log
    }

    var facts: Facts { state.withLock { $0.facts } }

    /// The bytes of the file, up to the end of an entry; `nil` when there is none.
    func read() throws(FileError) -> [UInt8]? {
        while true {
            let before = facts
            guard before.exists, let bytes = try medium.read() else { return nil }
            // Another file may have taken its place, with fewer entries; what was appended meanwhile may be half there.
            if facts.base == before.base { return Array(bytes.prefix(before.bytes)) }
        }
    }

    // MARK: Start

    /// Looks at what an earlier process has left. A file that is of no use is kept aside; one that ends early stays until there
    /// is a better one.
    func open(of clusterID: String) {
        do {
            guard let bytes = try medium.read() else { return }
            let file = try CachedStateFile(decoding: bytes)
            guard clusterID.isEmpty || file.clusterID == clusterID else {
                throw DecodingFailure("it is of cluster \(file.clusterID)", at: 0)
            }
            state.withLock { state in
                state.facts = Facts(file)
                state.checksum = file.checksum
                state.isDoubtful = file.leftover != nil
            }
            if let leftover = file.leftover {
                log.warning("what was cached of the state ends early: \(leftover)")
            }
        } catch let error as DecodingFailure {
            log.warning(
                "what was cached of the state is of no use, and is kept as "
                    + "\(CachedStateFile.setAsideName): \(error)")
            do {
                try medium.setAside()
            } catch {
                log.warning("it cannot be kept: \(error)")
            }
        } catch {
            log.warning("what was cached of the state cannot be read: \(error)")
        }
    }

    // MARK: Following

    /// Takes what was just applied.
    ///
    /// - Parameters:
    ///   - entries: those that lead to `newest`, as far as they came one by one.
    ///   - newest: the state now.
    ///   - mayBlock: whether the file may be replaced at once, should that be needed.
    func take(_ entries: [Entry], _ newest: ClusterState, mayBlock: Bool) {
        guard !newest.map.clusterID.isEmpty else { return }
        let isBehind = state.withLock { state -> Bool in
            let follows = state.newest?.position
            state.newest = newest
            if state.pending != nil,
                follows?.index == entries.first.map({ $0.frame.position.index - 1 })
            {
                state.pending?.append(contentsOf: entries)
            } else if state.pending != nil {
                state.life += 1
                state.pending = nil
            }
            if state.isCurrent,
                entries.first?.frame.position.index == state.facts.position.index + 1
            {
                append(entries, &state)
            } else {
                meet(newest, &state)
            }
            return !state.isCurrent && !isAhead(of: newest, state) && state.pending == nil
        }
        if isBehind, mayBlock, mayTry(at: .now()) { replace() }
        signal()
    }

    /// Whether a failure is long enough ago.
    private func mayTry(at now: MonotonicTime) -> Bool {
        state.withLock { state in
            if now >= state.retryAt { return true }
            state.facts.problem =
                state.facts.problem
                ?? "the newest state is not cached: writing has failed, and is tried again soon"
            return false
        }
    }

    private func append(_ entries: [Entry], _ state: inout State) {
        var checksum = state.checksum
        var bytes: [UInt8] = []
        for entry in entries { bytes += CachedStateFile.bytes(of: entry, after: &checksum) }
        do throws(FileError) {
            try medium.append(bytes)
            state.checksum = checksum
            state.facts.note(entries, byteCount: bytes.count)
        } catch {
            // The file may end in the middle of an entry; it is readable up to there.
            state.isCurrent = false
            state.isDoubtful = true
            fail(error, &state)
        }
    }

    /// The state has not come by the next entry: it may be the one in the file, or one before or behind it.
    private func meet(_ newest: ClusterState, _ state: inout State) {
        let facts = state.facts
        let isSame = facts.exists && facts.position == newest.position && facts.hash == newest.hash
        state.isCurrent = isSame && !state.isDoubtful && facts.clusterID == newest.map.clusterID
        if facts.exists, facts.position == newest.position, !isSame {
            state.isDoubtful = true
            log.error(
                "the state that was cached at \(facts.position.text) has another hash than that of the "
                    + "proxies; it is kept as \(CachedStateFile.setAsideName)")
        }
        if facts.exists, facts.clusterID != newest.map.clusterID { state.isDoubtful = true }
    }

    /// Whether the file holds more than the proxy that is followed has brought so far. It stays then: an older state
    /// in its place would lose what was acknowledged.
    private func isAhead(of newest: ClusterState, _ state: State) -> Bool {
        state.facts.clusterID == newest.map.clusterID && state.facts.position > newest.position
    }

    private func fail(_ error: FileError, _ state: inout State) {
        let text = "the state is not cached: \(error)"
        if state.facts.problem != text { log.warning(text) }
        state.facts.problem = text
        let pause = error.isMissing ? 0 : TargetLimits.cacheRetryNanoseconds
        state.retryAt = MonotonicTime(nanoseconds: MonotonicTime.now().nanoseconds + pause)
    }

    private func signal() {
        let isNews = state.withLock { state in
            defer { state.isSignalled = true }
            return !state.isSignalled
        }
        if isNews { isDue.set(true) }
    }

    // MARK: Behind

    /// Flushes what was appended, or replaces the file. Blocks.
    ///
    /// - Returns: whether something is left to do, for which there is no other occasion.
    func maintain(at now: MonotonicTime) -> Bool {
        enum Work {
            case none
            case flush(UInt64)
            case replace, wait
        }
        let work = state.withLock { state -> Work in
            state.isSignalled = false
            let facts = state.facts
            guard let newest = state.newest else { return .none }
            if state.isCurrent {
                let tail = facts.bytes - facts.snapshotBytes
                if tail > max(entriesBytesMin, facts.snapshotBytes),
                    now >= state.retryAt
                {
                    return .replace
                }
                let isFlushed = facts.flushed >= facts.position && !state.owesNames
                return isFlushed ? .none : .flush(state.life)
            }
            if isAhead(of: newest, state) { return .none }
            return now >= state.retryAt ? .replace : .wait
        }
        switch work {
        case .none: return false
        case .wait: return true
        case .replace: return !replace()
        case .flush(let life): return !flush(life)
        }
    }

    private func syncNames() throws(FileError) {
        guard state.withLock({ $0.owesNames }) else { return }
        try medium.syncNames()
        state.withLock { $0.owesNames = false }
    }

    private func flush(_ life: UInt64) -> Bool {
        let position = facts.position
        do throws(FileError) {
            try medium.sync()
            try syncNames()
            state.withLock { state in
                guard state.life == life else { return }
                state.facts.flushed = position
                state.facts.problem = nil
            }
            return true
        } catch {
            state.withLock { state in
                // What was to be flushed may be gone, and a second flush would not say so.
                state.isCurrent = false
                state.isDoubtful = true
                fail(error, &state)
            }
            return false
        }
    }

    /// Puts a snapshot of the newest state, and what is applied meanwhile, in the place of the file.
    ///
    /// - Returns: whether that was done.
    @discardableResult
    private func replace() -> Bool {
        turn.withLock { _ in
            let begun = state.withLock { state -> (state: ClusterState, life: UInt64)? in
                guard let newest = state.newest, !isAhead(of: newest, state) else { return nil }
                state.life += 1
                state.pending = []
                return (newest, state.life)
            }
            guard let begun else { return true }
            let written = Timestamp.now()
            let (bytes, checksum) = CachedStateFile.beginning(
                begun.state, node: node.text, written: written)
            do throws(FileError) {
                try medium.draft(bytes)
                if state.withLock({ $0.isDoubtful && $0.facts.exists }) { try medium.keepAside() }
                let failure = state.withLock { state -> FileError? in
                    guard state.life == begun.life, let pending = state.pending else { return nil }
                    var facts = Facts(begun.state, written: written, byteCount: bytes.count)
                    var end = checksum
                    var more: [UInt8] = []
                    for entry in pending {
                        more += CachedStateFile.bytes(of: entry, after: &end)
                    }
                    do throws(FileError) {
                        if !more.isEmpty { try medium.appendToDraft(more) }
                        try medium.installDraft()
                    } catch {
                        return error
                    }
                    facts.note(pending, byteCount: more.count)
                    state.facts = facts
                    state.checksum = end
                    state.isCurrent = facts.position == state.newest?.position
                    state.isDoubtful = false
                    state.pending = nil
                    state.retryAt = MonotonicTime(nanoseconds: 0)
                    state.owesNames = true
                    return nil
                }
                if let failure { throw failure }
                try syncNames()
                return true
            } catch {
                state.withLock { state in
                    state.pending = nil
                    fail(error, &state)
                }
                return false
            }
        }
    }
}

extension StateCache.Facts {
    fileprivate init(_ file: CachedStateFile) {
        clusterID = file.clusterID
        (position, hash) = file.end
        base = file.base
        written = file.written
        snapshotBytes = file.snapshot.count
        entryCount = file.entries.count
        bytes = file.readableBytes
        problem = file.leftover
    }

    fileprivate init(_ state: ClusterState, written: Timestamp, byteCount: Int) {
        clusterID = state.map.clusterID
        position = state.position
        hash = state.hash
        base = state.position
        self.written = written
        snapshotBytes = byteCount
        bytes = byteCount
        flushed = state.position
    }

    fileprivate mutating func note(_ entries: [StateCache.Entry], byteCount: Int) {
        guard let last = entries.last else { return }
        position = last.frame.position
        hash = last.hash
        entryCount += entries.count
        bytes += byteCount
    }
}

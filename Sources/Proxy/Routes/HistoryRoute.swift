import API
import Base
import Cluster
import Consensus
import HTTP
import MetaStore
import Synchronization

/// `GET /v1/cluster?what=history`: who changed what, as this proxy's log has it.
final class HistoryRoute: Sendable {
    let group: RaftGroup
    private let loop: EventLoop
    let published: PublishedState
    private let readers = Mutex(0)
    /// Those who wait for changes: each reads what follows when there is some.
    let watchers = Places(Limits.watchersMax)

    init(group: RaftGroup, published: PublishedState, loop: EventLoop) {
        self.group = group
        self.published = published
        self.loop = loop
    }

    static let countDefault = 100
    static let countMax = API.Limits.historyEntriesMax

    /// The document, with everything in it up to that state.
    func document(_ query: Query, upTo now: PublishedState.Snapshot) async throws -> [UInt8] {
        let subject = try Self.subject(query)
        let before = try Self.number(query, QueryName.before, 1...UInt64.max) ?? .max
        let count = try Self.number(query, QueryName.limit, 1...UInt64(Self.countMax))
        let size = count.map { Int($0) } ?? Self.countDefault
        let page = try await page(upTo: now.state.position.index) { storage in
            try storage.history(before: before, about: subject.subjects, count: size)
        }
        let document = HistoryDocument(
            entries: page.entries, hasMore: page.hasMore, oldest: page.oldest)
        return try document.encoded()
    }

    static func subject(_ query: Query) throws(Failure) -> HistoryDocument.Subject {
        let word = try query.value(QueryName.of) ?? ""
        guard let subject = word.isEmpty ? .all : HistoryDocument.Subject(rawValue: word) else {
            throw Failure(
                .badQuery, "no history of '\(word.excerpt)'",
                next: "of=all, smap, bmd or config")
        }
        return subject
    }

    /// A map in the version that a question names, which is not a later one than now.
    ///
    /// - Throws: that the version is not kept here, with the oldest that is.
    func past(
        _ subject: PastState.Subject, _ document: VersionWait.Document, version: UInt64,
        before now: PublishedState.Snapshot
    ) async throws -> PastState {
        var past = PastState(now.state, subject: subject)
        let present = past.version
        guard version != present else { return past }
        guard version < present else {
            throw Failure.versionNotFound(version, of: document, oldest: nil, present: present)
        }
        // What has been applied since is not in the state that is gone back from.
        var cursor = now.state.position.index + 1
        walk: while true {
            let bound = cursor
            let page = try await page(upTo: now.state.position.index) { storage in
                try storage.history(before: bound, about: subject.subjects, count: Self.countMax)
            }
            for entry in page.entries {
                guard past.version > version, try past.undo(entry) else { break walk }
                cursor = entry.position.index
            }
            guard page.hasMore, past.version > version else { break }
        }
        guard past.version == version else {
            throw Failure.versionNotFound(
                version, of: document, oldest: past.version, present: present)
        }
        return past
    }

    // MARK: One request

    /// What the log here has of one request.
    ///
    /// One that was not found may be found later: it may lie in the log and not be committed, or be on its way to a primary. Who
    /// proposed it says from where on it may be found, and in which term at the latest (`since`). In a later term everything
    /// of that one is committed, or never will be.
    ///
    /// - Returns: what was found, what that means, and whether all of the history from `since` to `now` was looked at.
    func trace(
        of id: String, since: LogPosition?, upTo now: PublishedState.Snapshot
    ) async throws -> (trace: HistoryDocument, fate: HistoryDocument.Fate, isWhole: Bool) {
        let place = now.state.position
        var found = HistoryDocument(entries: [], hasMore: false, oldest: nil)
        var before = UInt64.max
        // Of the first page: what is stored later is newer than all that was read.
        var isStored: Bool?
        while true {
            let bound = before
            let page = try await page(upTo: now.state.position.index) { storage in
                try storage.history(before: bound, about: .all, count: Self.countMax)
            }
            // Before `since` it was another request of that id.
            found.entries += page.entries.filter {
                $0.requestID == id && $0.position.index > since?.index ?? 0
            }
            isStored = isStored ?? (page.applied >= place.index)
            let last = page.entries.last?.position.index
            if page.hasMore, let last, last > since?.index ?? 0 {
                before = last
                continue
            }
            guard let since else {
                return (found, found.entries.isEmpty ? .notYetKnown : .applied, false)
            }
            let isWhole = isStored == true && page.floor <= since.index
            let fate: HistoryDocument.Fate =
                !found.entries.isEmpty
                ? .applied
                : isWhole && place.isBeyond(termOf: since) ? .notApplied : .notYetKnown
            return (found, fate, isWhole)
        }
    }

    /// What requests of these ids have changed behind `index` and up to `now`; complete from `floor` on. For one caller at a
    /// time, which takes nobody's place.
    ///
    /// - Throws: that not all of them are stored here.
    func changes(
        of ids: Set<String>, after index: UInt64, upTo now: PublishedState.Snapshot
    ) async throws -> (entries: [HistoryEntry], floor: UInt64) {
        var entries: [HistoryEntry] = []
        var after = index
        while true {
            let bound = after
            let page = try await storedPage(upTo: now.state.position.index) { storage in
                try storage.history(after: bound, about: .all, count: Self.countMax)
            }
            guard page.applied >= now.state.position.index else {
                throw Failure(.overloaded, "the log takes too long to store what was applied")
            }
            entries += page.entries.filter { ids.contains($0.requestID) }
            guard page.hasMore, let last = page.entries.last?.position.index else {
                return (entries, page.floor)
            }
            after = last
        }
    }

    // MARK: Reading

    /// The log's thread reads the history between two writes; a crowd of readers would hold changes up.
    private func enter() throws(Failure) {
        let isAdmitted = readers.withLock { readers in
            guard readers < Limits.historyReadersMax else { return false }
            readers += 1
            return true
        }
        guard isAdmitted else {
            throw Failure(.overloaded, "too many read the history", next: "try again in a moment")
        }
    }

    /// - Returns: whether there is a point in going on.
    func pause() async -> Bool {
        await loop.sleep(nanoseconds: UInt64(Limits.watchRetrySeconds * 1e9))
    }

    /// What was applied is stored a moment later; whoever saw it applied asks for it to be done now.
    ///
    /// - Returns: the page as it is when the log takes too long to store it; ``HistoryPage/applied`` tells.
    func page(
        upTo applied: UInt64, _ read: @escaping @Sendable (SQLiteLog) throws -> HistoryPage
    ) async throws -> HistoryPage {
        try enter()
        defer { readers.withLock { $0 -= 1 } }
        return try await storedPage(upTo: applied, read)
    }

    private func storedPage(
        upTo applied: UInt64, _ read: @escaping @Sendable (SQLiteLog) throws -> HistoryPage
    ) async throws -> HistoryPage {
        let begun = MonotonicTime.now()
        var isAskedFor = false
        while true {
            let result = await group.raft.read { storage in Result { try read(storage) } }
            let page = try result.get()
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            if page.applied >= applied || elapsed > Limits.historyWaitSeconds { return page }
            group.raft.storeChange()
            if !isAskedFor {
                isAskedFor = true
                continue
            }
            guard await loop.sleep(nanoseconds: UInt64(Limits.primaryRetrySeconds * 1e9)) else {
                return page
            }
        }
    }

    static func number(
        _ query: Query, _ name: String, _ range: ClosedRange<UInt64>
    ) throws(Failure) -> UInt64? {
        guard let text = try query.value(name) else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(text),
            range.contains(number)
        else {
            throw Failure(
                .badQuery, "'\(name)' is '\(text.excerpt)'",
                next: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

extension LogPosition {
    /// Whether this lies in a later term, or after a forced recovery, on the same branch of the log.
    func isBeyond(termOf other: LogPosition) -> Bool {
        if generation == other.generation { return nonce == other.nonce && term > other.term }
        return generation > other.generation
    }
}

import API
import Base
import Cluster
import Consensus
import HTTP
import MetaStore
import Synchronization

/// `GET /v1/cluster?what=history`: who changed what, as this proxy's log has it.
final class HistoryRoute: Sendable {
    private let group: RaftGroup
    private let loop: EventLoop
    private let readers = Mutex(0)

    init(group: RaftGroup, loop: EventLoop) {
        self.group = group
        self.loop = loop
    }

    private static let countDefault = 100
    private static let countMax = 1_000

    /// The document, with everything in it up to that state.
    func document(_ query: Query, upTo now: PublishedState.Snapshot) async throws -> [UInt8] {
        let word = try query.value(QueryName.of) ?? ""
        guard let subject = word.isEmpty ? .all : HistoryDocument.Subject(rawValue: word) else {
            throw Failure(
                .badQuery, "no history of '\(word.prefix(80))'",
                next: "of=all, smap, bmd or config")
        }
        let before = try Self.number(query, QueryName.before, 1...UInt64.max) ?? .max
        let count = try Self.number(query, QueryName.limit, 1...UInt64(Self.countMax))
        try enter()
        defer { readers.withLock { $0 -= 1 } }
        let page = try await page(
            before: before, about: subject.subjects,
            count: count.map { Int($0) } ?? Self.countDefault, applied: now.state.position.index)
        let document = HistoryDocument(
            entries: page.entries, hasMore: page.hasMore, oldest: page.oldest)
        return try document.encoded()
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
        try enter()
        defer { readers.withLock { $0 -= 1 } }
        // What has been applied since is not in the state that is gone back from.
        var cursor = now.state.position.index + 1
        walk: while true {
            let page = try await page(
                before: cursor, about: subject.subjects, count: Self.countMax,
                applied: now.state.position.index)
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

    /// What was applied is stored a moment later; whoever saw it applied waits for that moment.
    private func page(
        before: UInt64, about subjects: HistoryEntry.Subjects, count: Int, applied: UInt64
    ) async throws -> HistoryPage {
        let begun = MonotonicTime.now()
        while true {
            let result = await group.raft.read { storage in
                Result { try storage.history(before: before, about: subjects, count: count) }
            }
            let page = try result.get()
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            if page.applied >= applied || elapsed > Limits.historyWaitSeconds { return page }
            guard await loop.sleep(nanoseconds: UInt64(Limits.primaryRetrySeconds * 1e9)) else {
                return page
            }
        }
    }

    private static func number(
        _ query: Query, _ name: String, _ range: ClosedRange<UInt64>
    ) throws(Failure) -> UInt64? {
        guard let text = try query.value(name) else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(text),
            range.contains(number)
        else {
            throw Failure(
                .badQuery, "'\(name)' is '\(text.prefix(80))'",
                next: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

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

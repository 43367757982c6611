import API
import Base
import Cluster
import Consensus
import HTTP
import MetaStore
import Statistics

/// `GET /v1/cluster?what=watch&after=POSITION`: what was changed behind a place, each change once and in order; when there
/// is nothing, it waits for some.
///
/// Only what is committed and applied is told, so nothing is taken back. The place is the log's and not the proxy's: whoever
/// watches may go on at any other, which waits until it has come so far itself.
extension HistoryRoute {
    func watch(_ exchange: Exchange, _ query: Query) async throws {
        let subjects = try Self.subject(query).subjects
        let seconds = try VersionWait.timeout(query, default: Limits.watchSeconds)
        let count = try Self.number(query, QueryName.limit, 1...UInt64(Self.countMax))
        guard var place = try Self.place(query) else {
            // From now on: the first answer says from where.
            let now = published.now.state.position
            return try answer(exchange, HistoryPage(), next: now)
        }
        guard watchers.take() else {
            throw Failure(
                .overloaded, "too many watch here", next: "watch at another proxy")
        }
        defer { watchers.giveBack() }
        exchange.operation = .wait
        let begun = MonotonicTime.now()
        while true {
            let state = published.now.state
            let now = state.position
            if group.statusChanges.value?.supersededBy != nil { throw group.noPrimary() }
            try check(place, in: state)
            if now.index > place.index {
                let index = place.index
                let page = try await patiently(upTo: now.index) { storage in
                    try storage.history(
                        after: index, about: subjects,
                        count: count.map { Int($0) } ?? Self.countDefault)
                }
                guard page.floor <= index else { throw Self.compacted(place, page) }
                let last = page.entries.last?.position
                if page.hasMore, let last { return try answer(exchange, page, next: last) }
                place = max(last ?? now, now)
                if last != nil { return try answer(exchange, page, next: place) }
            }
            let rest = seconds - Double(MonotonicTime.now().since(begun)) / 1e9
            guard rest > 0, !Task.isCancelled else {
                return try answer(exchange, HistoryPage(), next: place)
            }
            if exchange.isDraining { throw Failure(.stopping, "this node is stopping") }
            let (index, published) = (place.index, published)
            _ = await exchange.loop.within(
                nanoseconds: UInt64(min(rest, Limits.watchSliceSeconds) * 1e9)
            ) {
                await published.first { $0.position.index > index }
            }
        }
    }

    private func answer(
        _ exchange: Exchange, _ page: HistoryPage, next: LogPosition
    ) throws {
        let document = HistoryDocument(
            entries: page.entries, hasMore: page.hasMore, oldest: page.oldest)
        exchange.respond(json: try document.encoded(next: next), position: next.text)
    }

    /// The place behind which to look; `nil` when none is named.
    private static func place(_ query: Query) throws(Failure) -> LogPosition? {
        guard let text = try query.value(QueryName.after) else { return nil }
        if let position = LogPosition(text: text) { return position }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let index = UInt64(text) else {
            throw Failure(
                .badPosition, "'\(QueryName.after)' is '\(text.excerpt)'",
                next: "the 'next' of the answer before, a Martlet-Position, or an index")
        }
        return LogPosition(generation: 0, nonce: 0, term: 0, index: index)
    }

    /// Up to a place of another generation there may have been other entries, unless the recovery that ended it has kept
    /// them. A bare index knows no generation.
    private func check(_ place: LogPosition, in state: ClusterState) throws(Failure) {
        let now = state.position
        guard place.generation > 0, now.generation > 0,
            (place.generation, place.nonce) != (now.generation, now.nonce)
        else { return }
        let wasKept = state.recoveries.values.contains {
            ($0.base.generation, $0.base.nonce) == (place.generation, place.nonce)
                && place.index <= $0.base.index
        }
        if wasKept { return }
        throw Failure(
            .historyCompacted,
            "\(place.text) is of another generation than this log, which is at \(now.text)",
            next: Self.startAgain)
    }

    private static func compacted(_ place: LogPosition, _ page: HistoryPage) -> Failure {
        Failure(
            .historyCompacted,
            "changes behind index \(place.index) are not kept here, only those behind \(page.floor)",
            next: startAgain)
    }

    private static let startAgain =
        "start again: read the documents, then watch after= the Martlet-Position they came with"

    /// A change wakes all watchers at once; those who find too many reading wait their turn.
    private func patiently(
        upTo index: UInt64, _ read: @escaping @Sendable (SQLiteLog) throws -> HistoryPage
    ) async throws -> HistoryPage {
        while true {
            do {
                return try await page(upTo: index, read)
            } catch let failure as Failure where failure.code == .overloaded {
                guard await pause() else { throw failure }
            }
        }
    }
}

import API
import Base
import Cluster
import Consensus
import Foundation
import HTTP
import MetaStore
import TestSupport
import Testing

@testable import Proxy

/// Following what changes, looking a request up, and reads that need not be the newest.
@Suite(.serialized) struct WatchTests {
    private struct Answer {
        var entries: [JSONObject]
        var next: String
        var text: String

        var names: [String] { entries.compactMap { $0["request_id"]?.string } }
    }

    private func watch(
        _ proxies: TestProxies, _ number: Int, after: String, _ rest: String = ""
    ) async throws -> Answer {
        let reply = try await proxies.ask(
            number, .get, "/v1/cluster?what=watch&after=\(after)\(rest)")
        #expect(reply.status == 200, "\(reply.text)")
        guard case .object(let document) = try JSONValue(parsing: reply.body),
            case .array(let entries)? = document["entries"]
        else { return Answer(entries: [], next: "", text: reply.text) }
        return Answer(
            entries: entries.compactMap { if case .object(let entry) = $0 { entry } else { nil } },
            next: document["next"]?.string ?? "", text: reply.text)
    }

    private func create(_ proxies: TestProxies, _ name: String, _ number: Int) async throws {
        let reply = try await proxies.ask(
            number, .post, "/v1/buckets/\(name)", #"{"action":"createlb"}"#,
            headers: [(HeaderName.requestID, name)])
        #expect(reply.status == 200, "\(reply.text)")
    }

    /// RD-11: every change once, in order, from any proxy in turn.
    @Test func `a watcher gets every change once and in order, wherever it goes on`() async throws {
        try await TestProxies.with(3) { proxies in
            let start = try await proxies.ask(2, .get, "/v1/cluster?what=watch")
            var place = try #require(start.header("Martlet-Position"))
            let seen = try await withThrowingTaskGroup(of: [String].self) { tasks in
                let from = place
                tasks.addTask {
                    var (place, seen, number) = (from, [String](), 1)
                    while seen.count < 30 {
                        let answer = try await watch(
                            proxies, number, after: place, "&of=bmd&timeout=5s&limit=3")
                        seen += answer.names
                        place = answer.next
                        number = number % 3 + 1
                    }
                    return seen
                }
                for number in 1...30 {
                    try await create(proxies, "n\(number)", number % 3 + 1)
                }
                return try await tasks.next() ?? []
            }
            #expect(seen == (1...30).map { "n\($0)" })
            // From the beginning, in pages; the founding is the first change there is.
            var all: [JSONObject] = []
            place = "0"
            while true {
                let answer = try await watch(proxies, 3, after: place, "&limit=7&timeout=0")
                if answer.entries.isEmpty { break }
                all += answer.entries
                place = answer.next
            }
            #expect(all.first?["command"]?.string == "found")
            let indices = all.compactMap { $0["index"]?.unsigned }
            #expect(indices == indices.sorted() && Set(indices).count == indices.count)
            // Nothing happens: it waits as long as it was told, and can go on from there.
            let begun = MonotonicTime.now()
            let idle = try await watch(proxies, 1, after: place, "&timeout=300ms")
            #expect(idle.entries.isEmpty && idle.next == place)
            #expect(MonotonicTime.now().since(begun) > 250_000_000)
            try await create(proxies, "late", 2)
            #expect(try await watch(proxies, 1, after: idle.next).names == ["late"])
        }
    }

    /// RD-11: what a received state has taken the place of is missing here, and said to be.
    @Test func `behind a gap a watcher is told to start again, and from it goes on`() async throws {
        try await TestProxies.with(1) { proxies in
            for number in 1...5 { try await create(proxies, "n\(number)", 1) }
            await proxies.stop(1)
            var index: UInt64 = 0
            do {
                let log = try SQLiteLog(
                    path: "\(proxies.dataPath(1))/\(SQLiteLog.fileName)", newMember: MemberID(9))
                let recovered = try log.load()
                index = recovered.applied.index.rawValue
                var batch = WriteBatch<Catalog>(sequence: .zero)
                batch.installation = Installation(
                    base: LogBase(
                        mark: recovered.applied, time: recovered.lastTime,
                        configuration: try #require(
                            recovered.configurations.last?.configuration
                                ?? recovered.base.configuration)),
                    image: try #require(recovered.image), keepsTail: true)
                try log.write(batch)
            }
            try await proxies.start(1)
            try await proxies.waitUntilReady(1)
            for after in ["0", String(index - 1)] {
                let reply = try await proxies.ask(
                    1, .get, "/v1/cluster?what=watch&after=\(after)")
                #expect(
                    reply.status == 410 && reply.failure?.code == .historyCompacted,
                    "\(reply.text)")
            }
            try await create(proxies, "later", 1)
            let answer = try await watch(proxies, 1, after: String(index), "&of=bmd")
            // What was committed and not stored as applied then comes first.
            #expect(answer.names.last == "later" && !answer.names.contains("n3"))
            // And nothing can be said for certain about what was before it.
            let fate = try await proxies.ask(
                1, .get, "/v1/cluster?what=history&request_id=x&since=1-0-1-1")
            #expect(fate.text.contains("not_yet_known"), "\(fate.text)")
        }
    }

    /// RD-11: a place whose successors are not all kept, or that is of another log, is told so.
    @Test func `a watcher that is too far behind is told to start again`() async throws {
        try await TestProxies.with(1) { proxies in
            try await create(proxies, "early", 1)
            try await proxies.start(2, isElectable: false)
            try await proxies.waitUntilReady(2)
            var position = LogPosition.zero
            let now = try await proxies.ask(1, .get, "/v1/cluster?what=watch")
            position = try #require(LogPosition(text: now.header("Martlet-Position") ?? ""))
            position.nonce += 1
            for (number, after) in [(1, position.text), (2, position.text)] {
                let reply = try await proxies.ask(
                    number, .get, "/v1/cluster?what=watch&after=\(after)")
                #expect(
                    reply.status == 410 && reply.failure?.code == .historyCompacted,
                    "\(reply.text)")
                #expect(reply.failure?.next?.contains("start again") == true)
            }
            for query in [
                "after=x", "after=1-2", "after=1&limit=0", "after=1&of=x", "after=1&timeout=x",
            ] {
                let reply = try await proxies.ask(1, .get, "/v1/cluster?what=watch&\(query)")
                #expect(reply.status == 400, "\(query): \(reply.text)")
            }
        }
    }

    /// CL-05: what became of a request whose answer was lost can be found out.
    @Test func `a request is looked up by its id`() async throws {
        try await TestProxies.with(2) { proxies in
            try await create(proxies, "made", 2)
            for number in 1...2 {
                let made = try await proxies.ask(
                    number, .get, "/v1/cluster?what=history&request_id=made")
                #expect(made.text.contains(#""outcome":"applied""#), "\(made.text)")
                #expect(made.text.contains("create_bucket"))
                // It may be on its way.
                let other = try await proxies.ask(
                    number, .get, "/v1/cluster?what=history&request_id=other")
                #expect(other.text.contains(#""outcome":"not_yet_known""#), "\(other.text)")
            }
            let now = try await proxies.ask(1, .get, "/v1/cluster?what=watch")
            var since = try #require(LogPosition(text: now.header("Martlet-Position") ?? ""))
            func outcome() async throws -> String {
                try await proxies.ask(
                    1, .get, "/v1/cluster?what=history&request_id=other&since=\(since.text)"
                ).text
            }
            // The primary of the term says that it will not take it any more.
            #expect(try await outcome().contains(#""outcome":"not_applied""#))
            // In a later term nothing of the earlier one can come any more.
            since.term -= 1
            #expect(try await outcome().contains(#""outcome":"not_applied""#))
            since.generation += 1
            #expect(try await outcome().contains("not_yet_known"))
            let bad = try await proxies.ask(
                1, .get, "/v1/cluster?what=history&request_id=other&since=7")
            #expect(bad.failure?.code == .badPosition)
        }
    }

    /// RD-10: stale reads say how old they are, and never go back on one connection; certain ones say nothing.
    @Test func `stale reads tell their age and never go back`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary == 3 ? 1 : primary + 1
            let isDone = Latch()
            try await withThrowingTaskGroup(of: Int.self) { tasks in
                for number in 1...3 {
                    tasks.addTask {
                        var (last, count) = (LogPosition.zero, 0)
                        while !isDone.isOpen {
                            let reply = try await proxies.ask(
                                number, .get, "/v1/buckets/*?consistency=stale")
                            let position = try #require(
                                LogPosition(text: reply.header("Martlet-Position") ?? ""))
                            #expect(position >= last)
                            last = position
                            let age = try #require(Int(reply.header("Martlet-Age-Ms") ?? ""))
                            #expect(age < 2_000)
                            count += 1
                        }
                        return count
                    }
                }
                for number in 1...40 { try await create(proxies, "n\(number)", number % 3 + 1) }
                isDone.open()
                for try await count in tasks { #expect(count > 3) }
            }
            // Whoever names a position sees nothing from before it, wherever it is from.
            for number in 1...20 {
                let made = try await proxies.create("m\(number)", through: number % 3 + 1)
                let position = try #require(made.header(HeaderName.position))
                let seen = try await proxies.ask(
                    (number + 1) % 3 + 1, .get, "/v1/buckets/*?consistency=stale",
                    headers: [(HeaderName.position, position)])
                #expect(seen.text.contains("\"m\(number)\""), "\(seen.text)")
            }
            let bad = try await proxies.ask(
                1, .get, "/v1/buckets/*?consistency=stale", headers: [(HeaderName.position, "7")])
            #expect(bad.failure?.code == .badPosition)
            let certain = try await proxies.ask(other, .get, "/v1/buckets/*")
            #expect(certain.header("Martlet-Age-Ms") == nil)
            for number in 1...3 where number != other { await proxies.stop(number) }
            try await eventually("the age grows") {
                let stale = try await proxies.ask(other, .get, "/v1/buckets/*?consistency=stale")
                return Int(stale.header("Martlet-Age-Ms") ?? "") ?? 0 > 600
            }
            // What a map is shown with for want of better says so as well.
            let map = try await proxies.ask(other, .get, "/v1/daemon?what=smap")
            #expect(map.status == 200 && map.header("Martlet-Age-Ms") != nil)
            let votes = try await proxies.ask(other, .get, "/v1/daemon?what=smapvote")
            #expect(votes.status == 200 && votes.header("Martlet-Age-Ms") != nil)
            #expect(votes.header("Martlet-Position") == map.header("Martlet-Position"))
        }
    }
}

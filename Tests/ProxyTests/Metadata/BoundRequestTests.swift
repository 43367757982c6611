import API
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Requests that are bound to a term, and the last word on what became of them (docs/decisions/0027).
@Suite(.serialized) struct BoundRequestTests {
    private static let create = #"{"action":"createlb"}"#

    /// Where the log stands now, for certain.
    private static func place(_ proxies: TestProxies) async throws -> LogPosition {
        let reply = try await proxies.ask(1, .get, "/v1/buckets/*")
        return try #require(
            reply.header(HeaderName.position).flatMap { LogPosition(text: $0) }, "\(reply.text)")
    }

    private static func fate(
        of id: String, since: LogPosition, at number: Int, _ proxies: TestProxies
    ) async throws -> String {
        let reply = try await proxies.ask(
            number, .get, "/v1/cluster?what=history&request_id=\(id)&since=\(since.text)")
        guard case .object(let document) = try JSONValue(parsing: reply.body) else { return "" }
        return document["outcome"]?.string ?? reply.text
    }

    @Test func `a request is made in the term that it names, or not at all`() async throws {
        try await TestProxies.with(3) { proxies in
            let now = try await Self.place(proxies)
            var (earlier, later) = (now, now)
            earlier.term -= 1
            later.term += 1
            for number in 1...3 {
                let made = try await proxies.ask(
                    number, .post, "/v1/buckets/now\(number)", Self.create,
                    headers: [(HeaderName.term, now.text)])
                #expect(made.status == 200, "\(made.text)")
                let old = try await proxies.ask(
                    number, .post, "/v1/buckets/old\(number)", Self.create,
                    headers: [(HeaderName.term, earlier.text)])
                #expect(old.failure?.code == .termPassed, "\(old.text)")
                let answered = old.header(HeaderName.position).flatMap { LogPosition(text: $0) }
                #expect(answered?.term == now.term)
                let early = try await proxies.ask(
                    number, .post, "/v1/buckets/early\(number)", Self.create,
                    headers: [(HeaderName.term, later.text)])
                #expect(early.failure?.code == .termPassed, "\(early.text)")
            }
            let buckets = try await proxies.ask(2, .get, "/v1/buckets/*").text
            #expect(!buckets.contains("old") && !buckets.contains("early"))
            let handover = try await proxies.ask(
                2, .put, "/v1/cluster/proxy/p3", headers: [(HeaderName.term, earlier.text)])
            #expect(handover.failure?.code == .termPassed, "\(handover.text)")
            for value in ["x", "1-2-3", ""] {
                let bad = try await proxies.ask(
                    1, .post, "/v1/buckets/bad", Self.create, headers: [(HeaderName.term, value)])
                #expect(bad.failure?.code == .badHeader, "\(bad.text)")
            }
            let session = try await proxies.openSession(through: 1)
            let both = try await proxies.ask(
                1, .post, "/v1/buckets/both", Self.create,
                headers: [
                    (HeaderName.session, session), (HeaderName.sequence, "1"),
                    (HeaderName.term, now.text),
                ])
            #expect(both.failure?.code == .badHeader, "\(both.text)")
        }
    }

    /// Nobody has to wait for another term: its primary says that it takes the request no more, and keeps to that.
    @Test func `who is told that a request will not be made is told the truth`() async throws {
        try await TestProxies.with(3) { proxies in
            let since = try await Self.place(proxies)
            let bound = [(HeaderName.term, since.text)]
            let made = try await proxies.ask(
                2, .post, "/v1/buckets/made", Self.create,
                headers: bound + [(HeaderName.requestID, "made")])
            #expect(made.status == 200)
            for number in 1...3 {
                #expect(
                    try await Self.fate(of: "made", since: since, at: number, proxies) == "applied")
                let id = "late\(number)"
                #expect(
                    try await Self.fate(of: id, since: since, at: number, proxies)
                        == "not_applied")
                for other in 1...3 {
                    let late = try await proxies.ask(
                        other, .post, "/v1/buckets/\(id)", Self.create,
                        headers: bound + [(HeaderName.requestID, id)])
                    #expect(late.failure?.code == .requestGivenUp, "\(late.text)")
                }
            }
            // In a later term the log says so, and the request is refused for that.
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let moved = try await proxies.ask(
                primary, .put, "/v1/cluster/proxy/p\(primary % 3 + 1)")
            #expect(moved.status == 200, "\(moved.text)")
            for number in 1...3 {
                #expect(
                    try await Self.fate(of: "late1", since: since, at: number, proxies)
                        == "not_applied")
                #expect(
                    try await Self.fate(of: "made", since: since, at: number, proxies) == "applied")
                let late = try await proxies.ask(
                    number, .post, "/v1/buckets/late1", Self.create,
                    headers: bound + [(HeaderName.requestID, "late1")])
                #expect(late.failure?.code == .termPassed, "\(late.text)")
            }
            let buckets = try await proxies.ask(2, .get, "/v1/buckets/*").text
            #expect(buckets.contains("made") && !buckets.contains("late"))
        }
    }

    /// The word is about the copy that may be found behind `since`, however close an earlier one of that id lies.
    @Test func `an id that was used before says nothing of the request that is asked about`()
        async throws
    {
        try await TestProxies.with(1) { proxies in
            let before = try await Self.place(proxies)
            let made = try await proxies.ask(
                1, .post, "/v1/buckets/twice", Self.create,
                headers: [(HeaderName.requestID, "twice")])
            #expect(made.status == 200, "\(made.text)")
            #expect(try await Self.fate(of: "twice", since: before, at: 1, proxies) == "applied")
            let since = try await Self.place(proxies)
            #expect(try await Self.fate(of: "twice", since: since, at: 1, proxies) == "not_applied")
        }
    }

    /// Nothing is said for good without a word of the term in which it would have been made.
    @Test func `without the place from which it may be found nothing is final`() async throws {
        try await TestProxies.with(1) { proxies in
            let reply = try await proxies.ask(
                1, .get, "/v1/cluster?what=history&request_id=never")
            #expect(reply.text.contains("not_yet_known"))
            var later = try await Self.place(proxies)
            later.term += 5
            #expect(try await Self.fate(of: "x", since: later, at: 1, proxies) == "not_yet_known")
            let made = try await proxies.ask(
                1, .post, "/v1/buckets/never", Self.create,
                headers: [(HeaderName.requestID, "never")])
            #expect(made.status == 200)
        }
    }

    /// Making another proxy primary is no command of the log; its request is found all the same.
    @Test func `a change of primary is found by the request that asked for it`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let heir = primary % 3 + 1
            let since = try await Self.place(proxies)
            let moved = try await proxies.ask(
                heir, .put, "/v1/cluster/proxy/p\(heir)", headers: [(HeaderName.requestID, "move")])
            #expect(moved.status == 200, "\(moved.text)")
            for number in 1...3 {
                #expect(
                    try await Self.fate(of: "move", since: since, at: number, proxies) == "applied")
                #expect(
                    try await Self.fate(of: "other", since: since, at: number, proxies)
                        == "not_applied")
            }
            let line = try await proxies.ask(1, .get, "/v1/cluster?what=history&of=smap&limit=1")
                .text
            #expect(
                line.contains(#""command":"primary","actor":"p\#(heir)","address":"127.0.0.1:"#),
                "\(line)")
        }
    }
}

import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Of several reasons to refuse a request one is told, and always the same: by the request itself, at any node; by what there is
/// not; by what it rests on (`If-Match`); by what stands in the way; by who is missing.
@Suite(.serialized) struct RefusalOrderTests {
    private struct Row {
        let method: HTTP.Method
        let path: String
        let body: String
        let code: FailureCode
        let tag: String?

        init(
            _ method: HTTP.Method, _ path: String, _ body: String, _ code: FailureCode,
            tag: String? = nil
        ) {
            (self.method, self.path, self.body) = (method, path, body)
            (self.code, self.tag) = (code, tag)
        }

        var headers: [(String, String)] { tag.map { [("If-Match", "\"\($0)\"")] } ?? [] }
    }

    private static let create = #"{"action":"createlb","name":"there"}"#
    private static let destroy = #"{"action":"destroylb","name":"none"}"#
    private static let badOption = #"{"action":"setconfig","name":"no_such","value":"1"}"#
    private static let contrary = #"{"action":"setconfig","name":"client_timeout","value":"3s"}"#
    private static let badBucket = #"{"action":"createlb","name":"n","value":{"access":"x"}}"#

    private static func batch(_ items: String...) -> String {
        #"{"action":"batch","value":[\#(items.joined(separator: ","))]}"#
    }
    private static func job(_ value: String) -> String {
        #"{"action":"start","value":{\#(value)}}"#
    }
    private static func node(_ action: String, _ value: String) -> String {
        #"{"action":"\#(action)","value":{\#(value)}}"#
    }

    private static let rebalance = #""kind":"rebalance""#

    /// By the request itself.
    private static let malformed: [Row] = [
        Row(.put, "/v1/cluster", batch(create, destroy, badOption), .unknownOption, tag: "bmd-99"),
        Row(.put, "/v1/cluster", batch(destroy, badBucket), .badValue, tag: "bmd-99"),
        Row(.put, "/v1/cluster", batch(create, "{}"), .unknownAction, tag: "bmd-99"),
        Row(.put, "/v1/cluster/setconfig?no_such=1&node=t8", "", .unknownOption, tag: "config-99"),
        Row(
            .put, "/v1/cluster?node=t8",
            #"{"action":"setconfig","name":"stats_time","value":"soon"}"#, .badValue,
            tag: "config-99"),
        Row(.put, "/v1/daemon/setconfig?no_such=1", "", .unknownOption, tag: "config-99"),
        Row(
            .put, "/v1/cluster", job(#"\#(rebalance),"force":true"#), .badValue, tag: "smap-99"),
        Row(.put, "/v1/cluster", job(#""kind":"lru""#), .notImplemented, tag: "smap-99"),
        Row(
            .put, "/v1/cluster", node("startmaintenance", #""sid":"t8","x":1"#), .badValue,
            tag: "smap-99"),
    ]

    /// By what the primary knows.
    private static let refused: [Row] = [
        // What there is not.
        Row(.put, "/v1/cluster", batch(create, contrary, destroy), .bucketNotFound, tag: "bmd-99"),
        Row(
            .delete, "/v1/buckets/none", #"{"action":"destroylb"}"#, .bucketNotFound,
            tag: "bmd-99"),
        Row(
            .put, "/v1/cluster/setconfig?client_timeout=3s&node=t8", "", .nodeNotFound,
            tag: "config-99"),
        Row(
            .put, "/v1/cluster", node("startmaintenance", #""sids":["p1","t8"]"#), .nodeNotFound,
            tag: "smap-99"),
        Row(.delete, "/v1/cluster/daemon/t8", "", .nodeNotFound, tag: "smap-99"),
        // What it rests on.
        Row(.put, "/v1/cluster", batch(create, contrary), .preconditionFailed, tag: "bmd-99"),
        Row(
            .post, "/v1/buckets/there", #"{"action":"createlb"}"#, .preconditionFailed,
            tag: "bmd-99"),
        Row(
            .put, "/v1/cluster/setconfig?client_timeout=3s", "", .preconditionFailed,
            tag: "config-99"),
        Row(
            .put, "/v1/cluster", #"{"action":"setconfig","name":"client_timeout","value":"3s"}"#,
            .preconditionFailed, tag: "config-99"),
        Row(.put, "/v1/cluster", job(rebalance), .preconditionFailed, tag: "smap-99"),
        Row(
            .put, "/v1/cluster", node("startmaintenance", #""sid":"t1""#), .preconditionFailed,
            tag: "smap-99"),
        Row(
            .put, "/v1/cluster", node("decommission", #""sid":"t1""#), .preconditionFailed,
            tag: "smap-99"),
        // What stands in the way.
        Row(.put, "/v1/cluster", batch(create, contrary), .bucketExists),
        Row(.put, "/v1/cluster", batch(contrary, create), .badValue),
        Row(.put, "/v1/cluster/setconfig?client_timeout=3s", "", .badValue),
        Row(.put, "/v1/cluster", job(rebalance), .badRequest),
        Row(.put, "/v1/cluster", node("startmaintenance", #""sid":"t1""#), .objectsAtRisk),
    ]

    private static func check(
        _ row: Row, _ code: FailureCode, at number: Int, _ proxies: TestProxies
    ) async throws {
        let name = "p\(number): \(row.method.name) \(row.path) \(row.body)"
        let change = try await proxies.ask(
            number, row.method, row.path, row.body, headers: row.headers)
        #expect(change.failure?.code == code, "\(name): \(change.text)")
        let dry = try await proxies.ask(
            number, row.method, row.path + (row.path.contains("?") ? "&" : "?") + "dry_run=true",
            row.body, headers: row.headers)
        guard dry.status == 200, case .object(let json) = try JSONValue(parsing: dry.body) else {
            #expect(dry.failure?.code == code, "\(name), dry: \(dry.text)")
            return
        }
        #expect(json["code"]?.string == code.rawValue, "\(name), dry: \(dry.text)")
    }

    @Test func `of several reasons the same is told, whoever is asked and however it is spelled`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let target = try await StubTarget.start(proxies)
            #expect(try await proxies.create("there", through: 1).status == 200)
            let before = try await proxies.ask(1, .get, "/v1/cluster?what=history&limit=1").text
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary % 3 + 1
            for number in [primary, other] {
                for row in Self.malformed + Self.refused {
                    try await Self.check(row, row.code, at: number, proxies)
                }
            }
            #expect(
                try await proxies.ask(1, .get, "/v1/cluster?what=history&limit=1").text == before)
            // Alone, a proxy says what is wrong with the request, and of all else that a majority is missing.
            for number in 1...3 where number != other { await proxies.stop(number) }
            try await eventually("p\(other) misses the others") {
                try await proxies.create("x", through: other).failure?.code == .noQuorum
            }
            for row in Self.malformed { try await Self.check(row, row.code, at: other, proxies) }
            for row in [Self.refused[0], Self.refused[5], Self.refused[9], Self.refused[15]] {
                try await Self.check(row, .noQuorum, at: other, proxies)
            }
            await target.stop()
        }
    }

    @Test func `what a batch sets that is set is no new version, alone or beside other changes`()
        async throws
    {
        try await TestProxies.with(1) { proxies in
            func version() async throws -> UInt64 {
                let body = try await proxies.ask(1, .get, "/v1/daemon?what=cluster_config").body
                guard case .object(let json) = try JSONValue(parsing: body) else { return 0 }
                return try #require(json["version"]?.unsigned)
            }
            let set = #"{"action":"setconfig","name":"stats_time","value":"33s"}"#
            let same = #"{"action":"setconfig","name":"periodic.stats_time","value":"33s"}"#
            let reset = #"{"action":"resetconfig","name":"log.level"}"#
            func send(
                _ items: String..., query: String = "", headers: [(String, String)] = []
            ) async throws -> TestProxies.Reply {
                try await proxies.ask(
                    1, .put, "/v1/cluster\(query)",
                    #"{"action":"batch","value":[\#(items.joined(separator: ","))]}"#,
                    headers: headers)
            }
            let first = try await version()
            #expect(try await send(set, same).status == 200)
            #expect(try await version() == first + 1)
            let again = try await send(same, reset)
            #expect(again.status == 200, "\(again.text)")
            #expect(again.header(HeaderName.notice)?.hasPrefix("nothing was changed") == true)
            #expect(again.header(HeaderName.position) != nil)
            #expect(try await version() == first + 1)
            let dry = try await send(same, reset, query: "?dry_run=true")
            #expect(dry.text.contains(#""verdict":"safe""#), "\(dry.text)")
            #expect(dry.text.contains("nothing by change 1"), "\(dry.text)")
            #expect(dry.text.contains("nothing by change 2"), "\(dry.text)")
            let stale = try await send(same, headers: [("If-Match", #""config-\#(first)""#)])
            #expect(stale.failure?.code == .preconditionFailed, "\(stale.text)")
            // Beside a change that is one, and with the place that a refused one has in the request.
            let create = #"{"action":"createlb","name":"b"}"#
            let made = try await send(same, create)
            #expect(made.status == 200 && made.header(HeaderName.notice) == nil, "\(made.text)")
            #expect(try await version() == first + 1)
            let refused = try await send(same, create)
            #expect(refused.failure?.code == .bucketExists, "\(refused.text)")
            #expect(refused.failure?.message.hasPrefix("change 2 of the batch") == true)
            // Within a session as well, where what it comes to is written down.
            let opened = try await proxies.ask(1, .post, "/v1/cluster/sessions")
            guard case .object(let session) = try JSONValue(parsing: opened.body) else { return }
            let headers = [
                (HeaderName.session, session["id"]?.string ?? ""), (HeaderName.sequence, "1"),
            ]
            for _ in 1...2 {
                #expect(try await send(same, reset, headers: headers).status == 200)
                #expect(try await version() == first + 1)
            }
        }
    }
}

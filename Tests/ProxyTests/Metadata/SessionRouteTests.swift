import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Sessions, preconditions and batches as clients use them.
@Suite(.serialized) struct SessionRouteTests {
    /// CL-01, CL-02: the same request anywhere, again and again, also after a fail-over and a restart of all.
    @Test func `a request of a session that is sent again is made once and answered alike`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let session = try await proxies.openSession(through: 2, lifetime: "10m")
            let first = try await proxies.create("once", through: 1, session, 1)
            #expect(first.status == 200, "\(first.text)")
            let position = try #require(first.header("Martlet-Position"))
            #expect(
                try await proxies.ask(
                    3, .delete, "/v1/buckets/once", #"{"action":"destroylb"}"#,
                    headers: terms(session, 2)
                ).status == 200)
            func repeated(through number: Int) async throws {
                let again = try await proxies.create("once", through: number, session, 1)
                #expect(again.status == 200 && again.body == first.body, "\(again.text)")
                #expect(again.header("Martlet-Position") == position)
                let gone = try await proxies.ask(
                    number, .delete, "/v1/buckets/once", #"{"action":"destroylb"}"#,
                    headers: terms(session, 2))
                #expect(gone.status == 200, "\(gone.text)")
                let names = try await proxies.ask(number, .get, "/v1/buckets/*")
                #expect(!names.text.contains("once"))
            }
            for number in 1...3 { try await repeated(through: number) }
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            await proxies.stop(primary)
            for number in 1...3 where number != primary { try await repeated(through: number) }
            try await proxies.start(primary)
            try await proxies.waitUntilReady(primary)
            try await repeated(through: primary)
            for number in 1...3 { await proxies.stop(number) }
            for number in 1...3 { try await proxies.start(number) }
            for number in 1...3 { try await proxies.waitUntilReady(number) }
            for number in 1...3 { try await repeated(through: number) }
            let shown = try await proxies.ask(1, .get, "/v1/cluster/sessions/\(session)")
            #expect(shown.text.contains(#""sequence":"2""#), "\(shown.text)")
        }
    }

    /// CL-02: copies that meet are one change, wherever they come in.
    @Test func `copies of one request at once are one change`() async throws {
        try await TestProxies.with(3) { proxies in
            let session = try await proxies.openSession(through: 1)
            for sequence in 1...5 {
                let replies = try await withThrowingTaskGroup(of: TestProxies.Reply.self) { tasks in
                    for copy in 0..<6 {
                        tasks.addTask {
                            try await proxies.create(
                                "b\(sequence)", through: copy % 3 + 1, session, sequence)
                        }
                    }
                    var replies: [TestProxies.Reply] = []
                    for try await reply in tasks { replies.append(reply) }
                    return replies
                }
                #expect(replies.allSatisfy { $0.status == 200 }, "\(replies.map(\.text))")
                #expect(Set(replies.map { $0.header("Martlet-Position") }).count == 1)
            }
            let history = try await proxies.ask(
                1, .get, "/v1/cluster?what=history&of=bmd&limit=50")
            #expect(history.text.components(separatedBy: "create_bucket").count == 6)
        }
    }

    /// CL-01, CL-05: what was refused stays refused, with the same words, also when it would work by now.
    @Test func `a refusal is the answer to every copy`() async throws {
        try await TestProxies.with(3) { proxies in
            let session = try await proxies.openSession(through: 1)
            #expect(try await proxies.create("there", through: 1).status == 200)
            let first = try await proxies.create("there", through: 2, session, 1)
            #expect(first.status == 409 && first.failure?.code == .bucketExists)
            _ = try await proxies.ask(
                1, .delete, "/v1/buckets/there", #"{"action":"destroylb"}"#)
            let again = try await proxies.create("there", through: 3, session, 1)
            #expect(again.status == 409 && again.failure?.message == first.failure?.message)
            // One that is refused from the state, before the log.
            #expect(
                try await proxies.ask(
                    1, .post, "/v1/buckets/kept",
                    #"{"action":"createlb","value":{"access":"0"}}"#
                ).status == 200)
            let denied = try await proxies.ask(
                1, .delete, "/v1/buckets/kept", #"{"action":"destroylb"}"#,
                headers: terms(session, 2))
            #expect(denied.failure?.code == .accessDenied, "\(denied.text)")
            let later = try await proxies.ask(
                2, .delete, "/v1/buckets/kept", #"{"action":"destroylb"}"#,
                headers: terms(session, 2))
            #expect(later.status == 403 && later.failure?.message == denied.failure?.message)
        }
    }

    /// CL-01: a change that is worked out from the state, and is nothing the second time.
    @Test func `a setting that is sent again has its first answer`() async throws {
        try await TestProxies.with(3) { proxies in
            let session = try await proxies.openSession(through: 1)
            let path = "/v1/cluster/setconfig?stats_time=7s"
            let first = try await proxies.ask(2, .put, path, headers: terms(session, 1))
            #expect(first.status == 200, "\(first.text)")
            _ = try await proxies.ask(1, .put, "/v1/cluster/setconfig?stats_time=9s")
            for number in 1...3 {
                let again = try await proxies.ask(number, .put, path, headers: terms(session, 1))
                #expect(again.status == 200)
                #expect(again.header("Martlet-Position") == first.header("Martlet-Position"))
            }
            let config = try await proxies.ask(1, .get, "/v1/daemon?what=cluster_config").text
            #expect(config.contains("9s") && !config.contains("7s"))
        }
    }

    /// CL-01: steps of membership, which look at the nodes before they are proposed.
    @Test func `a step with a node that is sent again is taken once`() async throws {
        try await TestProxies.with(3) { proxies in
            let session = try await proxies.openSession(through: 1)
            let target = try await StubTarget.start(proxies)
            func act(_ action: String, _ sequence: Int) async throws -> [TestProxies.Reply] {
                var replies: [TestProxies.Reply] = []
                for number in 1...3 {
                    replies.append(
                        try await proxies.ask(
                            number, .put, "/v1/cluster",
                            #"{"action":"\#(action)","value":{"sid":"t1"}}"#,
                            headers: terms(session, sequence)))
                }
                return replies
            }
            let on = try await act("startmaintenance", 1)
            #expect(on.allSatisfy { $0.status == 200 }, "\(on.map(\.text))")
            let again = try await act("startmaintenance", 2)
            #expect(again.allSatisfy { $0.failure?.code == .badNode }, "\(again.map(\.text))")
            #expect(try await act("stopmaintenance", 3).allSatisfy { $0.status == 200 })
            // The second refusal stands, though it would work by now.
            #expect(try await act("startmaintenance", 2)[0].failure?.code == .badNode)
            for number in 1...3 {
                let gone = try await proxies.ask(
                    number, .delete, "/v1/cluster/daemon/t1", headers: terms(session, 4))
                #expect(gone.status == 200, "\(gone.text)")
            }
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let victim = primary % 3 + 1
            for number in 1...3 where number != victim {
                let gone = try await proxies.ask(
                    number, .delete, "/v1/cluster/daemon/p\(victim)", headers: terms(session, 5))
                #expect(gone.status == 200, "\(gone.text)")
            }
            await target.stop()
        }
    }

    /// CL-03, CL-04: by the log's time, everywhere, and never made anew.
    @Test func `an expired session is refused, and its request not made`() async throws {
        try await TestProxies.with(3) { proxies in
            let session = try await proxies.openSession(through: 1, lifetime: "1s")
            #expect(try await proxies.create("old", through: 1, session, 1).status == 200)
            let kept = try await proxies.ask(2, .put, "/v1/cluster/sessions/\(session)")
            #expect(kept.status == 200 && kept.text.contains(session), "\(kept.text)")
            try await Task.sleep(for: .milliseconds(1_200))
            for number in 1...3 {
                for (name, sequence) in [("old", 1), ("new", 2)] {
                    let late = try await proxies.create(name, through: number, session, sequence)
                    #expect(
                        late.status == 410 && late.failure?.code == .sessionExpired,
                        "\(late.text)")
                }
            }
            let names = try await proxies.ask(2, .get, "/v1/buckets/*").text
            #expect(names.contains("old") && !names.contains("new"))
            let renewed = try await proxies.ask(2, .put, "/v1/cluster/sessions/\(session)")
            #expect(renewed.failure?.code == .sessionExpired)
        }
    }

    @Test func `sessions are listed, shown and closed`() async throws {
        try await TestProxies.with(1) { proxies in
            let session = try await proxies.openSession(through: 1)
            let list = try await proxies.ask(1, .get, "/v1/cluster/sessions")
            #expect(list.text.contains(session) && list.text.contains(#""sessions_max":1024"#))
            #expect(
                try await proxies.ask(1, .delete, "/v1/cluster/sessions/\(session)").status == 200)
            let gone = try await proxies.ask(1, .get, "/v1/cluster/sessions/\(session)")
            #expect(gone.status == 410)
            for (method, path) in [
                (HTTP.Method.post, "/v1/cluster/sessions?lifetime=1"),
                (.post, "/v1/cluster/sessions?lifetime=2d"),
                (.put, "/v1/cluster/sessions/nonsense"), (.put, "/v1/cluster/sessions"),
                (.get, "/v1/cluster/sessions/a/b"),
            ] {
                let reply = try await proxies.ask(1, method, path)
                #expect(reply.status == 400 && reply.failure != nil, "\(path): \(reply.text)")
            }
            for headers in [
                [("Martlet-Session", session)], [("Martlet-Sequence", "1")],
                terms("x", 1), [("Martlet-Session", session), ("Martlet-Sequence", "0")],
                [("If-Match", "bmd-1")], [("If-Match", "\"bmd-x\"")],
                [("If-Match", "\"bmd-1\", \"bmd-2\"")],
            ] {
                let reply = try await proxies.ask(
                    1, .post, "/v1/buckets/b", #"{"action":"createlb"}"#, headers: headers)
                #expect(reply.failure?.code == .badHeader, "\(headers): \(reply.text)")
            }
            // What cannot be repeated says so, and does nothing.
            let shutdown = try await proxies.ask(
                1, .put, "/v1/cluster", #"{"action":"shutdown"}"#, headers: terms(session, 1))
            #expect(shutdown.failure?.code == .badHeader)
        }
    }

    /// CL-06: decided in the log, with the version that a document was read at.
    @Test func `a change that rests on an old version is refused`() async throws {
        try await TestProxies.with(3) { proxies in
            let buckets = try await proxies.ask(2, .get, "/v1/daemon?what=bmd")
            let tag = try #require(buckets.header("ETag"))
            let create = #"{"action":"createlb"}"#
            let first = try await proxies.ask(
                3, .post, "/v1/buckets/a", create, headers: [("If-Match", tag)])
            #expect(first.status == 200, "\(first.text)")
            for number in 1...3 {
                let stale = try await proxies.ask(
                    number, .post, "/v1/buckets/b", create, headers: [("If-Match", tag)])
                #expect(
                    stale.status == 412 && stale.failure?.code == .preconditionFailed,
                    "\(stale.text)")
            }
            let config = try await proxies.ask(1, .get, "/v1/daemon?what=cluster_config")
            let version = try #require(config.header("ETag"))
            let path = "/v1/cluster/setconfig?stats_time=7s"
            let dry = try await proxies.ask(
                2, .put, path + "&dry_run=true", headers: [("If-Match", "\"config-99\"")])
            #expect(dry.text.contains("blocked") && dry.text.contains("precondition_failed"))
            #expect(
                try await proxies.ask(2, .put, path, headers: [("If-Match", version)]).status
                    == 200)
            let again = try await proxies.ask(
                3, .put, "/v1/cluster/setconfig?stats_time=8s", headers: [("If-Match", version)])
            #expect(again.failure?.code == .preconditionFailed, "\(again.text)")
            let target = try await StubTarget.start(proxies)
            let map = try await proxies.ask(1, .get, "/v1/daemon?what=smap")
            let removal = try await proxies.ask(
                2, .delete, "/v1/cluster/daemon/t1", headers: [("If-Match", "\"smap-1\"")])
            #expect(removal.failure?.code == .preconditionFailed, "\(removal.text)")
            let removed = try await proxies.ask(
                2, .delete, "/v1/cluster/daemon/t1",
                headers: [("If-Match", try #require(map.header("ETag")))])
            #expect(removed.status == 200, "\(removed.text)")
            await target.stop()
        }
    }

    /// CL-08, CL-06: one entry, so no reader at any proxy sees one change without the other.
    @Test func `a batch is made whole, and nobody sees a part of it`() async throws {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("x0", through: 1).status == 200)
            // A certain read there brings p2 up to date, and stale ones never go back behind it.
            _ = try await proxies.ask(2, .get, "/v1/buckets/*")
            let isDone = Latch()
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 1...3 {
                    tasks.addTask {
                        while !isDone.isOpen {
                            let stale = number == 2 ? "&consistency=stale" : ""
                            let names = try await proxies.ask(
                                number, .get, "/v1/buckets/*?provider=ais\(stale)"
                            ).text
                            let count = names.components(separatedBy: "\"x").count - 1
                            #expect(count == 1, "p\(number): \(names)")
                        }
                    }
                }
                for step in 1...20 {
                    let reply = try await proxies.batch(
                        """
                        {"action":"createlb","name":"x\(step)"},\
                        {"action":"destroylb","name":"x\(step - 1)"},\
                        {"action":"setconfig","name":"stats_time","value":"\(step + 2)s"}
                        """, through: step % 3 + 1)
                    #expect(reply.status == 200, "\(reply.text)")
                }
                isDone.open()
                try await tasks.waitForAll()
            }
            let bad = try await proxies.batch(
                #"{"action":"createlb","name":"y"},{"action":"destroylb","name":"none"}"#,
                through: 2)
            #expect(bad.status == 404 && bad.failure?.code == .bucketNotFound, "\(bad.text)")
            #expect(bad.failure?.message.contains("change 2 of the batch") == true)
            let names = try await proxies.ask(3, .get, "/v1/buckets/*").text
            #expect(names.contains("x20") && !names.contains("\"y\""))
        }
    }

    @Test func `a batch is checked, rehearsed and bounded`() async throws {
        try await TestProxies.with(1) { proxies in
            let dry = try await proxies.batch(
                #"{"action":"createlb","name":"y"},{"action":"setconfig","name":"client_timeout","#
                    + #""value":"3s"}"#, through: 1, query: "?dry_run=true")
            #expect(dry.status == 200 && dry.text.contains(#""verdict":"blocked""#), "\(dry.text)")
            #expect(dry.text.contains(#""code":"bad_value""#), "\(dry.text)")
            let unknown = try await proxies.batch(
                #"{"action":"createlb","name":"y"},{"action":"destroylb","name":"none"}"#,
                through: 1, query: "?dry_run=true")
            #expect(unknown.status == 404 && unknown.failure?.code == .bucketNotFound)
            for (items, code) in [
                ("", FailureCode.badValue), (#"{"action":"shutdown"}"#, .unknownAction),
                (#"{"action":"createlb"}"#, .badBucketName), ("7", .badValue),
                (#"{"action":"createlb","name":"a","x":1}"#, .badValue),
                (#"{"action":"createlb","name":"a"},{"action":"destroylb","name":"a"}"#, .badValue),
                (#"{"action":"setconfig","name":"no_such","value":"1"}"#, .unknownOption),
                (
                    Array(repeating: #"{"action":"createlb","name":"a"}"#, count: 65)
                        .joined(separator: ","), .badValue
                ),
            ] {
                let reply = try await proxies.batch(items, through: 1)
                #expect(reply.failure?.code == code, "\(items): \(reply.text)")
            }
            let names = try await proxies.ask(1, .get, "/v1/buckets/*").text
            #expect(!names.contains("\"a\""))
        }
    }

    private func terms(_ session: String, _ sequence: Int) -> [(String, String)] {
        TestProxies.terms(session, sequence)
    }
}

extension TestProxies {
    static func terms(_ session: String, _ sequence: Int) -> [(String, String)] {
        [("Martlet-Session", session), ("Martlet-Sequence", String(sequence))]
    }

    /// - Returns: the id of a new session.
    func openSession(through number: Int, lifetime: String = "1m") async throws -> String {
        let reply = try await ask(number, .post, "/v1/cluster/sessions?lifetime=\(lifetime)")
        #expect(reply.status == 200, "\(reply.text)")
        guard case .object(let object) = try JSONValue(parsing: reply.body) else { return "" }
        return try #require(object["id"]?.string)
    }

    func create(
        _ bucket: String, through number: Int, _ session: String, _ sequence: Int
    ) async throws -> Reply {
        try await ask(
            number, .post, "/v1/buckets/\(bucket)", #"{"action":"createlb"}"#,
            headers: Self.terms(session, sequence))
    }

    func batch(_ items: String, through number: Int, query: String = "") async throws -> Reply {
        try await ask(
            number, .put, "/v1/cluster\(query)", #"{"action":"batch","value":[\#(items)]}"#)
    }
}

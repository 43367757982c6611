import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// What proxies say about themselves and about the whole cluster (contract §10, §11.5).
@Suite(.serialized) struct StatisticsRouteTests {
    private static func document(
        _ proxies: TestProxies, _ number: Int, _ path: String, _ body: String = ""
    ) async throws -> JSONObject {
        let reply = try await proxies.ask(number, .get, path, body)
        #expect(reply.status == 200, "\(path): \(reply.text)")
        guard case .object(let object) = try JSONValue(parsing: reply.body) else {
            throw Failure(.badBody, reply.text)
        }
        return object
    }

    private static func keys(_ value: JSONValue?) -> [String] {
        guard case .object(let object) = value else { return [] }
        return object.members.map(\.key)
    }

    @Test func `one proxy's documents have the contract's types`() async throws {
        try await TestProxies.with(1) { proxies in
            #expect(try await proxies.create("b", through: 1).status == 200)
            #expect(try await proxies.ask(1, .get, "/v1/objects/none/o").status == 404)
            try await eventually("both are counted") {
                let stats = try await Self.document(proxies, 1, "/v1/daemon?what=stats")
                return stats["pst.n"]?.unsigned == 1 && stats["err.get.n"]?.unsigned == 1
            }
            let stats = try await Self.document(proxies, 1, "/v1/daemon?what=stats")
            #expect(stats["core"] == nil && stats["put.n"] == nil && stats["get.ns"] != nil)

            let status = try await Self.document(proxies, 1, "/v1/daemon?what=status")
            #expect(status["capacity"] == .null && status["target_status"] == nil)
            guard case .object(let counters) = status["daemon_stats"],
                case .object(let raft) = status["raft"]
            else { throw Failure(.badBody, "the status lacks something") }
            #expect(counters["put.n"] == .number("0"))
            #expect(raft["role"]?.string == "leader" && raft["leader"]?.string == "p1")
            #expect(raft["lag"]?.unsigned == 0)

            let sysinfo = try await Self.document(proxies, 1, "/v1/daemon?what=sysinfo")
            #expect(UInt64(sysinfo["mem_used"]?.string ?? "") != nil && sysinfo["fs_used"] == nil)
            let vote = try await Self.document(proxies, 1, "/v1/daemon?what=smapvote")
            #expect(
                Self.keys(.object(vote)) == ["smap", "bucketmd", "rmd", "vote_in_progress"])
            let log = try await proxies.ask(1, .get, "/v1/daemon?what=log")
            #expect(log.status == 200 && log.text.contains("serving at"), "\(log.text)")
        }
    }

    @Test func `metrics of every proxy are valid, and tell who leads`() async throws {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("b", through: 2).status == 200)
            var leaders = 0.0
            for number in 1...3 {
                let reply = try await proxies.ask(number, .get, "/metrics")
                #expect(reply.status == 200)
                let metrics = try ParsedMetrics(reply.text)
                leaders += try #require(metrics.value("martlet_raft_role", ["role": "leader"]))
                #expect(metrics.value("martlet_raft_voters") == 3)
                #expect(metrics.value("martlet_raft_has_leader") == 1)
                #expect((metrics.value("martlet_raft_log_entries") ?? 0) > 0)
                #expect(
                    (metrics.value("martlet_raft_log_bytes", ["file": "metadata.db"]) ?? 0) > 0)
                guard metrics.value("martlet_raft_role", ["role": "leader"]) == 1 else { continue }
                #expect((metrics.value("martlet_raft_elections_won_total") ?? 0) >= 1)
                #expect(
                    (metrics.value("martlet_raft_proposals_total", ["outcome": "applied"]) ?? 0)
                        >= 1)
                #expect(metrics.families["martlet_raft_peer_lag_entries"]?.samples.count == 2)
            }
            #expect(leaders == 1)
        }
    }

    /// Contract §10.1: a proxy counts what clients send to it, so that a sum over the cluster has each request once.
    @Test func `what is passed on to the primary counts at the proxy that the client has asked`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary % 3 + 1
            // While proxies join, some are refused.
            func errors(_ number: Int) async throws -> UInt64 {
                try await Self.document(proxies, number, "/v1/daemon?what=stats")["err.n"]?
                    .unsigned ?? 0
            }
            let before = (there: try await errors(other), here: try await errors(primary))
            #expect(try await proxies.create("b", through: other).status == 200)
            #expect(try await proxies.create("b", through: other).status == 409)
            let removal = #"{"action":"destroylb"}"#
            #expect(try await proxies.ask(other, .delete, "/v1/buckets/b", removal).status == 200)
            #expect(try await proxies.ask(other, .delete, "/v1/buckets/b", removal).status == 404)
            // Who only says that he is another proxy is a client.
            let claim = try await proxies.ask(
                primary, .delete, "/v1/buckets/b", removal,
                headers: [(HeaderName.forwardedBy, "p9")])
            #expect(claim.status == 404, "\(claim.text)")
            try await eventually("all is counted") {
                let there = try await Self.document(proxies, other, "/v1/daemon?what=stats")
                let here = try await Self.document(proxies, primary, "/v1/daemon?what=stats")
                return there["err.delete.n"]?.unsigned == 1 && here["err.delete.n"]?.unsigned == 1
            }
            let there = try await Self.document(proxies, other, "/v1/daemon?what=stats")
            #expect(there["pst.n"]?.unsigned == 1 && there["err.post.n"]?.unsigned == 1)
            #expect(there["err.n"]?.unsigned == before.there + 2, "\(there)")
            let here = try await Self.document(proxies, primary, "/v1/daemon?what=stats")
            #expect(here["pst.n"] == nil && here["err.post.n"] == nil, "\(here)")
            #expect(here["err.n"]?.unsigned == before.here + 1, "\(here)")
            for (operation, count) in [("post", 2.0), ("bucket_change", 2.0)] {
                for (number, value) in [(primary, count), (other, 0)] {
                    let metrics = try ParsedMetrics(
                        try await proxies.ask(number, .get, "/metrics").text)
                    #expect(
                        metrics.value(
                            "martlet_requests_forwarded_total", ["operation": operation]) == value)
                }
            }
        }
    }

    @Test func `waiting requests, sessions and failures are counted by what they are`() async throws
    {
        try await TestProxies.with(1) { proxies in
            func value(_ name: String, _ labels: [String: String] = [:]) async throws -> Double? {
                try ParsedMetrics(try await proxies.ask(1, .get, "/metrics").text)
                    .value(name, labels)
            }
            let waiting = "martlet_requests_waiting"
            #expect(try await value(waiting, ["for": "watch"]) == 0)
            #expect(try await value("martlet_sessions", ["state": "open"]) == 0)
            #expect(
                try await value("martlet_failures_total", ["code": "bad_json", "status": "400"])
                    == 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let start = try await proxies.ask(1, .get, "/v1/cluster?what=watch").header(
                    "Martlet-Position")
                let place = try #require(start)
                group.addTask {
                    _ = try await proxies.ask(
                        1, .get, "/v1/cluster?what=watch&after=\(place)&timeout=20s")
                }
                group.addTask {
                    _ = try await proxies.ask(
                        1, .get, "/v1/daemon?what=bmd&wait_version=2&timeout=20s")
                }
                try await eventually("both wait") {
                    let watching = try await value(waiting, ["for": "watch"])
                    let version = try await value(waiting, ["for": "version"])
                    return watching == 1 && version == 1
                }
                #expect(try await proxies.create("b", through: 1).status == 200)
                try await group.waitForAll()
            }
            #expect(try await value(waiting, ["for": "watch"]) == 0)
            #expect(try await value(waiting, ["for": "version"]) == 0)
            for _ in 1...2 {
                #expect(try await proxies.ask(1, .put, "/v1/cluster", "{").status == 400)
            }
            #expect(
                try await value("martlet_failures_total", ["code": "bad_json", "status": "400"])
                    == 2)
            let opened = try await proxies.ask(1, .post, "/v1/cluster/sessions?lifetime=1s")
            try #require(opened.status == 200, "\(opened.text)")
            #expect(try await value("martlet_sessions_expired_total") == 0)
            try await eventually("its time is over") {
                try await value("martlet_sessions", ["state": "expired"]) == 1
            }
            #expect(try await value("martlet_sessions", ["state": "open"]) == 0)
            let other = try await proxies.ask(1, .post, "/v1/cluster/sessions?lifetime=60s")
            try #require(other.status == 200, "\(other.text)")
            #expect(try await value("martlet_sessions", ["state": "open"]) == 1)
            #expect(try await value("martlet_sessions", ["state": "expired"]) == 0)
            #expect(try await value("martlet_sessions_expired_total") == 1)
        }
    }

    @Test func `the cluster's documents name who did not answer`() async throws {
        try await TestProxies.with(2) { proxies in
            // It answers with itself, whatever it is asked: a document, though not that of statistics.
            let target = try await StubTarget.start(proxies)
            let here = try await Self.document(proxies, 2, "/v1/cluster?what=sysinfo")
            #expect(Self.keys(here["proxy"]).sorted() == ["p1", "p2"])
            #expect(Self.keys(here["target"]) == ["t1"] && here["unanswered"] == nil)
            let stats = try await Self.document(proxies, 1, "/v1/cluster?what=stats")
            #expect(Self.keys(stats["proxy"]).contains("put.n"))
            #expect(Self.keys(stats["proxies"]).sorted() == ["p1", "p2"])

            await target.stop()
            for what in ["stats", "sysinfo", "mountpaths"] {
                let reply = try await proxies.ask(2, .get, "/v1/cluster?what=\(what)")
                #expect(reply.header("martlet-unanswered") == "t1", "\(what)")
                guard case .object(let object) = try JSONValue(parsing: reply.body),
                    case .array(let missing) = object["unanswered"], missing.count == 1,
                    case .object(let node) = missing[0]
                else { throw Failure(.badBody, reply.text) }
                #expect(node["id"]?.string == "t1" && node["type"]?.string == "target")
                #expect(node["code"]?.string == "target_unreachable")
            }
            let jobs = try await Self.document(proxies, 1, "/v1/cluster?what=qryxstats", "{}")
            #expect(jobs["t1"] == .null)
        }
    }

    /// AIStore's later versions name the node in the path, and say no more while it is on the map.
    @Test func `a node that is named in the path says with it that it is there`() async throws {
        try await TestProxies.with(2) { proxies in
            let target = try await StubTarget.start(proxies)
            for number in 1...2 {
                let path = "/v1/cluster/keepalive"
                let known = try await proxies.ask(number, .post, "\(path)/t1")
                #expect(known.status == 200 && known.text.contains(#""uuid":""#), "\(known.text)")
                let whole = try await proxies.ask(number, .post, "\(path)/t1", target.joinRequest)
                #expect(whole.status == 200, "\(whole.text)")
                let other = try await proxies.ask(number, .post, "\(path)/t2", target.joinRequest)
                #expect(other.failure?.code == .badNode, "\(other.text)")
                let unknown = try await proxies.ask(number, .post, "\(path)/t2")
                #expect(unknown.failure?.code == .nodeNotFound, "\(unknown.text)")
                #expect(unknown.failure?.next?.contains("it joins") == true)
                let nameless = try await proxies.ask(number, .post, path)
                #expect(nameless.failure?.code == .badJSON, "\(nameless.text)")
            }
            await target.stop()
        }
    }

    @Test func `questions about jobs are answered or refused`() async throws {
        try await TestProxies.with(1) { proxies in
            let rows: [(String, String, Int, FailureCode?)] = [
                ("qryxstats", "{}", 200, nil),
                ("xaction", #"{"action":"stats","name":"lru","value":{"bucket":"b"}}"#, 200, nil),
                ("xaction", "", 400, .badJSON),
                ("qryxstats", #"{"kind":"nonsense"}"#, 404, .xactionNotFound),
                ("qryxstats", #"{"id":"none"}"#, 404, .xactionNotFound),
                ("status", "{}", 400, .badValue),
                ("status", #"{"id":"none"}"#, 404, .xactionNotFound),
                ("status", #"{"kind":"rebalance"}"#, 404, .xactionNotFound),
            ]
            for (what, body, status, code) in rows {
                let reply = try await proxies.ask(1, .get, "/v1/cluster?what=\(what)", body)
                #expect(reply.status == status, "\(what) \(body): \(reply.text)")
                #expect(reply.failure?.code == code, "\(what) \(body): \(reply.text)")
            }
        }
    }

    @Test func `a version is waited for at any proxy, until it is there or the time is over`()
        async throws
    {
        try await TestProxies.with(2) { proxies in
            let bmd = try await Self.document(proxies, 2, "/v1/daemon?what=bmd")
            let version = try #require(bmd["version"]?.string.flatMap { UInt64($0) })
            let path = "/v1/daemon?what=bmd&wait_version=\(version + 1)"
            async let waiting = proxies.ask(2, .get, path)
            let late = try await proxies.ask(1, .get, "\(path)&timeout=0.05")
            #expect(late.status == 504 && late.failure?.code == .deadlineExceeded)
            #expect(try await proxies.create("b", through: 1).status == 200)
            let reply = try await waiting
            #expect(reply.status == 200 && reply.text.contains(#""b":"#), "\(reply.text)")
            let there = try await proxies.ask(1, .get, "/v1/cluster?what=smap&wait_version=1")
            #expect(there.status == 200)
        }
    }
}

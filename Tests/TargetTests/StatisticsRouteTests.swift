import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Target

/// What a target says about itself: counters, disks, machine (contract §10).
@Suite struct StatisticsRouteTests {
    private static func document(
        _ target: TestTarget, _ what: String
    ) async throws -> JSONObject {
        let reply = try await target.ask(.get, "/v1/daemon?what=\(what)", at: nil)
        #expect(reply.status == .ok, "\(reply.text)")
        #expect(reply.headers["content-type"] == "application/json" && reply.text.hasSuffix("\n"))
        guard case .object(let object) = try JSONValue(parsing: reply.body) else {
            throw Failure(.badBody, reply.text)
        }
        return object
    }

    private static func core(_ target: TestTarget) async throws -> JSONObject {
        guard case .object(let core) = try await document(target, "stats")["core"] else {
            throw Failure(.badBody, "no core")
        }
        return core
    }

    @Test func `counters move by what was done, warm GETs included`() async throws {
        try await TestTarget.with { target async throws in
            for number in 1...4 { #expect(try await target.put("o\(number)", "seven b") == .ok) }
            for _ in 0..<6 { #expect(try await target.get("o1").status == .ok) }
            #expect(try await target.get("none").status == .notFound)
            #expect(
                try await target.ask(.get, "/v1/objects/b/o1", headers: [("Range", "bytes=90-")])
                    .status == .rangeNotSatisfiable)
            #expect(try await target.ask(.delete, "/v1/objects/b/o4").status == .ok)
            // The last answer is counted a moment after the client has it.
            try await eventually("all is counted") {
                try await Self.core(target)["del.n"]?.unsigned == 1
            }
            let core = try await Self.core(target)
            let expected: [String: UInt64] = [
                "put.n": 4, "put.size": 28, "get.n": 6, "get.size": 42, "del.n": 1,
                "err.get.n": 2, "err.range.n": 1,
            ]
            for (name, value) in expected {
                #expect(core[name]?.unsigned == value, "\(name): \(core[name] ?? .null)")
            }
            for name in ["get.ns", "put.ns", "up.ns.time"] {
                #expect((core[name]?.unsigned ?? 0) > 0, "\(name)")
            }
            // A redirect from 1970, as these tests make it up, is no measurement.
            #expect(core["get.redir.ns"]?.unsigned == 0)
            #expect(core["ren.n"] == nil && core["lst.ns"]?.unsigned == 0)
        }
    }

    @Test func `the time since the redirect is counted, of warm GETs too`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "seven b") == .ok)
            var sum: UInt64 = 0
            for _ in 1...3 {
                let ago = Timestamp.now().nanoseconds - 1_000_000_000
                let query = "pid=p1&utm=\(ago)&at=\(target.proxy.state.position.text)"
                let reply = try await target.ask(.get, "/v1/objects/b/o?\(query)", at: nil)
                #expect(reply.status == .ok)
                let now = try await Self.core(target)["get.redir.ns"]?.unsigned ?? 0
                #expect(now >= sum + 1_000_000_000 && now < sum + 60_000_000_000)
                sum = now
            }
        }
    }

    @Test func `capacity, status and system have the contract's types`() async throws {
        try await TestTarget.with { target async throws in
            guard case .object(let capacity) = try await Self.document(target, "stats")["capacity"],
                case .object(let disk) = capacity.members.first?.value
            else { throw Failure(.badBody, "no capacity") }
            #expect(capacity.members.count == 2)
            #expect(UInt64(disk["used"]?.string ?? "") != nil)
            #expect(UInt64(disk["avail"]?.string ?? "") != nil)
            #expect((disk["pct_used"]?.unsigned ?? 101) <= 100)

            let status = try await Self.document(target, "status")
            #expect(status["smap_version"]?.string != nil && status["status"]?.string == "")
            guard case .object(let system) = status["sys_info"],
                case .object(let counters) = status["daemon_stats"],
                case .object(let log) = status["log"], case .object = status["target_status"],
                case .object(let node) = status["snode"], case .object = status["capacity"]
            else { throw Failure(.badBody, "the status lacks something") }
            #expect(counters["get.n"] == .number("0") && counters["err.dl.n"] == .number("0"))
            #expect(UInt64(system["mem_used"]?.string ?? "") != nil)
            guard case .number = system["pct_cpu_used"] else {
                throw Failure(.badBody, "no share of the processor")
            }
            #expect(log["lag"]?.unsigned == 0 && (log["index"]?.unsigned ?? 0) > 0)
            #expect(node["daemon_id"]?.string == "t1" && node["flags"]?.unsigned == 0)

            let sysinfo = try await Self.document(target, "sysinfo")
            #expect(UInt64(sysinfo["fs_used"]?.string ?? "") != nil)
            #expect(UInt64(sysinfo["fs_capacity"]?.string ?? "") != nil)
            _ = try await Self.document(target, "disk")
            #expect(try await Self.document(target, "node_status")["snode"] != nil)
            #expect(try await Self.document(target, "node_stats")["core"] != nil)
            let vote = try await Self.document(target, "smapvote")
            #expect(vote["vote_in_progress"] == .bool(false) && vote["bucketmd"] != nil)
        }
    }

    @Test func `metrics are valid and count`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "seven b") == .ok)
            try await eventually("the PUT is counted") {
                try await Self.core(target)["put.n"]?.unsigned == 1
            }
            let reply = try await target.ask(.get, "/metrics", at: nil)
            #expect(reply.status == .ok)
            #expect(
                reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let metrics = try ParsedMetrics(reply.text)
            #expect(metrics.value("ais_target_put_n_total") == 1)
            #expect(metrics.value("martlet_log_lag_entries") == 0)
            #expect(metrics.value("martlet_requests_waiting", ["for": "version"]) == 0)
            #expect(metrics.value("martlet_sessions", ["state": "open"]) == 0)
            #expect(
                metrics.value("martlet_failures_total", ["code": "io_error", "status": "500"]) == 0)
            #expect(metrics.value("martlet_log_following") == 1)
            #expect(metrics.value("martlet_mountpaths", ["state": "available"]) == 2)
            #expect(metrics.value("martlet_mountpaths", ["state": "disabled"]) == 0)
            #expect(
                metrics.value("martlet_request_duration_seconds_count", ["operation": "put"]) == 1)
            #expect(try await target.ask(.post, "/metrics", at: nil).status == .badRequest)
        }
    }

    @Test func `a version is waited for, and the wait ends`() async throws {
        try await TestTarget.with { target async throws in
            let version = target.proxy.state.buckets.version
            let path = "/v1/daemon?what=bmd&wait_version=\(version + 1)"
            async let waiting = target.ask(.get, path, at: nil)
            #expect(
                try await target.ask(.get, "\(path)&timeout=50ms", at: nil).failure?.code
                    == .deadlineExceeded)
            target.proxy.submit(
                .createBucket(try #require(Bucket(name: "more")), BucketProperties()))
            let reply = try await waiting
            #expect(reply.status == .ok && reply.text.contains(#""more":"#), "\(reply.text)")
            #expect(
                try await target.ask(.get, "/v1/daemon?what=smap&wait_version=x", at: nil)
                    .failure?.code == .badQuery)
        }
    }

    @Test func `jobs are asked for and there are none`() async throws {
        try await TestTarget.with { target async throws in
            func ask(_ body: String) async throws -> TestTarget.Reply {
                try await target.ask(
                    .get, "/v1/daemon?what=qryxstats", at: nil, body: Array(body.utf8))
            }
            #expect(try await ask("{}").text == "[]\n")
            #expect(try await ask(#"{"kind":"rebalance"}"#).text == "[]\n")
            #expect(try await ask("").failure?.code == .badJSON)
            #expect(try await ask(#"{"id":"g1"}"#).failure?.code == .xactionNotFound)
        }
    }

    @Test func `rebalances that have ended are jobs, newest first`() async throws {
        try await TestTarget.with { target async throws in
            func ask(_ body: String) async throws -> TestTarget.Reply {
                try await target.ask(
                    .get, "/v1/daemon?what=qryxstats", at: nil, body: Array(body.utf8))
            }
            func ids(_ text: String) -> [String] {
                text.split(separator: #"{"id":""#).dropFirst().map {
                    String($0.prefix { $0 != "\"" })
                }
            }
            let address = try #require(NodeAddress(host: "127.0.0.1", port: 9))
            target.proxy.submit(
                .setNode(
                    Node(id: try #require(NodeID("t9")), role: .target, address: address)))
            for _ in 1...3 { target.proxy.submit(.startRebalance) }
            try await eventually("the last has begun") {
                try await ask(#"{"id":"g3"}"#).status == .ok
            }
            for (body, expected) in [
                ("{}", ["g3", "g2", "g1"]), (#"{"kind":"rebalance"}"#, ["g3", "g2", "g1"]),
                (#"{"show_active":false}"#, ["g3", "g2", "g1"]), (#"{"show_active":true}"#, []),
                (#"{"id":"g2"}"#, ["g2"]), (#"{"id":"g2","show_active":true}"#, []),
                (#"{"kind":"lru"}"#, []),
            ] {
                let reply = try await ask(body)
                #expect(reply.status == .ok && ids(reply.text) == expected, "\(reply.text)")
            }
            #expect(try await ask(#"{"id":"g4"}"#).failure?.code == .xactionNotFound)
        }
    }

    @Test func `the log can be read from afar`() async throws {
        try await TestTarget.with { target async throws in
            target.daemon.context.log.error("something to be read")
            let all = try await target.ask(.get, "/v1/daemon?what=log", at: nil)
            #expect(all.status == .ok && all.text.contains("something to be read"))
            #expect(all.headers["content-type"] == "text/plain; charset=utf-8")
            let rest = try await target.ask(
                .get, "/v1/daemon?what=log&offset=\(all.body.count)", at: nil)
            #expect(!rest.text.contains("something to be read"))
            for query in ["severity=much", "offset=-1", "offset=1&severity=error"] {
                let reply = try await target.ask(.get, "/v1/daemon?what=log&\(query)", at: nil)
                #expect(reply.failure?.code == .badQuery, "\(query)")
            }
        }
    }
}

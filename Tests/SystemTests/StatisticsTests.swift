import Foundation
import TestSupport
import Testing

/// What a cluster of real processes counts, and what it says when one of them is missing.
@Suite(.serialized) struct StatisticsTests {
    private static let objects = 24
    private static let bytes = 5_000

    @Test func `counters move by exactly what was done, through redirects`() throws {
        try SystemCluster.with { cluster in
            let proxies = try cluster.nodes("proxy").map(\.url)
            #expect(try cluster.create("counted", at: proxies[0]).status == 200)
            let file = "\(cluster.directory)/body"
            try Data(repeating: 0x61, count: Self.bytes).write(to: URL(filePath: file))
            let before = try Self.targets(cluster, proxies[0])
            #expect(before.count == 3)
            for number in 1...Self.objects {
                let url = "\(proxies[number % 3])/v1/objects/counted/o\(number)"
                #expect(try cluster.curl("-X PUT -T '\(file)' '\(url)'").status == 200)
                // The second is served from an open file.
                for _ in 1...2 { #expect(try cluster.curl("-o /dev/null '\(url)'").status == 200) }
            }
            #expect(
                try cluster.curl("'\(proxies[0])/v1/objects/counted/none'").status == 404)
            #expect(
                try cluster.curl("-X DELETE '\(proxies[1])/v1/objects/counted/o1'").status == 200)
            let expected = [
                "put.n": Self.objects, "put.size": Self.objects * Self.bytes,
                "get.n": 2 * Self.objects, "get.size": 2 * Self.objects * Self.bytes,
                "err.get.n": 1, "err.n": 1, "del.n": 1,
            ]
            func moved() throws -> [String: Int] {
                let after = try Self.targets(cluster, proxies[0])
                return expected.mapValues { _ in 0 }.reduce(into: [:]) { moved, entry in
                    moved[entry.key] = after.reduce(0) { sum, target in
                        sum + (target.value[entry.key] ?? 0)
                            - (before[target.key]?[entry.key] ?? 0)
                    }
                }
            }
            // The last answer is counted a moment after the client has it.
            try waitUntil("all is counted") { try moved()["del.n"] == 1 }
            #expect(try moved() == expected)
            // Proxies count what they redirected: the same, put together.
            let sums = try Self.proxies(cluster, proxies[1])
            #expect(sums.count == 3)
            #expect(sums.values.reduce(0) { $0 + ($1["put.n"] ?? 0) } == Self.objects)
            #expect(sums.values.reduce(0) { $0 + ($1["get.n"] ?? 0) } == 2 * Self.objects + 1)
        }
    }

    @Test func `a node that was killed is named, and the others' answers stand`() throws {
        try SystemCluster.with { cluster in
            let proxy = try cluster.node("p1").url
            try cluster.must("kill t2")
            for what in ["stats", "sysinfo", "mountpaths"] {
                let reply = try cluster.curl("-D - '\(proxy)/v1/cluster?what=\(what)'")
                #expect(reply.status == 200, "\(reply.body)")
                #expect(reply.says("Martlet-Unanswered: t2\r\n"), "\(reply.body)")
                #expect(reply.says(#""unanswered":[{"id":"t2","type":"target""#), "\(reply.body)")
                #expect(reply.says(#""t1":{"#) && reply.says(#""t3":{"#))
            }
            // One that is frozen is waited for a bounded time.
            try cluster.must("pause t3")
            let reply = try cluster.curl("-D - '\(proxy)/v1/cluster?what=stats'", maxSeconds: 15)
            #expect(reply.status == 200 && reply.says("Martlet-Unanswered: t2, t3\r\n"))
            try cluster.must("resume t3")
            try cluster.must("restart t2")
            try waitUntil("t2 answers again") {
                try !cluster.curl("'\(proxy)/v1/cluster?what=stats'").says("unanswered")
            }
        }
    }

    @Test func `metrics of every node are valid, for promtool too where it is installed`() throws {
        try SystemCluster.with { cluster in
            let proxy = try cluster.node("p1").url
            #expect(try cluster.create("b", at: proxy).status == 200)
            #expect(
                try cluster.curl("-X PUT --data-binary x '\(proxy)/v1/objects/b/o'").status == 200)
            let hasTool = try Shell.run("command -v promtool").status == 0
            var leaders = 0.0
            for node in try cluster.nodes() {
                let reply = try cluster.curl("'\(node.url)/metrics'")
                #expect(reply.status == 200)
                let metrics = try ParsedMetrics(reply.body)
                #expect(metrics.families.count > 30, "\(node.id)")
                #expect(
                    metrics.value("martlet_node_info", ["id": node.id, "role": node.role]) == 1)
                if node.role == "proxy" {
                    leaders += metrics.value("martlet_raft_role", ["role": "leader"]) ?? 0
                } else {
                    #expect(metrics.value("martlet_log_following") == 1, "\(node.id)")
                }
                guard hasTool else { continue }
                let check = try Shell.run(
                    "curl -sS '\(node.url)/metrics' | promtool check metrics")
                #expect(check.status == 0, "\(node.id): \(check.output)")
            }
            #expect(leaders == 1)
        }
    }

    @Test func `a rebalance that was recorded is a job that can be asked for`() throws {
        try SystemCluster.with { cluster in
            let proxy = try cluster.node("p1").url
            func ask(_ what: String, _ body: String) throws -> SystemCluster.Reply {
                try cluster.curl("-X GET -d '\(body)' '\(proxy)/v1/cluster?what=\(what)'")
            }
            let none = try ask("qryxstats", "{}")
            #expect(none.body == "{\"t1\":[],\"t2\":[],\"t3\":[]}\n", "\(none.body)")
            #expect(try ask("status", #"{"id":"g1"}"#).status == 404)
            let start = try cluster.curl(
                "-X PUT -d '{\"action\":\"start\",\"value\":{\"kind\":\"rebalance\"}}' "
                    + "'\(proxy)/v1/cluster'")
            #expect(start.status == 200 && start.body == "g1", "\(start.body)")
            for body in [#"{"id":"g1"}"#, #"{"kind":"rebalance","show_active":false}"#, "{}"] {
                let jobs = try ask("qryxstats", body)
                #expect(jobs.status == 200, "\(jobs.body)")
                for target in ["t1", "t2", "t3"] {
                    #expect(
                        jobs.says("\"\(target)\":[{\"id\":\"g1\",\"kind\":\"rebalance\""),
                        "\(jobs.body)")
                }
                #expect(jobs.says(#""obj_count":"0""#) && jobs.says(#""status":"not_run""#))
            }
            #expect(try ask("qryxstats", #"{"show_active":true}"#).body == none.body)
            #expect(try ask("qryxstats", #"{"kind":"lru"}"#).body == none.body)
            let status = try ask("status", #"{"id":"g1"}"#)
            #expect(status.status == 200 && status.says(#"{"uuid":"g1","err":"the rebalance is"#))
            let vote = try cluster.curl("'\(proxy)/v1/daemon?what=smapvote'")
            #expect(vote.says(#""rmd":{"target_ids":["t1","t2","t3"],"version":1}"#))

            // The next one does not take it away, nor does another primary, nor that the nodes are started anew.
            let next = try cluster.curl(
                "-X PUT -d '{\"action\":\"start\",\"value\":{\"kind\":\"rebalance\"}}' "
                    + "'\(proxy)/v1/cluster'")
            #expect(next.status == 200 && next.body == "g2", "\(next.body)")
            func check() throws {
                #expect(try ask("status", #"{"id":"g1"}"#).body == status.body)
                #expect(try ask("status", #"{"kind":"rebalance"}"#).says(#"{"uuid":"g2","#))
                for (body, ids) in [
                    (#"{"id":"g1"}"#, ["g1"]), (#"{"kind":"rebalance"}"#, ["g2", "g1"]),
                ] {
                    for what in ["qryxstats", "xaction"] {
                        let jobs = try ask(what, body).body
                        let found = jobs.components(separatedBy: #"{"id":""#).dropFirst().map {
                            String($0.prefix(2))
                        }
                        #expect(found == ids + ids + ids, "\(what) \(body): \(jobs)")
                    }
                }
            }
            try check()
            let old = try cluster.primary()
            let heir = old == "p1" ? "p2" : "p1"
            #expect(try cluster.curl("-X PUT '\(proxy)/v1/cluster/proxy/\(heir)'").status == 200)
            try check()
            for node in try cluster.nodes() { try cluster.must("kill \(node.id)") }
            try cluster.start()
            try cluster.waitUntilSettled()
            try check()
        }
    }

    @Test func `the primary's metrics say which target does not keep up`() throws {
        try SystemCluster.with { cluster in
            let primary = try cluster.node(try cluster.primary()).url
            func metric(_ name: String, _ target: String) throws -> Double? {
                try ParsedMetrics(try cluster.curl("'\(primary)/metrics'").body)
                    .value(name, ["target": target])
            }
            try waitUntil("every target is known and has caught up") {
                try ["t1", "t2", "t3"].allSatisfy {
                    try metric("martlet_log_follower_lag_entries", $0) == 0
                        && metric("martlet_log_follower_left_behind", $0) == 0
                }
            }
            try cluster.must("pause t2")
            for bucket in ["one", "two"] {
                #expect(try cluster.create(bucket, at: primary).status == 200)
            }
            #expect(try metric("martlet_log_follower_lag_entries", "t2") == 2)
            #expect(try metric("martlet_log_follower_left_behind", "t2") == 1)
            #expect(try metric("martlet_log_follower_left_behind", "t1") == 0)
            try cluster.must("resume t2")
            try waitUntil("t2 has caught up") {
                try metric("martlet_log_follower_lag_entries", "t2") == 0
                    && metric("martlet_log_follower_left_behind", "t2") == 0
            }
        }
    }

    @Test func `a version that a change brings is seen at every node`() throws {
        try SystemCluster.with { cluster in
            let proxy = try cluster.node("p1").url
            let version = try Self.bucketVersion(cluster, proxy)
            var waits: [Process] = []
            for node in try cluster.nodes() {
                let wait = Process()
                wait.executableURL = URL(filePath: "/usr/bin/env")
                wait.arguments = [
                    "curl", "-fsS", "--max-time", "20", "-o", "/dev/null",
                    "\(node.url)/v1/daemon?what=bmd&wait_version=\(version + 1)&timeout=15s",
                ]
                try wait.run()
                waits.append(wait)
            }
            #expect(try cluster.create("awaited", at: proxy).status == 200)
            for wait in waits {
                wait.waitUntilExit()
                #expect(wait.terminationStatus == 0)
            }
            let late = try cluster.curl(
                "'\(proxy)/v1/daemon?what=bmd&wait_version=\(version + 100)&timeout=200ms'")
            #expect(late.status == 504 && late.says("deadline_exceeded"), "\(late.body)")
        }
    }

    @Test func `the curl lines of the operations page work`() throws {
        let page = try String(
            contentsOf: URL(filePath: "\(Shell.root)/docs/operations.md"), encoding: .utf8)
        let section = try #require(page.components(separatedBy: "## Statistics and alerts").last)
        let lines = section.components(separatedBy: "\n## ")[0].split(separator: "\n")
            .filter { $0.hasPrefix("curl ") }
        #expect(lines.count >= 5)
        try SystemCluster.with { cluster in
            let (proxy, target) = (try cluster.node("p1").url, try cluster.node("t1").url)
            for line in lines {
                let command = line.replacingOccurrences(of: "http://127.0.0.1:8080", with: proxy)
                    .replacingOccurrences(of: "http://127.0.0.1:8083", with: target)
                    .replacingOccurrences(of: "curl -sS", with: "curl -fsS --max-time 20")
                let result = try Shell.run(command)
                #expect(result.status == 0 && !result.output.isEmpty, "\(line): \(result.output)")
            }
        }
    }

    // MARK: Documents

    private typealias Counters = [String: [String: Int]]

    private static func object(
        _ cluster: SystemCluster, _ url: String
    ) throws -> [String: Any] {
        let reply = try cluster.curl("'\(url)'")
        let json = try JSONSerialization.jsonObject(with: Data(reply.body.utf8))
        return try #require(json as? [String: Any], "\(reply.body)")
    }

    /// The counters of each target, as the cluster's document has them.
    private static func targets(_ cluster: SystemCluster, _ proxy: String) throws -> Counters {
        let document = try object(cluster, "\(proxy)/v1/cluster?what=stats")
        let targets = try #require(document["target"] as? [String: [String: Any]])
        return targets.compactMapValues { $0["core"] as? [String: Int] }
    }

    private static func proxies(_ cluster: SystemCluster, _ proxy: String) throws -> Counters {
        let document = try object(cluster, "\(proxy)/v1/cluster?what=stats")
        return try #require(document["proxies"] as? Counters)
    }

    private static func bucketVersion(_ cluster: SystemCluster, _ proxy: String) throws -> Int {
        let document = try object(cluster, "\(proxy)/v1/daemon?what=bmd")
        return try #require((document["version"] as? String).flatMap { Int($0) })
    }
}

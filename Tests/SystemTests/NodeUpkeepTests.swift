import Foundation
import TestSupport
import Testing

/// What later versions of AIStore ask of a node, with real processes: logs that are rotated, counters that begin anew.
@Suite(.serialized) struct NodeUpkeepTests {
    private static func order(
        _ action: String, _ rest: String = "", at node: SystemCluster.Node, query: String = "",
        _ cluster: SystemCluster
    ) throws -> SystemCluster.Reply {
        try cluster.curl(
            "-X PUT -d '{\"action\":\"\(action)\"\(rest)}' '\(node.url)/v1/daemon\(query)'")
    }

    @Test func `a node goes on in a new log file, and nothing that was logged is lost`() throws {
        try SystemCluster.with { cluster in
            for node in [try cluster.node("p1"), try cluster.node("t1")] {
                func text(_ suffix: String = "") throws -> String {
                    try String(contentsOfFile: node.log + suffix, encoding: .utf8)
                }
                // What it says when it starts, and not again.
                let begun = node.role == "proxy" ? "serving at" : "listens on"
                let before = try text()
                #expect(before.contains(begun))
                let rehearsal = try Self.order(
                    "rotate-logs", at: node, query: "?dry_run=true", cluster)
                #expect(rehearsal.says("becomes \(node.log).1"), "\(rehearsal)")
                #expect(try text().hasPrefix(before))
                #expect(!FileManager.default.fileExists(atPath: node.log + ".1"))
                let reply = try Self.order("rotate-logs", at: node, cluster)
                #expect(reply.status == 200 && reply.body.isEmpty, "\(reply)")
                #expect(try text(".1").hasPrefix(before))
                try waitUntil("lines go on in the new file") {
                    try text().contains("the log was rotated")
                }
                #expect(try !text().contains(begun))
                // What it says of itself is not what lies in the file.
                let log = try cluster.curl("'\(node.url)/v1/daemon?what=log'")
                #expect(log.says(begun) && log.says("the log was rotated"))
                let wrong = try Self.order("rotate-logs", ",\"value\":1", at: node, cluster)
                #expect(wrong.status == 400 && wrong.says("bad_value"), "\(wrong)")
                // Who starts it again appends to the file of that name.
                try cluster.must("kill \(node.id)")
                try cluster.must("restart \(node.id)")
                try cluster.waitUntilSettled()
                #expect(try text().contains("the log was rotated"))
                #expect(try text().contains(begun))
            }
        }
    }

    @Test func `all nodes go on in new log files, and one by way of a proxy`() throws {
        try SystemCluster.with(proxies: 2, targets: 1) { cluster in
            let nodes = try ["p1", "p2", "t1"].map { try cluster.node($0) }
            let proxy = nodes[1]
            func rotations() -> [Int] {
                nodes.map { node in
                    (1...5).count {
                        FileManager.default.fileExists(atPath: "\(node.log).\($0)")
                    }
                }
            }
            let order = "-X PUT -d '{\"action\":\"rotate-logs\"}'"
            let dry = try cluster.curl("\(order) '\(proxy.url)/v1/cluster?dry_run=true'")
            for node in nodes { #expect(dry.says("becomes \(node.log).1"), "\(dry)") }
            #expect(rotations() == [0, 0, 0])
            let all = try cluster.curl("\(order) '\(proxy.url)/v1/cluster'")
            #expect(all.status == 200 && all.body.isEmpty, "\(all)")
            #expect(rotations() == [1, 1, 1])
            let one = try cluster.curl(
                "\(order) -H 'Ais-Node-Id: t1' '\(proxy.url)/v1/reverse/daemon'")
            #expect(one.status == 200 && one.body.isEmpty, "\(one)")
            #expect(rotations() == [1, 1, 2])
            // One that is gone keeps no other from it.
            try cluster.must("kill t1")
            let partly = try cluster.curl("\(order) '\(proxy.url)/v1/cluster'")
            #expect(partly.status == 504 && partly.says("partly_done"), "\(partly)")
            #expect(partly.says(#""not_done":["t1"]"#), "\(partly)")
            #expect(rotations() == [2, 2, 2])
        }
    }

    @Test func `counters begin at 0 again, all of them or those of errors`() throws {
        try SystemCluster.with(proxies: 1, targets: 1) { cluster in
            let (proxy, target) = (try cluster.node("p1"), try cluster.node("t1"))
            #expect(try cluster.create("b", at: proxy.url).status == 200)
            func core() throws -> [String: Int] {
                let reply = try cluster.curl("'\(target.url)/v1/daemon?what=stats'")
                let json = try JSONSerialization.jsonObject(with: Data(reply.body.utf8))
                return (json as? [String: Any])?["core"] as? [String: Int] ?? [:]
            }
            func metric() throws -> Double? {
                try ParsedMetrics(try cluster.curl("'\(target.url)/metrics'").body)
                    .value("ais_target_get_n_total")
            }
            let url = "\(proxy.url)/v1/objects/b/o"
            #expect(try cluster.curl("-X PUT -d hello '\(url)'").status == 200)
            for _ in 1...3 { #expect(try cluster.curl("'\(url)'").status == 200) }
            #expect(try cluster.curl("'\(url)-none'").status == 404)
            try waitUntil("all is counted") {
                try core()["get.n"] == 3 && core()["err.get.n"] == 1
            }
            #expect(try metric() == 3)
            let rehearsal = try Self.order(
                "reset-stats", at: target, query: "?dry_run=true", cluster)
            #expect(rehearsal.says(#""dry_run":true"#), "\(rehearsal)")
            #expect(try core()["err.get.n"] == 1)
            #expect(
                try Self.order("reset-stats", ",\"value\":true", at: target, cluster).status == 200)
            #expect(try core()["err.get.n"] == nil && core()["err.n"] == nil)
            #expect(try core()["get.n"] == 3 && core()["get.ns"] ?? 0 > 0)
            let up = try core()["up.ns.time"] ?? 0
            #expect(try Self.order("reset-stats", at: target, cluster).status == 200)
            let after = try core()
            for name in ["get.n", "get.size", "put.n", "put.size", "err.get.n"] {
                #expect(after[name] == nil, "\(name)")
            }
            #expect(after["get.ns"] == 0 && after["get.bps"] == 0)
            #expect(after["up.ns.time"] ?? 0 > up)
            #expect(try metric() == 0)
            // From there on it counts, at once and past a sample.
            #expect(try cluster.curl("'\(url)'").status == 200)
            try waitUntil("it is counted") { try core()["get.n"] == 1 }
            #expect(try core()["get.size"] == 5 && (core()["get.ns"] ?? 0) > 0)
            let status = try cluster.curl("'\(target.url)/v1/daemon?what=status'")
            #expect(status.says(#""get.n":1,"#), "\(status)")
            let wrong = try Self.order("reset-stats", ",\"value\":\"some\"", at: target, cluster)
            #expect(wrong.status == 400 && wrong.says("bad_value"), "\(wrong)")
        }
    }
}

import Foundation
import TestSupport
import Testing

/// The configuration of real processes: set by curl, in effect everywhere, kept whatever dies.
@Suite(.serialized) struct ConfigTests {
    /// What a node says an option is: the text, number or bool behind its name.
    private func value(_ name: String, at node: SystemCluster.Node, _ cluster: SystemCluster)
        throws -> String
    {
        let reply = try cluster.curl("'\(node.url)/v1/daemon?what=config'")
        var json = try JSONSerialization.jsonObject(with: Data(reply.body.utf8))
        for key in name.split(separator: ".") {
            json = (json as? [String: Any])?[String(key)] ?? "none"
        }
        return "\(json)"
    }

    private func waitFor(
        _ name: String, _ wanted: String, at nodes: [SystemCluster.Node], _ cluster: SystemCluster
    ) throws {
        for node in nodes {
            try waitUntil("\(node.id) has \(name)=\(wanted)") {
                try value(name, at: node, cluster) == wanted
            }
        }
    }

    /// How many lines of statistics a node has logged.
    private func lines(of node: SystemCluster.Node) throws -> Int {
        try String(contentsOfFile: node.log, encoding: .utf8).components(
            separatedBy: "statistics: "
        )
        .count - 1
    }

    @Test func `a setting is in effect on all nodes at once, and outlives every one of them`()
        throws
    {
        try SystemCluster.with { cluster in
            let nodes = try cluster.nodes()
            let primary = try cluster.primary()
            let other = try #require(nodes.first { $0.role == "proxy" && $0.id != primary })
            let third = try #require(
                nodes.first { $0.role == "proxy" && ![primary, other.id].contains($0.id) })

            // Through a proxy that is not primary; when it answers, no node has to be asked twice.
            let set = try cluster.curl(
                "-X PUT '\(other.url)/v1/cluster/setconfig?stats_time=300ms&list_timeout=17s'")
            #expect(set.status == 200 && set.body.isEmpty, "\(set.body)")
            for node in nodes {
                #expect(
                    try value("periodic.stats_time", at: node, cluster) == "300ms", "\(node.id)")
            }
            // It is in effect: every node logs its statistics now, whenever something has happened.
            for round in 1...2 {
                let before = try nodes.map { try lines(of: $0) }
                #expect(try cluster.create("b\(round)", at: third.url).status == 200)
                for (node, count) in zip(nodes, before) {
                    try waitUntil("\(node.id) logs its statistics") {
                        try lines(of: node) > count
                    }
                }
            }

            // A node's own, at the node and through a proxy; one is set while its node is down and loses its disk.
            let t1 = try cluster.node("t1")
            let own = try cluster.curl(
                "-X PUT -d '{\"action\":\"setconfig\",\"name\":\"loglevel\",\"value\":\"4\"}' "
                    + "'\(t1.url)/v1/daemon'")
            #expect(own.status == 200 && own.body.isEmpty, "\(own.body)")
            try cluster.must("kill t2")
            let away = try cluster.curl(
                "-X PUT '\(other.url)/v1/cluster/setconfig?loglevel=1&node=t2'")
            #expect(away.status == 200, "\(away.body)")
            try FileManager.default.removeItem(atPath: "\(cluster.directory)/t2")
            try cluster.must("restart t2")
            let t2 = try cluster.node("t2")
            try waitFor("log.level", "1", at: [t2], cluster)
            try waitFor("log.level", "4", at: [t1], cluster)

            // What is wrong is refused whoever is asked, and nothing is changed by it.
            for node in [other, third, t1] {
                for query in [
                    "stats_time=1s&nonsense=1", "stats_time=1s&client_timeout=1s", "stats_time=1",
                    "stats_time=1s&confdir=/tmp",
                ] {
                    let path = node.role == "proxy" ? "cluster" : "daemon"
                    let bad = try cluster.curl("-X PUT '\(node.url)/v1/\(path)/setconfig?\(query)'")
                    #expect(bad.status == 400, "\(query): \(bad.body)")
                }
            }

            for node in nodes { try cluster.must("kill \(node.id)") }
            try cluster.start()
            try cluster.waitUntilSettled()
            let again = try cluster.nodes()
            try waitFor("periodic.stats_time", "300ms", at: again, cluster)
            try waitFor("client.list_timeout", "17s", at: again, cluster)
            try waitFor("log.level", "1", at: again.filter { $0.id == "t2" }, cluster)
            try waitFor("log.level", "3", at: again.filter { $0.role == "proxy" }, cluster)

            let reset = try cluster.curl(
                "-X PUT -d '{\"action\":\"reset-config\"}' '\(third.url)/v1/cluster'")
            #expect(reset.status == 200, "\(reset.body)")
            for node in again {
                #expect(try value("periodic.stats_time", at: node, cluster) == "10s", "\(node.id)")
                #expect(try value("log.level", at: node, cluster) == "3", "\(node.id)")
            }
        }
    }

    /// Killed in the middle of changes, the cluster has what was acknowledged, and all nodes have the same.
    @Test func `a primary killed between changes takes none of the acknowledged ones along`() throws
    {
        try SystemCluster.with { cluster in
            let proxies = try cluster.nodes("proxy")
            var last = 0
            for round in 1...6 {
                let asked = proxies[round % 3]
                let primary = try cluster.primary()
                if round.isMultiple(of: 2) { try cluster.must("kill \(primary)") }
                for number in 1...3 {
                    let value = round * 10 + number
                    let url = asked.id == primary ? proxies[(round + 1) % 3].url : asked.url
                    try waitUntil("a change is made") {
                        let reply = try cluster.curl(
                            "-X PUT '\(url)/v1/cluster/setconfig?stats_time=\(value)s'")
                        // One that is in doubt is made again: the same value, whatever became of the first.
                        return reply.status == 200
                    }
                    last = value
                }
                if round.isMultiple(of: 2) { try cluster.must("restart \(primary)") }
                try cluster.waitUntilSettled()
            }
            try waitFor("periodic.stats_time", "\(last)s", at: try cluster.nodes(), cluster)
        }
    }
}

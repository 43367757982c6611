import Foundation
import TestSupport
import Testing

/// Nodes that are to end by the cluster's route, when something comes between the request and them.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct EndingFaultTests {
    private static let wish = ProcessInfo.processInfo.environment["MARTLET_MATRIX"] ?? ""

    private static func request(
        _ action: String, _ node: String, at url: String, more: String = ""
    ) -> String {
        "-X PUT -d '{\"action\":\"\(action)\",\"value\":{\"sid\":\"\(node)\",\"skip_rebalance\":true\(more)}}' "
            + "\(url)/v1/cluster"
    }

    private static func isListed(
        _ node: String, at proxy: String, _ cluster: LabCluster
    ) throws -> Bool {
        let map = try cluster.curl("'\(cluster.url(proxy))/v1/daemon?what=smap'")
        guard map.status == 200 else { throw FaultMatrix.Broken(description: "\(map)") }
        return map.body.contains("\"\(node)\":")
    }

    /// Three vote; p4 passes requests on, and p5 is one that can be ended.
    private static func with(_ body: (LabCluster) throws -> Void) throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 5, targets: 2,
            prepare: { cluster in
                for proxy in ["p4", "p5"] { cluster.flags[proxy] = "--non-electable" }
            }, body)
    }

    /// The node has the request in its socket while its primary dies, and the client is told that nothing will come of it.
    @Test func `a node that wakes up after its end was given up goes on`() throws {
        try Self.with { cluster in
            let rows = [("p5", ""), ("t2", ",\"force\":true"), ("t2", "")]
            for (number, row) in rows.prefix(Self.wish.isEmpty ? 2 : 3).enumerated() {
                let (node, more) = row
                let label = "\(node)\(more)"
                try cluster.waitUntilSettled(within: 60)
                let primary = try cluster.primary()
                let others = ["p1", "p2", "p3"].filter { $0 != primary }
                let id = "end-\(number)"
                let call = try Call(
                    cluster,
                    Self.request("shutdown-node", node, at: cluster.url("p4"), more: more),
                    id: id)
                try cluster.signal(node, SIGSTOP)
                try call.send()
                // To a proxy, the primary has a stream as well.
                let count = node.hasPrefix("p") ? 2 : 1
                try waitUntil("\(label): it lies there") {
                    try cluster.lab.unreadConnections(
                        on: node, from: cluster.lab.address(primary)) >= count
                }
                try cluster.signal(primary, SIGKILL)
                let answer = try call.answer()
                #expect(answer.kind == .unknown, "\(label): \(answer)")
                let since = try #require(answer.since, "\(label): \(answer)")
                let fate = try HandOverFaultTests.fate(of: id, since: since, at: others, cluster)
                #expect(fate == "not_applied", "\(label)")
                let log = try cluster.logText(node).utf8.count
                try cluster.signal(node, SIGCONT)
                try waitUntil("\(label) has read it", within: 30) {
                    try !cluster.isRunning(node)
                        || cluster.logText(node).dropFirst(log).contains("goes on, although")
                }
                #expect(cluster.isRunning(node), "\(label) has ended")
                #expect(try Self.isListed(node, at: others[0], cluster), "\(label)")
                let now = try HandOverFaultTests.fate(of: id, since: since, at: others, cluster)
                #expect(now == fate, "\(label)")
                try cluster.start(primary)
                if !cluster.isRunning(node) { try cluster.start(node) }
            }
        }
    }

    /// The entry is in the log, and the answer dies with the primary, which waits for a target that is frozen.
    @Test func `a proxy that has left the map, and was not told so, finds out and ends`() throws {
        try Self.with { cluster in
            let primary = try cluster.primary()
            let other = primary == "p1" ? "p2" : "p1"
            let patient = try cluster.curl(
                "-X PUT '\(cluster.url(other))/v1/cluster/setconfig?client_timeout=40s"
                    + "&timeout.cplane_operation=20s'")
            #expect(patient.status == 200, "\(patient)")
            try cluster.signal("t1", SIGSTOP)
            let call = try Call(
                cluster, "-X PUT -d '{\"action\":\"shutdown\"}' \(cluster.url("p5"))/v1/daemon",
                id: "leaving", seconds: 30)
            try call.send()
            try waitUntil("p5 is off the map") {
                try !Self.isListed("p5", at: other, cluster)
            }
            #expect(!call.isAnswered)
            try cluster.signal(primary, SIGKILL)
            let answer = try call.answer()
            try cluster.signal("t1", SIGCONT)
            #expect(answer.kind == .done, "\(answer)")
            #expect(try cluster.exitStatus("p5") == 0)
            #expect(try cluster.logText("p5").contains("by a request whose answer was lost"))
            let history = try cluster.curl(
                "'\(cluster.url(other))/v1/cluster?what=history&request_id=leaving'"
            ).body
            #expect(history.contains("\"outcome\":\"applied\""), "\(history)")
        }
    }

    /// By whatever way, the primary hands over first, and the next one ends it.
    @Test func `a primary that is ended by the cluster's route has left, and others go on`() throws
    {
        try Self.with { cluster in
            for (number, way) in ["p4", "itself"].enumerated() {
                try cluster.waitUntilSettled(within: 60)
                let primary = try cluster.primary()
                let entry = way == "itself" ? primary : way
                let call = try Call(
                    cluster, Self.request("shutdown-node", primary, at: cluster.url(entry)),
                    id: "lead-\(number)")
                try call.send()
                let answer = try call.answer()
                #expect(answer.kind == .done, "\(way): \(answer)")
                #expect(try cluster.exitStatus(primary) == 0, "\(way)")
                #expect(try !Self.isListed(primary, at: "p4", cluster), "\(way)")
                let created = try cluster.create("after-\(number)", at: "p4")
                #expect(created.status == 200, "\(way): \(created)")
                let history = try cluster.curl(
                    "'\(cluster.url("p4"))/v1/cluster?what=history&request_id=lead-\(number)'"
                ).body
                #expect(history.contains("\"outcome\":\"applied\""), "\(way): \(history)")
                try cluster.start(primary)
            }
        }
    }

    @Test func `an end that is asked for at two nodes at once, and again, is made once`() throws {
        try Self.with { cluster in
            for (number, action) in ["shutdown-node", "decommission-node"].enumerated() {
                for isSame in Self.wish.isEmpty ? [number == 0] : [true, false] {
                    try cluster.waitUntilSettled(within: 60)
                    let calls = try ["p1", "p2"].map { entry in
                        try Call(
                            cluster, Self.request(action, "t2", at: cluster.url(entry)),
                            id: "two-\(number)-\(isSame)-\(isSame ? "" : entry)")
                    }
                    for call in calls { try call.send() }
                    let answers = try calls.map { try $0.answer() }
                    let label = "\(action), \(isSame ? "one id" : "two ids"): \(answers)"
                    #expect(answers.contains { $0.kind == .done }, "\(label)")
                    for answer in answers {
                        #expect([.done, .refused].contains(answer.kind), "\(label)")
                    }
                    #expect(try cluster.exitStatus("t2") == 0, "\(label)")
                    #expect(try !Self.isListed("t2", at: "p3", cluster), "\(label)")
                    let again = try Call(
                        cluster, Self.request(action, "t2", at: cluster.url("p3")),
                        id: "two-\(number)-\(isSame)-again")
                    try again.send()
                    let answer = try again.answer()
                    #expect([.done, .refused].contains(answer.kind), "again, \(action): \(answer)")
                    let history = try cluster.curl(
                        "'\(cluster.url("p3"))/v1/cluster?what=history&of=smap&limit=2'"
                    ).body
                    let removals = history.components(separatedBy: "\"command\":\"remove_node\"")
                    #expect(removals.count == 2, "\(label): \(history)")
                    try cluster.start("t2")
                }
            }
        }
    }
}

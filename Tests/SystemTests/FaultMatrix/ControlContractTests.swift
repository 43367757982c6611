import Foundation
import TestSupport
import Testing

/// Requests of the control plane that are sent to a node that cannot serve them, or about what is not there; and settings that
/// would break the cluster. Each has one of the answers that docs/operations.md promises.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct ControlContractTests {
    /// Nodes t1 and t2, and t3, which is put on the map and taken off.
    private static func with(_ body: (LabCluster) throws -> Void) throws {
        try LabCluster.with(proxies: 3, targets: 3, body)
    }

    private static func versions(_ cluster: LabCluster, at node: String) throws -> String {
        let reply = try cluster.curl(
            "'\(cluster.url(node))/v1/cluster?what=history&limit=1'", seconds: 10)
        guard reply.status == 200 else { throw FaultMatrix.Broken(description: "\(reply)") }
        return reply.body
    }

    // MARK: To the wrong node, or about nothing

    @Test func `what is not there, or not here, is refused by name, and changes nothing`() throws {
        try Self.with { cluster in
            let primary = try cluster.primary()
            let other = try #require(cluster.proxies.first { $0 != primary })
            let nobody = "\"sid\":\"nobody\",\"skip_rebalance\":true"
            let rows: [(node: String, words: String, path: String, code: String)] = [
                (other, "-X DELETE", "/v1/cluster/daemon/nobody", "node_not_found"),
                (other, "-X DELETE", "/v1/cluster/daemon/\(primary)", "is_primary"),
                (other, "-X PUT", "/v1/cluster/proxy/nobody", "bad_node"),
                (other, "-X PUT", "/v1/cluster/proxy/t1", "bad_node"),
                (other, "-X PUT", "/v1/daemon/proxy/\(other)", "bad_request"),
                (
                    other, Call.action("startmaintenance", "{\(nobody)}"), "/v1/cluster",
                    "node_not_found"
                ),
                (
                    other, Call.action("stopmaintenance", "{\(nobody)}"), "/v1/cluster",
                    "node_not_found"
                ),
                (
                    other, Call.action("decommission", "{\(nobody)}"), "/v1/cluster",
                    "node_not_found"
                ),
                (
                    other, Call.action("shutdown-node", "{\"sid\":\"nobody\"}"), "/v1/cluster",
                    "node_not_found"
                ),
                (
                    other, Call.action("shutdown-node", "{\"sids\":[\"t3\",\"nobody\"]}"),
                    "/v1/cluster", "node_not_found"
                ),
                (
                    other, Call.action("start", "{\"kind\":\"nothing\"}"), "/v1/cluster",
                    "bad_value"
                ),
                (
                    other, "-X PUT", "/v1/cluster/setconfig?stats_time=1s&node=nobody",
                    "node_not_found"
                ),
                (other, "-X PUT", "/v1/cluster/setconfig?no_such=1", "unknown_option"),
                (other, "-X PUT", "/v1/cluster/reset-config?no_such", "unknown_option"),
                (
                    other, "-X PUT", "/v1/cluster/setconfig?loglevel=4&transient=true&node=nobody",
                    "node_not_found"
                ),
                (
                    other, "-X DELETE -d '{\"action\":\"destroylb\"}'", "/v1/buckets/nothing",
                    "bucket_not_found"
                ),
                (
                    other,
                    "-X POST -d '{\"daemon_type\":\"target\",\"node_ip_addr\":\"\(cluster.lab.address("c"))\","
                        + "\"daemon_port\":\"9\",\"daemon_id\":\"t9\"}'", "/v1/cluster/register",
                    "address_unreachable"
                ),
                (
                    other,
                    "-X POST -d '{\"daemon_type\":\"target\",\"node_ip_addr\":\"\(cluster.lab.address("t1"))\","
                        + "\"daemon_port\":\"8080\",\"daemon_id\":\"t9\"}'", "/v1/cluster/register",
                    "address_unreachable"
                ),
                // Sent to a target, which has none of it.
                ("t1", "-X PUT", "/v1/cluster/proxy/\(other)", "unknown_resource"),
                ("t1", "-X PUT", "/v1/cluster/setconfig?stats_time=1s", "unknown_resource"),
                ("t1", "-X DELETE", "/v1/cluster/daemon/t3", "unknown_resource"),
                (
                    "t1", Call.action("start", "{\"kind\":\"rebalance\"}"), "/v1/cluster",
                    "unknown_resource"
                ),
                (
                    "t1", "-X POST -d '{\"action\":\"createlb\"}'", "/v1/buckets/b",
                    "not_redirected"
                ),
                ("t1", "-X PUT", "/v1/daemon/setconfig?stats_time=1s&node=t2", "bad_query"),
                (
                    "t1", "-X POST -d '{\"action\":\"disable\",\"value\":\"/no/such\"}'",
                    "/v1/daemon/mountpaths", "mountpath_not_found"
                ),
                (
                    other, "-X POST -d '{\"action\":\"disable\",\"value\":\"/no/such\"}'",
                    "/v1/daemon/mountpaths", "unknown_resource"
                ),
            ]
            let before = try Self.versions(cluster, at: other)
            for (number, row) in rows.enumerated() {
                let call = try Call(
                    cluster, "\(row.words) '\(cluster.url(row.node))\(row.path)'",
                    id: "nothing-\(number)")
                try call.send()
                let answer = try call.answer()
                #expect(answer.kind == .refused && answer.code == row.code, "\(row): \(answer)")
                #expect(answer.status < 500 || row.code == "not_implemented", "\(row): \(answer)")
            }
            #expect(try Self.versions(cluster, at: other) == before)
        }
    }

    @Test func `a proxy that is cut off from all others refuses, in time and for good`() throws {
        try Self.with { cluster in
            let primary = try cluster.primary()
            let alone = try #require(cluster.proxies.last { $0 != primary })
            let rest = (cluster.proxies + cluster.targets).filter { $0 != alone }
            try cluster.lab.separate([alone], from: rest)
            try waitUntil("it has noticed", within: 20) {
                try cluster.create("early", at: alone, seconds: 8).code == "no_quorum"
            }
            let url = cluster.url(alone)
            let words = [
                "-X POST -d '{\"action\":\"createlb\"}' \(url)/v1/buckets/cut",
                "-X DELETE \(url)/v1/cluster/daemon/t3", "-X PUT \(url)/v1/cluster/proxy/\(alone)",
                "-X PUT '\(url)/v1/cluster/setconfig?stats_time=44s'",
                "-X PUT '\(url)/v1/daemon/setconfig?stats_time=44s'",
                "\(Call.action("start", #"{"kind":"rebalance"}"#)) \(url)/v1/cluster",
                "\(Call.action("startmaintenance", #"{"sid":"t3","skip_rebalance":true}"#)) \(url)/v1/cluster",
                "\(Call.action("shutdown")) \(url)/v1/daemon",
                "\(Call.action("shutdown")) \(url)/v1/cluster",
            ]
            for (number, words) in words.enumerated() {
                let call = try Call(cluster, words, id: "cut-\(number)")
                let begun = ContinuousClock.now
                try call.send()
                let answer = try call.answer()
                #expect(answer.kind == .refused, "\(words): \(answer)")
                #expect(LabCluster.seconds(since: begun) < 15, "\(words): \(answer)")
                // Nor does it help to look: only the others know, and nothing has gone there.
                #expect(
                    ["no_quorum", "no_primary"].contains(answer.code),
                    "\(answer)")
            }
            try cluster.lab.heal()
            try cluster.waitUntilSettled()
            for number in words.indices { #expect(try Call.made("cut-\(number)", cluster) == 0) }
            #expect(cluster.isRunning(alone))
            #expect(try !cluster.buckets(at: alone).contains("cut"))
        }
    }

    // MARK: What a target does by itself

    @Test func `disks of targets come and go whatever becomes of the primary`() throws {
        try Self.with { cluster in
            let path = "\(cluster.directory)/t1-mp2"
            let extra = "\(cluster.directory)/t1-extra"
            try FileManager.default.createDirectory(
                atPath: extra, withIntermediateDirectories: true)
            let steps: [(words: String, fault: Cell.Fault, value: String, isTaking: Bool)] = [
                ("disable", .killed, path, false), ("enable", .paused, path, true),
                ("add", .partitioned, extra, true), ("remove", .killed, extra, false),
            ]
            for step in steps {
                try cluster.waitUntilSettled(within: 60)
                let primary = try cluster.primary()
                switch step.fault {
                case .killed: try cluster.signal(primary, SIGKILL)
                case .paused: try cluster.signal(primary, SIGSTOP)
                case .partitioned:
                    try cluster.lab.separate(
                        [primary],
                        from: (cluster.proxies + cluster.targets).filter { $0 != primary })
                }
                let call = try Call(
                    cluster,
                    "-X POST -d '{\"action\":\"\(step.words)\",\"value\":\"\(step.value)\"}' "
                        + "\(cluster.url("t1"))/v1/daemon/mountpaths", id: "disk-\(step.words)")
                try call.send()
                let answer = try call.answer()
                #expect(answer.kind == .done, "\(step): \(answer)")
                struct Mountpaths: Decodable { let available: [String] }
                let there = try cluster.curl("'\(cluster.url("t1"))/v1/daemon?what=mountpaths'")
                    .body
                let paths = try JSONDecoder().decode(Mountpaths.self, from: Data(there.utf8))
                    .available
                #expect(paths.contains(step.value) == step.isTaking, "\(step): \(there)")
                switch step.fault {
                case .killed: try cluster.start(primary)
                case .paused: try cluster.signal(primary, SIGCONT)
                case .partitioned: try cluster.lab.heal()
                }
                try cluster.waitUntilSettled(within: 60)
                for proxy in cluster.proxies {
                    // The target says it until it is written down.
                    try waitUntil("\(proxy) has heard of \(step)", within: 30) {
                        let events = try cluster.curl(
                            "'\(cluster.url(proxy))/v1/cluster?what=mountpath_events'"
                        ).body
                        return events.contains(step.value)
                    }
                }
            }
        }
    }

    // MARK: Settings

    @Test func `settings that would break the cluster are refused before they are committed`()
        throws
    {
        try Self.with { cluster in
            let other = cluster.proxies[1]
            let rows: [(query: String, code: String)] = [
                // Elections and heartbeats are no options: no value of them can keep a primary from being elected.
                ("keepalivetracker.proxy.interval=10s", "option_refused"),
                ("keepalivetracker.proxy.factor=0", "option_refused"),
                ("timeout.startup_time=0s", "option_refused"),
                ("proxy.primary_url=http://x", "option_refused"),
                ("proxy.non_electable=true", "option_refused"),
                // Limits of nothing, and of too much.
                ("timeout.cplane_operation=0s", "bad_value"),
                ("timeout.cplane_operation=1h", "bad_value"),
                ("timeout.max_keepalive=0s", "bad_value"),
                ("client.client_timeout=0s", "bad_value"),
                ("client.list_timeout=0s", "bad_value"), ("periodic.stats_time=0s", "bad_value"),
                ("keepalivetracker.target.interval=0s", "bad_value"),
                ("keepalivetracker.target.factor=0", "bad_value"),
                ("fshc.test_files=0", "bad_value"), ("fshc.error_limit=0", "bad_value"),
                // What contradicts what is set, here or at another node.
                ("client.client_timeout=7s", "bad_value"),
                ("timeout.cplane_operation=5s", "bad_value"),
                ("timeout.cplane_operation=9s&client.client_timeout=15s&node=t1", "bad_value"),
                ("client.client_timeout=7s&node=p1", "bad_value"),
                ("keepalivetracker.target.interval=10s", "bad_value"),
                ("fshc.test_files=1", "bad_value"), ("lru.lowwm=0", "option_refused"),
                ("client.list_timeout=1s", "bad_value"),
                // One that is good does not carry one that is not.
                ("stats_time=12s&fshc.error_limit=100", "bad_value"),
            ]
            let before = try Self.versions(cluster, at: other)
            for (number, row) in rows.enumerated() {
                for kind in ["", "&transient=true"] {
                    if row.query.contains("node=") && !kind.isEmpty { continue }
                    let call = try Call(
                        cluster,
                        "-X PUT '\(cluster.url(other))/v1/cluster/setconfig?\(row.query)\(kind)'",
                        id: "bad-\(number)\(kind.isEmpty ? "" : "-t")")
                    try call.send()
                    let answer = try call.answer()
                    #expect(
                        answer.kind == .refused && answer.status == 400, "\(row)\(kind): \(answer)")
                    if kind.isEmpty { #expect(answer.code == row.code, "\(row): \(answer)") }
                }
            }
            #expect(try Self.versions(cluster, at: other) == before)
            // A target that does not answer has a transient setting refused everywhere.
            try cluster.signal("t2", SIGSTOP)
            let spread = try Call(
                cluster,
                "-X PUT '\(cluster.url(other))/v1/cluster/setconfig?loglevel=4&transient=true'",
                id: "spread")
            try spread.send()
            let answer = try spread.answer()
            try cluster.signal("t2", SIGCONT)
            #expect(answer.kind == .refused && answer.code == "target_unreachable", "\(answer)")
            for node in ["p1", "p2", "t1", "t2"] {
                struct Config: Decodable {
                    struct Log: Decodable { let level: String }
                    let log: Log
                }
                let reply = try cluster.curl("'\(cluster.url(node))/v1/daemon?what=config'")
                let config = try JSONDecoder().decode(Config.self, from: Data(reply.body.utf8))
                #expect(config.log.level == "3", "\(node)")
            }
        }
    }
}

import Foundation
import TestSupport
import Testing

/// Requests of the control plane that are repeated, or sent to two nodes at once.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct RepeatedRequestTests {
    private static func registration(_ cluster: LabCluster) -> String {
        "-X POST -d '{\"daemon_type\":\"target\",\"node_ip_addr\":\"\(cluster.lab.address("t3"))\","
            + "\"daemon_port\":\"8080\",\"daemon_id\":\"t3\"}'"
    }

    /// What one request does, and what its copies are told.
    private struct Repeated: Sendable {
        let name: String
        let words: @Sendable (LabCluster, String) -> String
        /// How often it may have been made.
        let made: ClosedRange<Int>
        /// What a copy that came second is told; empty: 200.
        let echo: String
    }

    private static let repeated = [
        Repeated(
            name: "create",
            words: { "-X POST -d '{\"action\":\"createlb\"}' \($0.url($1))/v1/buckets/twice" },
            made: 1...1, echo: "bucket_exists"),
        Repeated(
            name: "set", words: { "-X PUT '\($0.url($1))/v1/cluster/setconfig?stats_time=33s'" },
            made: 1...1, echo: ""),
        Repeated(
            name: "reset", words: { "-X PUT '\($0.url($1))/v1/cluster/reset-config?stats_time'" },
            made: 1...1, echo: ""),
        Repeated(
            name: "transient",
            words: {
                "-X PUT '\($0.url($1))/v1/cluster/setconfig?loglevel=4&transient=true'"
            }, made: 0...0, echo: ""),
        Repeated(
            name: "start-maintenance",
            words: {
                "\(Call.action("startmaintenance", #"{"sid":"t3","skip_rebalance":true}"#)) "
                    + "\($0.url($1))/v1/cluster"
            }, made: 1...1, echo: "bad_node"),
        Repeated(
            name: "stop-maintenance",
            words: {
                "\(Call.action("stopmaintenance", #"{"sid":"t3","skip_rebalance":true}"#)) "
                    + "\($0.url($1))/v1/cluster"
            }, made: 1...1, echo: "bad_node"),
        Repeated(
            name: "start-maintenance-of-several",
            words: {
                "\(Call.action("start-maintenance", #"{"sids":["t2","t3"],"skip_rebalance":true}"#)) "
                    + "\($0.url($1))/v1/cluster"
            }, made: 1...1, echo: "bad_node"),
        Repeated(
            name: "stop-maintenance-of-several",
            words: {
                "\(Call.action("stop-maintenance", #"{"sids":["t2","t3"],"skip_rebalance":true}"#)) "
                    + "\($0.url($1))/v1/cluster"
            }, made: 1...1, echo: "bad_node"),
        Repeated(
            name: "rebalance",
            words: { "\(Call.action("start", #"{"kind":"rebalance"}"#)) \($0.url($1))/v1/cluster" },
            made: 3...3, echo: ""),
        Repeated(
            name: "stop",
            words: { "\(Call.action("stop", #"{"kind":"rebalance"}"#)) \($0.url($1))/v1/cluster" },
            made: 1...1, echo: ""),
        Repeated(
            name: "unregister", words: { "-X DELETE \($0.url($1))/v1/cluster/daemon/t3" },
            made: 1...1, echo: "node_not_found"),
        Repeated(
            name: "register",
            words: { "\(registration($0)) \($0.url($1))/v1/cluster/register" }, made: 1...2,
            echo: ""),
        Repeated(
            name: "destroy",
            words: { "-X DELETE -d '{\"action\":\"destroylb\"}' \($0.url($1))/v1/buckets/twice" },
            made: 1...1, echo: "bucket_not_found"),
    ]

    @Test
    func `a request that is sent to two nodes at once, and again, is made as often as it says`()
        throws
    {
        try LabCluster.with(proxies: 3, targets: 3) { cluster in
            for row in Self.repeated {
                let id = "twice-\(row.name)"
                // A target passes registrations on; the others are a proxy's.
                let second = row.name == "register" ? "t3" : "p2"
                let first = try Call.atOnce(
                    cluster, ["p1", second].map { row.words(cluster, $0) }, id: id)
                let again = try Call.atOnce(cluster, [row.words(cluster, "p3")], id: id)
                let done = (first + again).filter { $0.kind == .done }
                let refused = (first + again).filter { $0.kind == .refused }
                #expect(done.count + refused.count == 3, "\(row.name): \(first) \(again)")
                if row.echo.isEmpty {
                    #expect(refused.isEmpty, "\(row.name): \(first) \(again)")
                } else {
                    #expect(done.count == 1, "\(row.name): \(first) \(again)")
                    for answer in refused {
                        #expect(answer.code == row.echo, "\(row.name): \(answer)")
                    }
                }
                let made = try Call.made(id, cluster)
                #expect(row.made.contains(made), "\(row.name): made \(made) times")
            }
            // Two operators who want different things.
            for round in 1...4 {
                let wanted = ["p1", "p2", "p3"].shuffled().prefix(2)
                let answers = try Call.atOnce(
                    cluster,
                    wanted.map {
                        "-X PUT \(cluster.url("p\(round % 3 + 1)"))/v1/cluster/proxy/\($0)"
                    },
                    id: "primary-\(round)")
                for answer in answers {
                    #expect([.done, .refused].contains(answer.kind), "\(answer)")
                }
                try cluster.waitUntilSettled()
                #expect(try cluster.primary() != "")
            }
        }
    }
}

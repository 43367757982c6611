import Foundation
import TestSupport
import Testing

/// Settings for the present run while nodes are struck that have to take them: all have them, none has, or the answer says who
/// may not.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct TransientFaultTests {
    private static let wish = ProcessInfo.processInfo.environment["MARTLET_MATRIX"] ?? ""

    /// Who is struck, and when: before anybody is asked, or when all but t1 have said that they would.
    private struct Blow: CustomStringConvertible {
        enum Victim: String, CaseIterable {
            case primary, entry, target
        }
        enum Moment: String, CaseIterable {
            case before, between
        }

        let victim: Victim
        let moment: Moment
        let fault: Cell.Fault

        var description: String { "\(victim) \(fault) \(moment)" }

        static let all = Victim.allCases.flatMap { victim in
            Moment.allCases.flatMap { moment in
                Cell.Fault.allCases.map { Blow(victim: victim, moment: moment, fault: $0) }
            }
        }.filter { $0.victim != .entry || $0.moment == .between }

        /// Each victim and each fault, where it matters most.
        static let usual = [
            Blow(victim: .primary, moment: .between, fault: .paused),
            Blow(victim: .target, moment: .between, fault: .partitioned),
            Blow(victim: .entry, moment: .between, fault: .killed),
        ]
    }

    private static func level(_ node: String, _ cluster: LabCluster) throws -> String {
        struct Config: Decodable {
            struct Log: Decodable { let level: String }
            let log: Log
        }
        let reply = try cluster.curl("'\(cluster.url(node))/v1/daemon?what=config'", seconds: 5)
        return try JSONDecoder().decode(Config.self, from: Data(reply.body.utf8)).log.level
    }

    private static func recover(_ node: String, _ fault: Cell.Fault, _ cluster: LabCluster) throws {
        try cluster.mend(node, fault)
        try cluster.waitUntilSettled(within: 60)
    }

    private static func reset(_ cluster: LabCluster) throws -> LabCluster.Reply {
        try cluster.curl(
            "-X PUT '\(cluster.url("p1"))/v1/cluster/reset-config?loglevel&transient=true'")
    }

    @Test func `a setting for this run is everywhere, nowhere, or where the answer does not say`()
        throws
    {
        try LabCluster.with(proxies: 3, targets: 2) { cluster in
            var isDoubted = 0
            for (number, blow) in (Self.wish.isEmpty ? Blow.usual : Blow.all).enumerated() {
                try cluster.waitUntilSettled(within: 60)
                let primary = try cluster.primary()
                let entry = try #require(cluster.proxies.first { $0 != primary })
                let victim =
                    switch blow.victim {
                    case .primary: primary
                    case .entry: entry
                    case .target: "t2"
                    }
                let call = try Call(
                    cluster,
                    "-X PUT '\(cluster.url(entry))/v1/cluster/setconfig?loglevel=4&transient=true'",
                    id: "run-\(number)")
                switch blow.moment {
                case .before:
                    try cluster.strike(victim, blow.fault)
                    try call.send()
                case .between:
                    try cluster.signal("t1", SIGSTOP)
                    try call.send()
                    try waitUntil("\(blow): t1 is asked") {
                        try cluster.lab.unread(on: "t1", from: cluster.lab.address(entry)) > 0
                    }
                    // Whoever is asked along with it has said yes within milliseconds; if not, that is a refusal.
                    _ = try cluster.curl("\(cluster.url(victim))/v1/health", seconds: 2)
                    try cluster.strike(victim, blow.fault)
                    try cluster.signal("t1", SIGCONT)
                }
                // One that is frozen goes on where it was, later.
                if blow.victim == .entry, blow.fault != .killed {
                    try waitUntil("\(blow): t1 has answered") {
                        try cluster.lab.unread(on: "t1", from: cluster.lab.address(entry)) == 0
                    }
                    try Self.recover(victim, blow.fault, cluster)
                }
                let answer = try call.answer()
                let rest = (cluster.proxies + cluster.targets).filter { $0 != victim }
                let there = try rest.filter { try Self.level($0, cluster) == "4" }
                switch answer.kind {
                case .done:
                    #expect(there == rest, "\(blow): \(there); \(answer)")
                    #expect(blow.victim == .entry, "\(blow): \(answer)")
                case .refused:
                    #expect(there.isEmpty, "\(blow): \(there); \(answer)")
                    #expect(
                        blow.victim == .entry || answer.body.contains(victim),
                        "\(blow): nobody is told of \(victim): \(answer)")
                case .unknown:
                    isDoubted += 1
                    #expect(blow.victim == .entry || there == rest, "\(blow): \(there); \(answer)")
                    #expect(
                        blow.victim == .entry
                            || answer.body.contains("\"message\":\"\(victim) of 5 nodes"),
                        "\(blow): \(answer)")
                case .none:
                    // It had asked, and told nobody to do it.
                    #expect(blow.victim == .entry && there.isEmpty, "\(blow): \(there); \(answer)")
                case .partly, .other: Issue.record("\(blow): \(answer)")
                }
                if blow.fault == .partitioned, blow.victim != .entry {
                    try cluster.lab.heal()
                } else {
                    if blow.victim != .entry || blow.fault == .killed {
                        try Self.recover(victim, blow.fault, cluster)
                    }
                    // What was refused does not come later, and who begins anew has begun anew.
                    let late = try Self.level(victim, cluster)
                    if answer.kind == .refused || blow.fault == .killed {
                        #expect(late == "3", "\(blow): \(victim) has \(late); \(answer)")
                    }
                }
                print("transient: \(blow): \(answer.kind), at \(there)")
                try waitUntil("\(blow): it is taken back", within: 30) {
                    try Self.reset(cluster).status == 200
                }
                // Where the link was cut, TCP has it still, and sends it again: behind what was said since.
                if cluster.isRunning(entry) {
                    try waitUntil("\(blow): nothing is under way") {
                        try cluster.lab.unsent(on: entry, to: cluster.lab.address(victim)) == 0
                    }
                }
                try cluster.waitUntilSettled(within: 60)
                #expect(
                    try Self.level(victim, cluster) == "3", "\(blow): \(victim), after the reset")
            }
            #expect(isDoubted > 0, "no blow has come between asking and telling")
        }
    }

    /// A setting of one node needs that node, and no primary.
    @Test func `a setting of one node is made there whatever becomes of the primary, or refused`()
        throws
    {
        try LabCluster.with(proxies: 3, targets: 2) { cluster in
            let primary = try cluster.primary()
            let entry = try #require(cluster.proxies.first { $0 != primary })
            func words(_ node: String) -> String {
                "-X PUT '\(cluster.url(entry))/v1/cluster/setconfig?loglevel=4&transient=true&node=\(node)'"
            }
            func answer(_ node: String, _ id: String) throws -> Call.Answer {
                let call = try Call(cluster, words(node), id: id)
                try call.send()
                return try call.answer()
            }
            try cluster.signal(primary, SIGSTOP)
            let made = try answer("t1", "one-1")
            #expect(made.kind == .done, "\(made)")
            let refused = try answer(primary, "one-2")
            #expect(
                refused.kind == .refused && refused.code == "target_unreachable"
                    && refused.body.contains(primary), "\(refused)")
            try cluster.signal(primary, SIGCONT)
            try cluster.waitUntilSettled(within: 60)
            // Two clients at two nodes, and once more.
            try cluster.signal("t2", SIGSTOP)
            let frozen = try answer("t2", "one-3")
            #expect(frozen.kind == .refused && frozen.body.contains("t2"), "\(frozen)")
            try cluster.signal("t2", SIGCONT)
            try cluster.waitUntilSettled(within: 60)
            for node in cluster.proxies + cluster.targets {
                #expect(try Self.level(node, cluster) == (node == "t1" ? "4" : "3"), "\(node)")
            }
            let calls = try ["p1", "p2", "p1"].enumerated().map { number, proxy in
                try Call(
                    cluster,
                    "-X PUT '\(cluster.url(proxy))/v1/cluster/setconfig?loglevel=5&transient=true&node=t2'",
                    id: "both-\(number)")
            }
            for call in calls { try call.send() }
            for call in calls {
                let answer = try call.answer()
                #expect(answer.kind == .done, "\(answer)")
            }
            #expect(try Self.level("t2", cluster) == "5")
        }
    }
}

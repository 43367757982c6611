import Foundation
import TestSupport
import Testing

/// A forced recovery of two proxies that are left of five, while one of the two is struck.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct ForcedPrimaryFaultTests {
    private static let wish = ProcessInfo.processInfo.environment["MARTLET_MATRIX"] ?? ""

    private struct Blow: CustomStringConvertible {
        enum Victim: String, CaseIterable {
            /// The proxy that is to be primary.
            case chosen
            /// The one that goes with it.
            case other
        }
        enum Moment: String, CaseIterable {
            /// When the operator has the plan.
            case planned
            /// When the chosen one begins the new generation.
            case applying
            /// When the answer is there.
            case answered
        }

        let victim: Victim
        let moment: Moment
        let fault: Cell.Fault

        var description: String { "\(victim) \(fault) when \(moment)" }

        static let all = Moment.allCases.flatMap { moment in
            Victim.allCases.flatMap { victim in
                Cell.Fault.allCases.map { Blow(victim: victim, moment: moment, fault: $0) }
            }
        }

        /// The worst; the other blows are in a run of all.
        static let usual = [
            Blow(victim: .chosen, moment: .applying, fault: .killed)
        ]
    }

    private struct Plan: Decodable {
        let token: String?
        let verdict: String
    }

    private static func plan(_ cluster: LabCluster, _ chosen: String) throws -> Plan {
        let reply = try cluster.curl(
            "'\(cluster.url(chosen))/v1/cluster?what=recovery_plan&can=\(cluster.url(chosen))'")
        return try JSONDecoder().decode(Plan.self, from: Data(reply.body.utf8))
    }

    private static func generation(_ cluster: LabCluster, _ proxy: String) throws -> String {
        struct Raft: Decodable { let generation: String }
        let reply = try cluster.curl("'\(cluster.url(proxy))/v1/daemon?what=raft'", seconds: 3)
        return try JSONDecoder().decode(Raft.self, from: Data(reply.body.utf8)).generation
    }

    private static func recover(_ node: String, _ fault: Cell.Fault, _ cluster: LabCluster) throws {
        try cluster.mend(node, fault)
        try waitUntil("\(node) answers", within: 30) {
            try cluster.curl("\(cluster.url(node))/v1/health", seconds: 2).status == 200
        }
    }

    @Test func `a forced recovery that is struck is done when its line is sent again`() throws {
        for blow in Self.wish.isEmpty ? Blow.usual : Blow.all {
            try LabCluster.with(proxies: 5, targets: 1) { try Self.run(blow, $0) }
        }
    }

    private static func run(_ blow: Blow, _ cluster: LabCluster) throws {
        let primary = try cluster.primary()
        let rest = cluster.proxies.filter { $0 != primary }
        let (chosen, other) = (rest[0], rest[1])
        let dead = [primary, rest[2], rest[3]]
        let victim = blow.victim == .chosen ? chosen : other
        #expect(try cluster.create("before", at: other).status == 200)
        for proxy in dead { try cluster.signal(proxy, SIGKILL) }
        var found: Plan?
        try waitUntil("\(blow): a majority is missing", within: 30) {
            found = try Self.plan(cluster, chosen)
            return found?.verdict != "blocked" && found?.token != nil
        }
        let token = try #require(found?.token)
        let line =
            "-X PUT '\(cluster.url(chosen))/v1/daemon/proxy/\(chosen)?frc=true&can="
            + "\(cluster.url(chosen))&token=\(token)'"
        let call = try Call(cluster, line, id: "force", seconds: 25)
        let log = try cluster.logText(chosen).utf8.count
        if blow.moment == .planned { try cluster.strike(victim, blow.fault) }
        try call.send()
        if blow.moment == .applying {
            try waitUntil("\(blow): it begins") {
                try call.isAnswered
                    || cluster.logText(chosen).dropFirst(log).contains("begins generation")
            }
            try cluster.strike(victim, blow.fault)
        }
        // A frozen one answers when it goes on; nobody else can.
        if blow.victim == .chosen, blow.fault == .paused, blow.moment != .answered {
            usleep(1_000_000)
            try Self.recover(victim, blow.fault, cluster)
        }
        let answer = try call.answer()
        if blow.moment == .answered {
            #expect(answer.kind == .done, "\(blow): \(answer)")
            try cluster.strike(victim, blow.fault)
        }
        #expect(answer.kind != .other && answer.kind != .partly, "\(blow): \(answer)")
        // What one of two acknowledges while the other is struck, both have in the end.
        var names: Set<String> = ["before"]
        let survivor = blow.victim == .chosen ? other : chosen
        if try cluster.create("meanwhile", at: survivor, seconds: 8).status == 200 {
            names.insert("meanwhile")
        }
        if cluster.isRunning(victim) == false || blow.moment == .answered
            || !(blow.victim == .chosen && blow.fault == .paused)
        {
            try Self.recover(victim, blow.fault, cluster)
        }

        // The same line, until it says that it is done.
        var last = ""
        try waitUntil("\(blow): the line does it", within: 40) {
            let again = try cluster.curl(line, seconds: 25)
            last = "\(again)"
            return again.status == 200 && again.body.contains("\"done\":true")
        }
        for proxy in [chosen, other] {
            try waitUntil("\(blow): \(proxy) takes changes", within: 30) {
                try cluster.create("after-\(proxy)", at: proxy).status == 200
            }
            names.insert("after-\(proxy)")
        }
        let generations = try [chosen, other].map { try Self.generation(cluster, $0) }
        #expect(
            generations[0] == generations[1] && generations[0].hasPrefix("2-"),
            "\(blow): \(generations)")
        for proxy in [chosen, other] {
            let there = try cluster.buckets(at: proxy)
            #expect(names.isSubset(of: there), "\(blow): \(proxy) has \(there) of \(names)")
            let history = try cluster.curl(
                "'\(cluster.url(proxy))/v1/cluster?what=history&of=smap'"
            ).body
            #expect(
                history.components(separatedBy: "\"command\":\"recover\"").count == 2,
                "\(blow): \(history)")
        }
        // Those that come back, a majority of the old generation, acknowledge nothing any more.
        for proxy in dead { try cluster.start(proxy) }
        for proxy in dead {
            try waitUntil("\(blow): \(proxy) is fenced", within: 30) {
                let late = try cluster.create("late-\(proxy)", at: proxy, seconds: 8)
                if late.status == 200 { names.insert("late-\(proxy)") }
                return late.code == "older_generation"
            }
        }
        let there = try cluster.buckets(at: chosen)
        #expect(names.isSubset(of: there), "\(blow): \(there) of \(names)")
        print("forced: \(blow): \(answer.kind) \(answer.code); then \(last)")
    }
}

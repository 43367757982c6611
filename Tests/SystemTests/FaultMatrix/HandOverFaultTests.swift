import Foundation
import TestSupport
import Testing

/// Faults while one primary hands over to another: because somebody asked for that, or for the end of the primary.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct HandOverFaultTests {
    /// What strikes the heir, or the primary, while the word to take over is on its way.
    enum Fault: String, CaseIterable {
        case heirFrozen
        case heirKilled
        case heirCutOff
        case primaryKilled
        case primaryCutOff
    }

    /// A fate that is final, from whoever has it.
    static func fate(
        of id: String, since: String, at proxies: [String], _ cluster: LabCluster
    ) throws -> String {
        struct Document: Decodable { let outcome: String }
        var last = ""
        do {
            try waitUntil("the last word on \(id)", within: 20) {
                for proxy in proxies {
                    let reply = try cluster.curl(
                        "'\(cluster.url(proxy))/v1/cluster?what=history&request_id=\(id)&since=\(since)'",
                        seconds: 8)
                    let document = try? JSONDecoder().decode(
                        Document.self, from: Data(reply.body.utf8))
                    last = document?.outcome ?? reply.body
                    if last == "applied" || last == "not_applied" { return true }
                }
                return false
            }
        } catch {
            throw FaultMatrix.Broken(description: "\(error): \(last)")
        }
        return last
    }

    private static func place(_ cluster: LabCluster, at proxy: String) throws -> String {
        let reply = try cluster.curl("-i '\(cluster.url(proxy))/v1/buckets/*'")
        let name = "martlet-position:"
        let line = reply.body.split(whereSeparator: \.isNewline).first {
            $0.lowercased().hasPrefix(name)
        }
        guard let line else { throw FaultMatrix.Broken(description: "\(reply)") }
        return line.dropFirst(name.count).trimmingCharacters(in: .whitespaces)
    }

    /// Whoever is told something of a change of primary is told the truth, also when the heir wakes up later and finds the word
    /// to take over in its socket.
    @Test func `a set-primary that is struck is done, refused for good, or found by its id`() throws
    {
        try LabCluster.with(proxies: 3, targets: 1) { cluster in
            var records: [(label: String, id: String, since: String, fate: String)] = []
            for (number, fault) in (Fault.allCases + [.heirFrozen]).enumerated() {
                try cluster.waitUntilSettled(within: 60)
                let primary = try cluster.primary()
                let rest = cluster.proxies.filter { $0 != primary }
                let (heir, third) = (rest[0], rest[1])
                let id = "move-\(number)"
                let bound = try Self.place(cluster, at: third)
                // Through the third, or at the primary itself.
                let entry = number.isMultiple(of: 2) ? third : primary
                let call = try Call(
                    cluster, "-X PUT \(cluster.url(entry))/v1/cluster/proxy/\(heir)", id: id,
                    term: entry == primary ? bound : nil)
                // The heir is held up, so that the word cannot be followed before the blow.
                switch fault {
                case .heirCutOff:
                    try cluster.lab.separate([heir], from: [primary, third])
                default: try cluster.signal(heir, SIGSTOP)
                }
                try call.send()
                if fault == .primaryKilled || fault == .primaryCutOff {
                    let sender = cluster.lab.address(primary)
                    let before = try cluster.lab.unread(on: heir, from: sender)
                    try waitUntil("the word is under way") {
                        try call.isAnswered || cluster.lab.unread(on: heir, from: sender) > before
                    }
                    if fault == .primaryKilled {
                        try cluster.signal(primary, SIGKILL)
                    } else {
                        try cluster.lab.separate([primary], from: [heir, third])
                    }
                    // The heir has to vote now, and reads what it has.
                    try cluster.signal(heir, SIGCONT)
                }
                if fault == .heirKilled { try cluster.signal(heir, SIGKILL) }
                let answer = try call.answer()
                let since = answer.since ?? bound
                let label = "\(fault), at the \(entry == primary ? "primary" : "third")"
                let fate: String
                switch answer.kind {
                case .done: fate = "applied"
                case .refused: fate = "not_applied"
                case .unknown, .none:
                    let living =
                        fault == .primaryKilled || fault == .primaryCutOff
                        ? rest : [primary, third]
                    fate = try Self.fate(of: id, since: since, at: living, cluster)
                case .partly, .other: throw FaultMatrix.Broken(description: "\(label): \(answer)")
                }
                try cluster.lab.heal()
                try cluster.signal(heir, SIGCONT)
                for proxy in cluster.proxies where !cluster.isRunning(proxy) {
                    try cluster.start(proxy)
                }
                try cluster.waitUntilSettled(within: 60)
                records.append((label, id, since, fate))
                for proxy in cluster.proxies {
                    let found = try Self.fate(of: id, since: since, at: [proxy], cluster)
                    #expect(found == fate, "\(label): \(proxy) says \(found); \(answer)")
                }
                print("hand-over: \(label): \(answer.kind) \(answer.code), \(fate)")
            }
            for record in records {
                let found = try Self.fate(
                    of: record.id, since: record.since, at: cluster.proxies, cluster)
                #expect(found == record.fate, "\(record)")
            }
        }
    }

    /// A primary that is asked to end hands over, leaves the map, and ends: or does not, and says so.
    @Test func `a primary that is asked to end while others are struck has left, or goes on`()
        throws
    {
        try LabCluster.with(proxies: 4, targets: 1) { cluster in
            for (number, fault) in [Fault.heirFrozen, .heirKilled, .primaryKilled].enumerated() {
                try cluster.waitUntilSettled(within: 60)
                let primary = try cluster.primary()
                let rest = cluster.proxies.filter { $0 != primary }
                let call = try Call(
                    cluster,
                    "-X PUT -d '{\"action\":\"shutdown\"}' \(cluster.url(primary))/v1/daemon",
                    id: "end-\(number)")
                switch fault {
                case .heirFrozen: try cluster.signal(rest[0], SIGSTOP)
                case .heirKilled: try cluster.signal(rest[0], SIGKILL)
                default: break
                }
                try call.send()
                if fault == .primaryKilled {
                    try waitUntil("it has handed over") {
                        try call.isAnswered || rest.contains { try cluster.role($0) == "leader" }
                    }
                    try cluster.signal(primary, SIGKILL)
                }
                let answer = try call.answer()
                try cluster.signal(rest[0], SIGCONT)
                if !cluster.isRunning(rest[0]) { try cluster.start(rest[0]) }
                func isListed() throws -> Bool {
                    let map = try cluster.curl("'\(cluster.url(rest[1]))/v1/daemon?what=smap'")
                    guard map.status == 200 else { throw FaultMatrix.Broken(description: "\(map)") }
                    return map.body.contains("\"\(primary)\":")
                }
                switch answer.kind {
                case .done:
                    try waitUntil("\(primary) ends") { !cluster.isRunning(primary) }
                    #expect(try !isListed(), "\(fault): \(answer)")
                case .refused:
                    #expect(try cluster.isRunning(primary) && isListed(), "\(fault): \(answer)")
                case .unknown: #expect(cluster.isRunning(primary), "\(fault): \(answer)")
                case .none: #expect(fault == .primaryKilled, "\(fault): \(answer)")
                case .partly, .other: Issue.record("\(fault): \(answer)")
                }
                print("hand-over: shutdown, \(fault): \(answer.kind) \(answer.code)")
                // Asked again, it ends; started again, it is back.
                if cluster.isRunning(primary) {
                    try waitUntil("\(primary) ends when it is asked again", within: 30) {
                        _ = try cluster.curl(
                            "-X PUT -d '{\"action\":\"shutdown\"}' \(cluster.url(primary))/v1/daemon",
                            seconds: 15)
                        return !cluster.isRunning(primary)
                    }
                }
                try cluster.start(primary)
                try cluster.waitUntilSettled(within: 60)
            }
        }
    }

    /// Two operators force the same proxy, at two nodes and again: one generation comes of it.
    @Test func `a forced recovery that is asked for at two nodes at once is made once`() throws {
        try LabCluster.with(proxies: 5, targets: 1) { cluster in
            let primary = try cluster.primary()
            let rest = cluster.proxies.filter { $0 != primary }
            let (chosen, other) = (rest[0], rest[1])
            let dead = [primary, rest[2], rest[3]]
            for proxy in dead { try cluster.signal(proxy, SIGKILL) }
            struct Plan: Decodable {
                let token: String
                let verdict: String
            }
            var plan: Plan?
            try waitUntil("a majority is missing", within: 30) {
                let reply = try cluster.curl(
                    "'\(cluster.url(chosen))/v1/cluster?what=recovery_plan&can=\(cluster.url(chosen))'"
                )
                plan = try JSONDecoder().decode(Plan.self, from: Data(reply.body.utf8))
                return plan?.verdict != "blocked"
            }
            let token = try #require(plan).token
            let calls = try [chosen, other, chosen].enumerated().map { number, node in
                try Call(
                    cluster,
                    "-X PUT '\(cluster.url(node))/v1/daemon/proxy/\(chosen)?frc=true&can="
                        + "\(cluster.url(chosen))&token=\(token)'", id: "force-\(number)",
                    seconds: 30)
            }
            for call in calls { try call.send() }
            let answers = try calls.map { try $0.answer() }
            #expect(answers.contains { $0.kind == .done }, "\(answers)")
            for answer in answers {
                #expect([.done, .refused, .unknown].contains(answer.kind), "\(answer)")
            }
            for proxy in [chosen, other] {
                try waitUntil("\(proxy) takes changes", within: 30) {
                    try cluster.create("after-\(proxy)", at: proxy).status == 200
                }
                let raft = try cluster.curl("'\(cluster.url(proxy))/v1/daemon?what=raft'").body
                #expect(raft.contains("\"generation\":\"2-"), "\(proxy): \(raft)")
                #expect(raft.contains("\"superseded_by\":null"), "\(proxy): \(raft)")
            }
            let history = try cluster.curl(
                "'\(cluster.url(other))/v1/cluster?what=history&of=smap'"
            ).body
            #expect(
                history.components(separatedBy: "\"command\":\"recover\"").count == 2, "\(history)")
        }
    }
}

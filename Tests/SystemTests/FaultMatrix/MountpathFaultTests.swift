import Foundation
import TestSupport
import Testing

/// Disks of a target that come and go while its primary is struck: the target does it by itself, and says so until it is
/// written down, once.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct MountpathFaultTests {
    private static let wish = ProcessInfo.processInfo.environment["MARTLET_MATRIX"] ?? ""

    private struct Step {
        let action: String
        let path: String
        /// Whether the target uses it then.
        let isUsed: Bool
    }

    private static func change(_ step: Step, _ cluster: LabCluster) -> String {
        "-X POST -d '{\"action\":\"\(step.action)\",\"value\":\"\(step.path)\"}' "
            + "\(cluster.url("t1"))/v1/daemon/mountpaths"
    }

    private static func available(_ cluster: LabCluster) throws -> [String] {
        struct Mountpaths: Decodable { let available: [String] }
        let reply = try cluster.curl("'\(cluster.url("t1"))/v1/daemon?what=mountpaths'").body
        return try JSONDecoder().decode(Mountpaths.self, from: Data(reply.utf8)).available
    }

    /// Whether a disk is disabled, as the last word on it has it; `nil`: nothing was said.
    private static func word(
        on path: String, _ cluster: LabCluster, at proxy: String, _ more: String = ""
    ) throws -> Bool? {
        struct Events: Decodable {
            struct Note: Decodable {
                let mountpath: String
                let disabled: Bool
            }
            let targets: [String: [Note]]
        }
        let reply = try cluster.curl(
            "'\(cluster.url(proxy))/v1/cluster?what=mountpath_events\(more)'")
        let events = try JSONDecoder().decode(Events.self, from: Data(reply.body.utf8))
        return events.targets["t1"]?.last { $0.mountpath == path }?.disabled
    }

    /// How many entries about mountpaths there are.
    private static func notes(_ cluster: LabCluster, at proxy: String) throws -> Int {
        let reply = try cluster.curl(
            "'\(cluster.url(proxy))/v1/cluster?what=history&of=smap&limit=1000'", seconds: 10)
        guard reply.status == 200 else { throw FaultMatrix.Broken(description: "\(reply)") }
        return reply.body.components(separatedBy: "\"command\":\"note_mountpath\"").count - 1
    }

    private static func answer(_ words: String, _ id: String, _ cluster: LabCluster) throws
        -> Call.Answer
    {
        let call = try Call(cluster, words, id: id)
        try call.send()
        return try call.answer()
    }

    /// The primary has the word of it in the log, and its answer waits for another target when it is struck: so the target says it
    /// again, to the next primary.
    @Test func `what becomes of a disk is done at once, and written down once`() throws {
        try LabCluster.with { cluster in
            let second = "\(cluster.directory)/t1-mp2"
            let extra = "\(cluster.directory)/t1-extra"
            for path in [extra, Self.mark(cluster)] {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true)
            }
            let mark = Step(action: "add", path: Self.mark(cluster), isUsed: true)
            let added = try Self.answer(Self.change(mark, cluster), "mark", cluster)
            #expect(added.kind == .done, "\(added)")
            try Self.drain(cluster, "mark")
            let steps = [
                Step(action: "disable", path: second, isUsed: false),
                Step(action: "enable", path: second, isUsed: true),
                Step(action: "add", path: extra, isUsed: true),
                Step(action: "remove", path: extra, isUsed: false),
            ]
            let faults: [Cell.Fault] = [.killed, .partitioned, .paused, .killed]
            let rounds = Self.wish.isEmpty ? [0] : [0, 1, 2]
            for round in rounds {
                for (place, step) in steps.enumerated() {
                    let fault =
                        Self.wish.isEmpty
                        ? faults[place] : Cell.Fault.allCases[(place + round) % 3]
                    let label = "\(step.action), \(fault)"
                    try cluster.waitUntilSettled(within: 60)
                    let primary = try cluster.primary()
                    let others = cluster.proxies.filter { $0 != primary }
                    let before = try Self.notes(cluster, at: primary)
                    try cluster.signal("t2", SIGSTOP)
                    let id = "disk-\(round)-\(step.action)"
                    let answer = try Self.answer(Self.change(step, cluster), id, cluster)
                    #expect(answer.kind == .done, "\(label): \(answer)")
                    #expect(
                        try Self.available(cluster).contains(step.path) == step.isUsed, "\(label)")
                    try waitUntil("\(label): it is committed") {
                        try Self.word(
                            on: step.path, cluster, at: others[0], "&consistency=stale")
                            == !step.isUsed
                    }
                    switch fault {
                    case .killed: try cluster.signal(primary, SIGKILL)
                    case .paused: try cluster.signal(primary, SIGSTOP)
                    case .partitioned:
                        try cluster.lab.separate(
                            [primary],
                            from: (cluster.proxies + cluster.targets).filter { $0 != primary })
                    }
                    try cluster.signal("t2", SIGCONT)
                    try waitUntil("\(label): another leads", within: 30) {
                        try others.contains { try cluster.role($0) == "leader" }
                    }
                    // The same again changes nothing, and is not news.
                    let again = try Self.answer(Self.change(step, cluster), "\(id)-again", cluster)
                    let echo: [Int] = step.action.hasSuffix("able") ? [204] : [400, 404]
                    #expect(echo.contains(again.status), "\(label), again: \(again)")
                    switch fault {
                    case .killed: try cluster.start(primary)
                    case .paused: try cluster.signal(primary, SIGCONT)
                    case .partitioned: try cluster.lab.heal()
                    }
                    try cluster.waitUntilSettled(within: 60)
                    // What the target still has to say comes before this.
                    try Self.drain(cluster, label)
                    for proxy in cluster.proxies {
                        let now = try Self.notes(cluster, at: proxy)
                        #expect(
                            now == before + 3, "\(label): at \(proxy) \(now), not \(before + 3)")
                    }
                }
            }
        }
    }

    private static func mark(_ cluster: LabCluster) -> String { "\(cluster.directory)/t1-mark" }

    /// Has the target report two more changes, and waits until they are written down: it reports of one disk at a time.
    private static func drain(_ cluster: LabCluster, _ label: String) throws {
        let first = mark(cluster)
        for (action, isDisabled) in [("disable", true), ("enable", false)] {
            let step = Step(action: action, path: first, isUsed: !isDisabled)
            let answer = try answer(change(step, cluster), "drain-\(action)", cluster)
            #expect(answer.kind == .done, "\(label): \(answer)")
            try waitUntil("\(label): it is written down that \(first) is \(action)d", within: 30) {
                try word(on: first, cluster, at: "p1") == isDisabled
            }
        }
    }

    /// Two operators at one target: one of them does it, the other is told how it is.
    @Test func `what two clients ask of a disk at once is done once`() throws {
        try LabCluster.with(targets: 1) { cluster in
            let second = "\(cluster.directory)/t1-mp2"
            let rows: [(step: Step, echo: [Int])] = [
                (Step(action: "disable", path: second, isUsed: false), [204]),
                (Step(action: "enable", path: second, isUsed: true), [204]),
                (Step(action: "remove", path: second, isUsed: false), [404]),
                (Step(action: "add", path: second, isUsed: true), [400]),
            ]
            for (number, row) in rows.enumerated() {
                let calls = try (1...2).map {
                    try Call(
                        cluster, Self.change(row.step, cluster), id: "both-\(number)-\($0)")
                }
                for call in calls { try call.send() }
                let answers = try calls.map { try $0.answer().status }.sorted()
                #expect(
                    answers.count { $0 == 200 } == 1
                        && answers.contains { row.echo.contains($0) }, "\(row): \(answers)")
                #expect(
                    try Self.available(cluster).contains(second) == row.step.isUsed, "\(row)")
            }
            for proxy in cluster.proxies {
                try waitUntil("\(proxy) has heard of it") {
                    let events = try cluster.curl(
                        "'\(cluster.url(proxy))/v1/cluster?what=mountpath_events'"
                    ).body
                    return events.contains(second) && !events.contains("\"disabled\":true")
                }
            }
        }
    }
}

import Foundation
import TestSupport
import Testing

/// A target that is told to remove what users have and to leave (decision 0028), when something comes between it, the order
/// and its report: what the steps of the ``FaultMatrix`` do not reach.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct RemovalFaultTests {
    private static let wish = ProcessInfo.processInfo.environment["MARTLET_MATRIX"] ?? ""
    private static let voters = ["p1", "p2", "p3"]

    /// Three vote, p4 passes requests on; t3 is the one that is told.
    private static func with(_ body: (LabCluster) throws -> Void) throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 4, targets: 3, prepare: { $0.flags["p4"] = "--non-electable" }, body)
    }

    /// Has all run and be on the map, with objects on each target.
    private static func begin(_ cluster: LabCluster, _ text: String) throws {
        for node in cluster.proxies + cluster.targets where !cluster.isRunning(node) {
            try cluster.start(node)
        }
        try cluster.waitUntilSettled(within: 60)
        try cluster.fill("removed", with: text, at: "p4")
        try #require(cluster.fileCount(of: "t3") > 0)
    }

    /// Objects are what they are; these only have to be many, so that there is a middle to be struck in.
    private static func crowd(_ cluster: LabCluster) throws {
        let made = try Shell.run(
            """
            cd \(cluster.directory) || exit 1
            for mp in t3-mp1 t3-mp2; do
                mkdir -p $mp/@ais/removed/%ob/crowd || exit 1
                (cd $mp/@ais/removed/%ob/crowd && seq 1 10000 | xargs -n 2000 touch) || exit 1
            done
            """)
        try #require(made.status == 0, "\(made.output)")
    }

    private static func order(_ id: String, _ cluster: LabCluster) throws {
        let call = try Call(cluster, cluster.removal(of: "t3", cluster.url("p4")), id: id)
        try call.send()
        let answer = try call.answer()
        #expect(answer.kind == .done, "\(id): \(answer)")
    }

    private static func map(_ cluster: LabCluster, at proxy: String) throws -> String {
        try cluster.curl("'\(cluster.url(proxy))/v1/daemon?what=smap'", seconds: 8).body
    }

    /// How far the target says that it is.
    private static func progress(_ cluster: LabCluster) throws -> String {
        try cluster.curl("'\(cluster.url("t3"))/v1/daemon?what=decommission'", seconds: 2).body
    }

    /// All nodes but the target that is told, and one more.
    private static func others(than node: String, _ cluster: LabCluster) -> [String] {
        (cluster.proxies + cluster.targets).filter { $0 != node && $0 != "t3" }
    }

    private struct Log: Decodable { let last: Int }

    /// The end of a proxy's log.
    private static func last(_ proxy: String, _ cluster: LabCluster) throws -> Int {
        let reply = try cluster.curl("'\(cluster.url(proxy))/v1/daemon?what=raft'", seconds: 2)
        return try JSONDecoder().decode(Log.self, from: Data(reply.body.utf8)).last
    }

    private static func waitForAnotherPrimary(_ old: String, _ cluster: LabCluster) throws {
        let others = voters.filter { $0 != old }
        try waitUntil("another leads", within: 30) {
            try others.contains { try cluster.role($0) == "leader" }
        }
    }

    /// Waits until a proxy shows the order, by itself.
    private static func waitUntilShown(at proxy: String, _ cluster: LabCluster) throws {
        try waitUntil("\(proxy) shows the order") {
            try cluster.curl(
                "'\(cluster.url(proxy))/v1/cluster?what=decommission&consistency=stale'",
                seconds: 8
            ).body.contains("\"phase\":\"removing\"")
        }
    }

    // MARK: In the middle

    @Test func `a removal comes to its end, whoever is struck while it goes on`() throws {
        try Self.with { cluster in
            let rows: [(isPrimary: Bool, fault: Cell.Fault)] =
                Self.wish.isEmpty
                ? [(true, .killed)]
                : Cell.Fault.allCases.flatMap { [(true, $0), (false, $0)] }
            for (number, row) in rows.enumerated() {
                let label = "\(row.isPrimary ? "the primary" : "the target") \(row.fault)"
                try Self.begin(cluster, "row \(number)")
                try Self.crowd(cluster)
                let others = try ["t1", "t2"].map { try cluster.objectFiles(of: $0) }
                let primary = try cluster.primary()
                try Self.order("middle-\(number)", cluster)
                try waitUntil("\(label): it removes") {
                    let left = try cluster.fileCount(of: "t3")
                    return left > 0 && left < 19_000
                }
                let node = row.isPrimary ? primary : "t3"
                try cluster.strike(node, row.fault)
                #expect(try cluster.fileCount(of: "t3") > 0, "\(label): in the middle")
                let asked = try #require(Self.voters.first { $0 != primary })
                if row.isPrimary {
                    // It comes to its end without the one that gave the order.
                    try Self.waitForAnotherPrimary(primary, cluster)
                    try cluster.hasRemoved("t3", at: Self.voters.filter { $0 != primary }, label)
                    try cluster.mend(node, row.fault)
                } else {
                    if row.fault == .partitioned {
                        // It goes on, and nobody hears that it is done.
                        try waitUntil("\(label): it has removed all", within: 60) {
                            try cluster.fileCount(of: "t3") == 0
                        }
                    }
                    let order = try cluster.order(to: "t3", at: asked)
                    #expect(order?.phase == "removing", "\(label)")
                    #expect(try Self.map(cluster, at: asked).contains("\"flags\":8"), "\(label)")
                    try cluster.mend(node, row.fault)
                    try cluster.hasRemoved("t3", at: Self.voters, label)
                }
                #expect(try ["t1", "t2"].map { try cluster.objectFiles(of: $0) } == others)
                let history = try cluster.curl(
                    "'\(cluster.url(asked))/v1/cluster?what=history&request_id=middle-\(number)'")
                #expect(history.body.contains("\"outcome\":\"applied\""), "\(label): \(history)")
            }
        }
    }

    // MARK: The report

    /// The report lies in the primary's socket while others carry it out; read at last, it is about an order of the past.
    @Test func `a report that is read late takes nobody off the map`() throws {
        try Self.with { cluster in
            for fault in Self.wish.isEmpty ? [Cell.Fault.paused] : [.paused, .killed] {
                let label = "the primary \(fault)"
                try Self.begin(cluster, "before")
                try Self.crowd(cluster)
                let primary = try cluster.primary()
                try Self.order("report-\(fault)", cluster)
                try waitUntil("\(label): it removes") {
                    let left = try cluster.fileCount(of: "t3")
                    return left > 0 && left < 19_000
                }
                // With nobody to be elected, the target keeps to the primary that it knows.
                for voter in Self.voters { try cluster.signal(voter, SIGSTOP) }
                try waitUntil("\(label): the report lies there", within: 60) {
                    try Self.progress(cluster).contains("\"phase\":\"removed\"")
                        && cluster.lab.unread(on: primary, from: cluster.lab.address("t3")) > 0
                }
                if fault == .killed { try cluster.signal(primary, SIGKILL) }
                let others = Self.voters.filter { $0 != primary }
                for voter in others { try cluster.signal(voter, SIGCONT) }
                try Self.waitForAnotherPrimary(primary, cluster)
                try cluster.hasRemoved("t3", at: others, label)
                // Started again it is another target, whose disks have other objects.
                try cluster.start("t3")
                try waitUntil("\(label): t3 is ready", within: 60) {
                    try cluster.curl(
                        "'\(cluster.url("t3"))/v1/health?readiness=true'", seconds: 2
                    ).status == 200
                }
                try cluster.fill("removed", with: "after", at: others[0])
                let files = try cluster.objectFiles(of: "t3")
                try #require(!files.isEmpty)
                try cluster.mend(primary, fault)
                try cluster.waitUntilSettled(within: 60)
                try waitUntil("\(label): \(primary) has read what lay there", within: 30) {
                    try cluster.lab.unread(on: primary, from: cluster.lab.address("t3")) == 0
                }
                // What it has made of it is behind it, once it has served this.
                #expect(try cluster.create("late-\(fault)", at: primary).status == 200)
                for proxy in Self.voters {
                    #expect(try cluster.order(to: "t3", at: proxy) == nil, "\(label): at \(proxy)")
                    #expect(try Self.map(cluster, at: proxy).contains("\"t3\":"), "\(label)")
                }
                #expect(try cluster.objectFiles(of: "t3") == files, "\(label)")
                try cluster.check("removed", with: "after", at: "p4", label)
            }
        }
    }

    // MARK: The order

    /// The target is asked which disks it has, and the primary is struck meanwhile; cut off, the two of them are left together.
    @Test func `an order whose primary is struck while it asks the target is not given`() throws {
        try Self.with { cluster in
            let faults: [Cell.Fault] =
                Self.wish.isEmpty ? [.partitioned] : [.partitioned, .killed, .paused]
            for fault in faults {
                let label = "the primary \(fault)"
                try Self.begin(cluster, "\(fault)")
                let files = try cluster.objectFiles(of: "t3")
                let primary = try cluster.primary()
                let others = Self.voters.filter { $0 != primary }
                let id = "asked-\(fault)"
                let call = try Call(cluster, cluster.removal(of: "t3", cluster.url("p4")), id: id)
                try cluster.signal("t3", SIGSTOP)
                try call.send()
                try waitUntil("\(label): it asks") {
                    try cluster.lab.unread(on: "t3", from: cluster.lab.address(primary)) > 0
                }
                if fault == .partitioned {
                    try cluster.lab.separate([primary, "t3"], from: others + ["p4", "t1", "t2"])
                    try cluster.signal("t3", SIGCONT)
                } else {
                    try cluster.strike(primary, fault)
                }
                let answer = try call.answer()
                #expect([.unknown, .refused].contains(answer.kind), "\(label): \(answer)")
                try Self.waitForAnotherPrimary(primary, cluster)
                if answer.kind == .unknown {
                    let since = try #require(answer.since, "\(label): \(answer)")
                    let fate = try HandOverFaultTests.fate(
                        of: id, since: since, at: others, cluster)
                    #expect(fate == "not_applied", "\(label)")
                }
                if fault != .partitioned { try cluster.signal("t3", SIGCONT) }
                try cluster.mend(primary, fault)
                try cluster.waitUntilSettled(within: 60)
                #expect(try cluster.create("after-\(id)", at: primary).status == 200)
                for proxy in Self.voters {
                    #expect(try cluster.order(to: "t3", at: proxy) == nil, "\(label): at \(proxy)")
                    let map = try Self.map(cluster, at: proxy)
                    #expect(!map.contains("\"flags\":8"), "\(label): \(map)")
                }
                #expect(try cluster.objectFiles(of: "t3") == files, "\(label)")
                try cluster.check("removed", with: "\(fault)", at: "p4", label)
            }
        }
    }

    /// The others have the order on their disks, and their word does not get to the primary: the next one makes it the cluster's,
    /// or nobody ever does.
    @Test func `an order that the primary did not hear confirmed is carried out, or never was`()
        throws
    {
        try Self.with { cluster in
            try Self.begin(cluster, "unheard")
            let files = try cluster.objectFiles(of: "t3")
            let primary = try cluster.primary()
            let others = Self.voters.filter { $0 != primary }
            let call = try Call(
                cluster, cluster.removal(of: "t3", cluster.url("p4")), id: "unheard")
            try cluster.signal("t3", SIGSTOP)
            try call.send()
            try waitUntil("it asks") {
                try cluster.lab.unread(on: "t3", from: cluster.lab.address(primary)) > 0
            }
            let before = try Self.last(others[0], cluster)
            try cluster.lab.cut(from: others, to: [primary])
            try cluster.signal("t3", SIGCONT)
            try waitUntil("the others have it, or another leads") {
                try Self.last(others[0], cluster) > before
            }
            try cluster.signal(primary, SIGKILL)
            try cluster.lab.heal()
            let answer = try call.answer()
            #expect([.unknown, .refused].contains(answer.kind), "\(answer)")
            try Self.waitForAnotherPrimary(primary, cluster)
            var isApplied = false
            if answer.kind == .unknown {
                let since = try #require(answer.since, "\(answer)")
                isApplied =
                    try HandOverFaultTests.fate(of: "unheard", since: since, at: others, cluster)
                    == "applied"
            }
            print("unheard: \(answer.kind), \(isApplied ? "applied" : "not applied")")
            if isApplied { try cluster.hasRemoved("t3", at: others, "\(answer)") }
            try cluster.start(primary)
            if isApplied { return }
            try cluster.waitUntilSettled(within: 60)
            for proxy in Self.voters {
                #expect(try cluster.order(to: "t3", at: proxy) == nil, "at \(proxy)")
            }
            #expect(try cluster.objectFiles(of: "t3") == files)
            try cluster.check("removed", with: "unheard", at: "p4", "\(answer)")
        }
    }

    /// A target with broken disks is taken off the map so that they can be saved; when it is started again, all that it reaches
    /// is a proxy that was cut off before, and shows the order as it was.
    @Test func `an order that was given up removes nothing, whoever still shows it`() throws {
        try Self.with { cluster in
            try Self.begin(cluster, "saved")
            let files = try cluster.objectFiles(of: "t3")
            let links = (1...2).map { "\(cluster.directory)/t3-mp\($0)/@gcp" }
            for link in links {
                try FileManager.default.createSymbolicLink(
                    atPath: link, withDestinationPath: "/nowhere")
            }
            try Self.order("given-up", cluster)
            try waitUntil("it is held up") {
                try Self.progress(cluster).contains("symbolic link")
            }
            try cluster.signal("t3", SIGKILL)
            let primary = try cluster.primary()
            let behind = try #require(Self.voters.first { $0 != primary })
            try Self.waitUntilShown(at: behind, cluster)
            let rest = Self.others(than: behind, cluster)
            try cluster.lab.separate([behind, "t3"], from: rest)
            let given = try cluster.curl(
                "-X DELETE \(cluster.url(primary))/v1/cluster/daemon/t3")
            #expect(given.status == 200, "\(given)")
            #expect(try cluster.order(to: "t3", at: primary)?.phase == "abandoned")
            for link in links { try FileManager.default.removeItem(atPath: link) }
            try cluster.start("t3")
            try waitUntil("it sees the order, and asks", within: 60) {
                let progress = try Self.progress(cluster)
                return progress.contains("\"phase\":\"removing\"")
                    && progress.contains("no proxy can say")
            }
            #expect(try cluster.objectFiles(of: "t3") == files)
            try cluster.lab.heal()
            try waitUntil("it hears that it was taken off the map", within: 30) {
                try Self.progress(cluster).contains("\"phase\":\"none\"")
            }
            #expect(try cluster.objectFiles(of: "t3") == files)
            let back = try cluster.curl("-X POST \(cluster.url("t3"))/v1/daemon")
            #expect(back.status == 200, "\(back)")
            try cluster.waitUntilSettled(within: 60)
            for proxy in Self.voters { #expect(try cluster.order(to: "t3", at: proxy) == nil) }
            #expect(try cluster.objectFiles(of: "t3") == files)
            try cluster.check("removed", with: "saved", at: "p4", "given up")
        }
    }

    // MARK: Afterwards

    /// A new target under the id of the one that has left; the proxy that it meets first was cut off before that, and has the
    /// other one on its map.
    @Test func `a target that comes back as a new one joins, whatever map it is shown first`()
        throws
    {
        try Self.with { cluster in
            try Self.begin(cluster, "before")
            try Self.crowd(cluster)
            let primary = try cluster.primary()
            let behind = try #require(Self.voters.first { $0 != primary })
            try Self.order("again", cluster)
            try Self.waitUntilShown(at: behind, cluster)
            let rest = Self.others(than: behind, cluster)
            try cluster.lab.separate([behind], from: rest)
            try cluster.hasRemoved("t3", at: Self.voters.filter { $0 != behind }, "again")
            try cluster.lab.separate(["t3"], from: rest)
            try cluster.start("t3")
            try waitUntil("it is shown the order, and has nothing to do with it", within: 60) {
                try Self.progress(cluster).contains("\"phase\":\"removed\"")
            }
            try cluster.lab.heal()
            for proxy in Self.voters {
                try waitUntil("t3 is on the map at \(proxy)", within: 60) {
                    try cluster.order(to: "t3", at: proxy) == nil
                        && Self.map(cluster, at: proxy).contains("\"t3\":")
                }
            }
            try cluster.waitUntilSettled(within: 60)
            try cluster.fill("removed", with: "after", at: "p4")
            try cluster.check("removed", with: "after", at: "p4", "again")
        }
    }
}

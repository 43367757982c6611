import Foundation
import TestSupport
import Testing

/// Proxies that join, and meet with an accident before they vote.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "network namespaces: \(NetworkLab.obstacle ?? "")"))
struct LearnerTests {
    /// Moments at which a joining proxy has no log yet, learns, or has just become a voter.
    private static let moments: [UInt32] = [20, 90, 180, 240, 300, 360, 450]

    /// A cluster with so many buckets that a state is worth sending, and a proxy of it that is not primary and has lost its disk.
    private static func withVictim(
        _ body: (LabCluster, _ victim: String, _ buckets: Set<String>) throws -> Void
    ) throws {
        try LabCluster.with(targets: 1) { cluster in
            let primary = try cluster.primary()
            var buckets: Set<String> = []
            for part in 1...10 {
                let names = (1...64).map { "b-\(part)-\($0)" }
                let steps = names.map { "{\"action\":\"createlb\",\"name\":\"\($0)\"}" }
                let reply = try cluster.curl(
                    "-X PUT -d '{\"action\":\"batch\",\"value\":[\(steps.joined(separator: ","))]}' "
                        + "\(cluster.url(primary))/v1/cluster")
                #expect(reply.status == 200, "\(reply)")
                buckets.formUnion(names)
            }
            // The founder has a line of its own.
            let victim = try #require(cluster.proxies.last { $0 != primary && $0 != "p1" })
            try cluster.signal(victim, SIGKILL)
            try body(cluster, victim, buckets)
        }
    }

    private static func empty(_ cluster: LabCluster, _ victim: String) throws {
        try cluster.lab.sandbox.must("rm -rf \(cluster.directory)/\(victim)")
    }

    /// Starts the proxy, and kills it a moment later.
    ///
    /// - Returns: what it was by then.
    private static func begin(
        _ cluster: LabCluster, _ victim: String, milliseconds: UInt32
    ) throws -> String {
        try cluster.start(victim)
        usleep(milliseconds * 1_000)
        try cluster.signal(victim, SIGKILL)
        let facts = try Shell.run(
            "\(Shell.martlet) recovery inspect \(cluster.directory)/\(victim) 2>&1"
        ).output
        struct Facts: Decodable {
            struct Mark: Decodable { let index: Int }
            let role: String
            let last: Mark
        }
        let read = try? JSONDecoder().decode(Facts.self, from: Data(facts.utf8))
        return read.map { "\($0.role) at \($0.last.index)" } ?? "without a log"
    }

    /// It votes, and has everything; three vote in all.
    private static func check(
        _ cluster: LabCluster, _ victim: String, _ buckets: Set<String>
    ) throws {
        struct Raft: Decodable {
            struct Member: Decodable {
                let node: String
                let voter: Bool
            }
            let members: [Member]
        }
        try cluster.waitUntilSettled(within: 60)
        try waitUntil("the voters are those of the map", within: 20) {
            let raft = try cluster.curl("'\(cluster.url(victim))/v1/daemon?what=raft'").body
            let members = try JSONDecoder().decode(Raft.self, from: Data(raft.utf8)).members
            return members.filter(\.voter).map(\.node).sorted() == cluster.proxies.sorted()
        }
        for proxy in cluster.proxies {
            #expect(try cluster.buckets(at: proxy).isSuperset(of: buckets), "\(proxy)")
        }
    }

    /// MB-03, PC-14
    @Test func `a joining proxy that is killed at whatever moment votes in the end`() throws {
        try Self.withVictim { cluster, victim, buckets in
            var buckets = buckets
            var met: [String] = []
            for round in 1...2 {
                try Self.empty(cluster, victim)
                for milliseconds in Self.moments {
                    met.append(try Self.begin(cluster, victim, milliseconds: milliseconds))
                }
                let name = "round-\(round)"
                #expect(try cluster.create(name, at: "p1").status == 200)
                buckets.insert(name)
                try cluster.start(victim)
                try Self.check(cluster, victim, buckets)
                try cluster.signal(victim, SIGKILL)
            }
            print("killed: \(met)")
            #expect(try cluster.create("last", at: "p1").status == 200)
            try cluster.start(victim)
            try Self.check(cluster, victim, buckets.union(["last"]))
        }
    }

    /// PC-12, ST-02: the copy was taken while it was learning, and comes back when it has voted.
    @Test func `a voter that comes back with what it had as a learner catches up`() throws {
        try Self.withVictim { cluster, victim, buckets in
            var buckets = buckets
            let (data, old) = (
                "\(cluster.directory)/\(victim)", "\(cluster.directory)/old-copy"
            )
            var met: [String] = []
            for milliseconds in Self.moments {
                try Self.empty(cluster, victim)
                met.append(try Self.begin(cluster, victim, milliseconds: milliseconds))
                try cluster.lab.sandbox.must(
                    "rm -rf \(old); cp -a \(data) \(old) || mkdir -p \(old)")
                try cluster.start(victim)
                try Self.check(cluster, victim, buckets)
                let name = "with-\(milliseconds)"
                #expect(try cluster.create(name, at: victim).status == 200)
                buckets.insert(name)
                try cluster.signal(victim, SIGKILL)
                try cluster.lab.sandbox.must("rm -rf \(data); mv \(old) \(data)")
                try cluster.start(victim)
                try Self.check(cluster, victim, buckets)
                try cluster.signal(victim, SIGKILL)
            }
            print("copied: \(met)")
        }
    }

    /// PC-11
    @Test func `of two copies of a joining proxy one votes, and the other is refused by name`()
        throws
    {
        for milliseconds in [60, 240, 420] as [UInt32] {
            try Self.withVictim { cluster, victim, buckets in
                let copy = "\(cluster.directory)/copy"
                try Self.empty(cluster, victim)
                let met = try Self.begin(cluster, victim, milliseconds: milliseconds)
                try cluster.lab.sandbox.must(
                    "cp -a \(cluster.directory)/\(victim) \(copy) || mkdir -p \(copy)")
                let others = cluster.proxies.filter { $0 != victim }
                try cluster.start(victim)
                try waitUntil("\(victim) answers", within: 10) {
                    try cluster.curl("\(cluster.url(victim))/v1/health").status == 200
                }
                let log = "\(cluster.directory)/copy.log"
                let process = try cluster.lab.start(
                    on: "c",
                    "\(Shell.martlet) proxy --id \(victim) --listen \(cluster.lab.address("c")):8080 "
                        + "--data \(copy) --join \(cluster.urls(others))", log: log)
                defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
                try waitUntil("the copy is refused by name", within: 40) {
                    let text = try String(contentsOfFile: log, encoding: .utf8)
                    return !process.isRunning && process.terminationStatus == 1
                        && text.contains("another process is the same member")
                        || text.contains("node \(victim) is running already")
                }
                print("copied: \(met); the copy \(process.isRunning ? "waits" : "has ended")")
                try Self.check(cluster, victim, buckets)
                #expect(try cluster.create("after", at: victim).status == 200)
            }
        }
    }
}

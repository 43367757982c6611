import Foundation
import TestSupport
import Testing

/// A cluster whose nodes are hosts of a ``NetworkLab``: p1, p2, …, t1, t2, …, and `c`, where clients run.
final class LabCluster {
    let lab: NetworkLab
    let proxies: [String]
    let targets: [String]
    private var processes: [String: Process] = [:]
    /// Commands that run a node's own, such as one that sets limits.
    var wrappers: [String: String] = [:]
    /// Flags that a node is started with besides.
    var flags: [String: String] = [:]
    /// Whether the first proxy founds a cluster when it has nothing; else it joins as the others do.
    var founds = true

    /// Runs `body` with a cluster that is ready, and ends it afterwards; `prepare` is called before any node is
    /// started.
    static func with(
        proxies: Int = 3, targets: Int = 2, prepare: (LabCluster) throws -> Void = { _ in },
        _ body: (LabCluster) throws -> Void
    ) throws {
        let cluster = try LabCluster(proxies: proxies, targets: targets)
        defer { cluster.end() }
        do {
            try prepare(cluster)
            for proxy in cluster.proxies { try cluster.start(proxy) }
            for target in cluster.targets { try cluster.start(target) }
            try cluster.waitUntilSettled()
            try body(cluster)
        } catch {
            cluster.showLogs()
            throw error
        }
    }

    private init(proxies: Int, targets: Int) throws {
        self.proxies = (1...proxies).map { "p\($0)" }
        self.targets = (1...targets).map { "t\($0)" }
        lab = try NetworkLab(self.proxies + self.targets + ["c"])
    }

    private func end() {
        for process in processes.values where process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        lab.end()
    }

    // MARK: Nodes

    var directory: String { lab.sandbox.directory }

    func url(_ node: String) -> String { "http://\(lab.address(node)):8080" }
    func urls(_ nodes: [String]) -> String { nodes.map { url($0) }.joined(separator: ",") }

    func start(_ node: String) throws {
        processes[node] = try lab.start(
            on: node, "\(wrappers[node] ?? "") \(try command(node))", log: log(node))
    }

    /// The command line of a node.
    func command(_ node: String) throws -> String {
        let common =
            "\(Shell.martlet) \(node.hasPrefix("p") ? "proxy" : "target") --id \(node) "
            + "--listen \(lab.address(node)):8080 --data \(directory)/\(node)"
        let others = urls(proxies.filter { $0 != node })
        let role: String
        if node == "p1", founds {
            role = "--found" + (others.isEmpty ? "" : " --join \(others)")
        } else if node.hasPrefix("p") {
            role = "--join \(others)"
        } else {
            let mountpaths = (1...2).map { "\(directory)/\(node)-mp\($0)" }
            for path in mountpaths {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true)
            }
            role =
                "--join \(others) " + mountpaths.map { "--mountpath \($0)" }.joined(separator: " ")
                + " --share-filesystem"
        }
        return "\(common) \(role) \(flags[node] ?? "")"
    }

    /// Mounts a small filesystem for a node's files.
    func mount(_ path: String, megabytes: Int) throws {
        try lab.sandbox.must(
            "mkdir -p \(path) && mount -t tmpfs -o size=\(megabytes)m none \(path)")
    }

    func isRunning(_ node: String) -> Bool { processes[node]?.isRunning ?? false }

    func pid(_ node: String) -> Int32 { processes[node]?.processIdentifier ?? 0 }

    /// Waits for a node to end by itself; its exit status.
    func exitStatus(_ node: String, within seconds: Double = 20) throws -> Int32 {
        let process = try #require(processes[node])
        try waitUntil("\(node) ends", within: seconds) { !process.isRunning }
        return process.terminationStatus
    }

    func logText(_ node: String) throws -> String {
        try String(contentsOfFile: log(node), encoding: .utf8)
    }

    func signal(_ node: String, _ number: Int32) throws {
        let process = try #require(processes[node])
        kill(process.processIdentifier, number)
        if number == SIGKILL { process.waitUntilExit() }
    }

    func log(_ node: String) -> String { "\(directory)/\(node).log" }

    func waitUntilSettled(within seconds: Double = 30) throws {
        do {
            try waitUntil("all nodes are ready", within: seconds) {
                try (proxies + targets).allSatisfy { try readiness(of: $0).status == 200 }
            }
        } catch {
            for node in proxies + targets {
                let answer = try readiness(of: node)
                guard answer.status != 200 else { continue }
                let status = try curl("'\(url(node))/v1/daemon?what=raft'", seconds: 2).body
                let log = try Shell.run("tail -n 40 \(log(node))").output
                print("\(node) is not ready: \(answer.status) \(answer.body)\n\(status)\n\(log)")
            }
            throw error
        }
    }

    private func readiness(of node: String) throws -> Reply {
        try curl("\(url(node))/v1/health?readiness=true", seconds: 2)
    }

    // MARK: Who leads

    /// What one proxy's own member says of itself.
    func role(_ proxy: String) throws -> String {
        struct Raft: Decodable { let role: String }
        let reply = try curl("\(url(proxy))/v1/daemon?what=raft", seconds: 2)
        return try JSONDecoder().decode(Raft.self, from: Data(reply.body.utf8)).role
    }

    func term(_ proxy: String) throws -> Int {
        struct Raft: Decodable { let term: Int }
        let reply = try curl("'\(url(proxy))/v1/daemon?what=raft'", seconds: 2)
        return try JSONDecoder().decode(Raft.self, from: Data(reply.body.utf8)).term
    }

    func primary() throws -> String {
        var found = ""
        try waitUntil("there is one primary") {
            let leaders = try proxies.filter { try role($0) == "leader" }
            found = leaders.first ?? ""
            return leaders.count == 1
        }
        return found
    }

    // MARK: Requests

    struct Reply {
        /// 0 when there was no answer.
        let status: Int
        let body: String
        let seconds: Double

        var code: String {
            struct Failure: Decodable { let code: String }
            return (try? JSONDecoder().decode(Failure.self, from: Data(body.utf8)))?.code ?? ""
        }
    }

    func curl(_ words: String, from host: String = "c", seconds: Int = 20) throws -> Reply {
        let result = try Shell.run(
            "\(lab.prefix(host)) curl -s -L --max-time \(seconds) -w '\\n%{http_code} %{time_total}' \(words)"
        )
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        let last = (lines.last ?? "").split(separator: " ")
        return Reply(
            status: last.first.flatMap { Int($0) } ?? 0,
            body: lines.dropLast().joined(separator: "\n"),
            seconds: last.last.flatMap { Double($0) } ?? 0)
    }

    func create(_ bucket: String, at proxy: String, seconds: Int = 20) throws -> Reply {
        try curl(
            "-X POST -d '{\"action\":\"createlb\"}' \(url(proxy))/v1/buckets/\(bucket)",
            seconds: seconds)
    }

    func buckets(at proxy: String) throws -> Set<String> {
        struct Bucket: Decodable { let name: String }
        let reply = try curl("'\(url(proxy))/v1/buckets/*'")
        let list = try JSONDecoder().decode([Bucket].self, from: Data(reply.body.utf8))
        return Set(list.map(\.name))
    }

    // MARK: Time

    static func seconds(since begun: ContinuousClock.Instant) -> Double {
        (ContinuousClock.now - begun) / .seconds(1)
    }

    private func showLogs() {
        for node in proxies + targets {
            print("--- \(node)\n\((try? Shell.run("tail -n 25 '\(log(node))'"))?.output ?? "")")
        }
    }
}

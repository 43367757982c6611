import Foundation
import TestSupport
import Testing

/// A cluster of real processes in a directory of its own, driven as an operator would: by the
/// `martlet cluster` commands and curl.
struct SystemCluster {
    struct Node: Decodable {
        let id: String
        let role: String
        let url: String
        let pid: Int
        let log: String
    }

    let directory: String

    /// Runs `body` with a cluster that is ready, and stops it afterwards.
    static func with(
        proxies: Int = 3, targets: Int = 3, _ body: (SystemCluster) throws -> Void
    ) throws {
        let cluster = SystemCluster(
            directory: NSTemporaryDirectory() + "martlet-system-\(UUID().uuidString.prefix(8))")
        defer { cluster.end() }
        try cluster.start("--proxies \(proxies) --targets \(targets) --base-port 0")
        do {
            try body(cluster)
        } catch {
            cluster.showLogs()
            throw error
        }
    }

    // MARK: Commands

    func start(_ flags: String = "") throws {
        let result = try run("cluster start --detach \(flags)")
        guard result.status == 0 else { throw Failed(what: "start", output: result.output) }
    }

    @discardableResult
    func run(_ words: String) throws -> Shell.Result {
        try Shell.run("timeout -s KILL 120 \(Shell.martlet) \(words) --dir \(directory)")
    }

    /// A command that has to work.
    func must(_ words: String) throws {
        let result = try run("cluster \(words)")
        guard result.status == 0 else { throw Failed(what: words, output: result.output) }
    }

    func nodes(_ role: String? = nil) throws -> [Node] {
        struct File: Decodable { let nodes: [Node] }
        let data = try Data(contentsOf: URL(filePath: "\(directory)/cluster.json"))
        return try JSONDecoder().decode(File.self, from: data).nodes.filter {
            role == nil || $0.role == role
        }
    }

    func node(_ id: String) throws -> Node {
        try #require(try nodes().first { $0.id == id })
    }

    /// The id of the primary that a living proxy knows.
    func primary() throws -> String {
        struct Status: Decodable { let primary: String? }
        let output = try Shell.run(
            "\(Shell.martlet) cluster status --json --dir \(directory)"
        ).output
        guard let id = try JSONDecoder().decode(Status.self, from: Data(output.utf8)).primary else {
            throw Failed(what: "no primary is known", output: output)
        }
        return id
    }

    /// Waits until every node is ready and names the same primary.
    func waitUntilSettled() throws {
        try waitUntil("the cluster settles") { try run("cluster status").status == 0 }
    }

    // MARK: Requests

    struct Reply {
        let status: Int
        let body: String
        let seconds: Double

        func says(_ text: String) -> Bool { body.contains(text) }
    }

    /// One curl; status 0 when there was no answer.
    func curl(_ words: String, maxSeconds: Int = 20) throws -> Reply {
        let result = try Shell.run(
            "curl -sS -L --max-time \(maxSeconds) -w '\\n%{http_code} %{time_total}' \(words)")
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        let last = (lines.last ?? "").split(separator: " ")
        return Reply(
            status: last.first.flatMap { Int($0) } ?? 0,
            body: lines.dropLast().joined(separator: "\n"),
            seconds: last.last.flatMap { Double($0) } ?? 0)
    }

    func create(_ bucket: String, at url: String, maxSeconds: Int = 20) throws -> Reply {
        try curl(
            "-X POST -d '{\"action\":\"createlb\"}' '\(url)/v1/buckets/\(bucket)'",
            maxSeconds: maxSeconds)
    }

    struct Failed: Error, CustomStringConvertible {
        let what: String
        var output = ""
        var description: String { output.isEmpty ? what : "\(what): \(output)" }
    }

    private func showLogs() {
        for node in (try? nodes()) ?? [] {
            let tail = (try? Shell.run("tail -n 15 '\(node.log)'"))?.output ?? ""
            print("--- \(node.id)\n\(tail)")
        }
    }

    private func end() {
        _ = try? run("cluster stop")
        try? FileManager.default.removeItem(atPath: directory)
    }
}

import Foundation
import TestSupport
import Testing

/// Every proxy is lost, with its disk: a new group is founded on what targets have cached (docs/operations.md, *When every proxy is lost*).
@Suite(.serialized) struct RebuildTests {
    private struct Document: Decodable {
        struct Candidate: Decodable {
            let node: String
            let problem: String?
        }
        struct Recovery: Decodable {
            struct Founded: Decodable { let source: String }
            let generation: String
            let foundedFrom: Founded?
        }
        struct Target: Decodable {
            let node: String
            let follows: Bool
        }
        var verdict: String?
        var reason: String?
        var token: String?
        var position: String?
        var stateHash: String?
        var candidates: [Candidate]?
        var recoveries: [Recovery]?
        var targets: [Target]?
        var branch: String?
    }

    private static func document(_ text: String) throws -> Document {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Document.self, from: Data(text.utf8))
    }

    /// Targets in a list of another role are objects, in a plan a summary: only these documents have the list.
    private static func overview(_ cluster: SystemCluster, at url: String) throws -> Document {
        try document(try cluster.curl("'\(url)/v1/cluster?what=recovery'").body)
    }

    /// A proxy that the development cluster does not know of.
    private final class Founder {
        let id: String
        let url: String
        let log: String
        private let process = Process()

        init(_ cluster: SystemCluster, _ id: String, at address: String, _ words: String) throws {
            self.id = id
            url = "http://\(address)"
            log = "\(cluster.directory)/\(id)-founder.log"
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = [
                "-c",
                "exec \(Shell.martlet) proxy --id \(id) --listen \(address) --data "
                    + "'\(cluster.directory)/\(id)' \(words) >> '\(log)' 2>&1",
            ]
            process.standardInput = FileHandle.nullDevice
            try process.run()
        }

        func waitUntilReady(_ cluster: SystemCluster) throws {
            try waitUntil(
                "\(id) is ready: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")"
            ) {
                try cluster.curl("'\(url)/v1/health?readiness=true'", maxSeconds: 2).status == 200
            }
        }

        func end(_ signal: Int32 = SIGTERM) {
            guard process.isRunning else { return }
            kill(process.processIdentifier, signal)
            process.waitUntilExit()
        }
    }

    private static func address(of node: SystemCluster.Node) -> String {
        String(node.url.dropFirst("http://".count))
    }

    /// One attempt that ends by itself.
    private static func attempt(
        _ cluster: SystemCluster, _ id: String, at address: String, _ words: String,
        data: String? = nil
    ) throws -> Shell.Result {
        try Shell.run(
            "timeout -s KILL 30 \(Shell.martlet) proxy --id \(id) --listen \(address) --data "
                + "'\(data ?? "\(cluster.directory)/\(id)")' \(words)")
    }

    private static func names(_ cluster: SystemCluster, at url: String) throws -> Set<String> {
        let reply = try cluster.curl("'\(url)/v1/buckets/*'")
        struct Bucket: Decodable { let name: String }
        let list = try JSONDecoder().decode([Bucket].self, from: Data(reply.body.utf8))
        return Set(list.map(\.name))
    }

    /// Buckets are created through all proxies until none answers; those that were acknowledged are noted.
    private static func writer(_ cluster: SystemCluster) throws -> Process {
        let urls = try cluster.nodes("proxy").map(\.url).joined(separator: " ")
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-c",
            """
            n=0; while [ -e '\(cluster.directory)/write' ]; do for url in \(urls); do n=$((n+1))
            curl -sSf --max-time 5 -o /dev/null -X POST -d '{"action":"createlb"}' $url/v1/buckets/w$n 2>/dev/null \\
                && echo w$n >> '\(cluster.directory)/acknowledged'; done; done
            """,
        ]
        try Data().write(to: URL(filePath: "\(cluster.directory)/write"))
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }

    private static func acknowledged(_ cluster: SystemCluster) -> [String] {
        let text = try? String(contentsOfFile: "\(cluster.directory)/acknowledged", encoding: .utf8)
        return (text ?? "").split(separator: "\n").map(String.init)
    }

    /// All proxies die at once, without a last word, and other nodes with them; the proxies' directories are gone, or are moved away.
    private static func loseProxies(
        _ cluster: SystemCluster, keeping: [String] = [], with others: [SystemCluster.Node] = []
    ) throws {
        let proxies = try cluster.nodes("proxy")
        for node in proxies + others { kill(pid_t(node.pid), SIGKILL) }
        for proxy in proxies { try? cluster.must("kill \(proxy.id)") }
        for proxy in proxies {
            let path = "\(cluster.directory)/\(proxy.id)"
            if keeping.contains(proxy.id) {
                try FileManager.default.moveItem(atPath: path, toPath: "\(path).aside")
            } else {
                try FileManager.default.removeItem(atPath: path)
            }
        }
    }

    /// FS-01, FS-04, FS-05, FS-08, FS-13, FS-17
    @Test
    func `with every proxy lost, all that was acknowledged is there, and the old ones are fenced`()
        throws
    {
        try SystemCluster.with { cluster in
            let proxies = try cluster.nodes("proxy")
            let targets = try cluster.nodes("target")
            let first = Self.address(of: proxies[0])
            for number in 1...5 {
                #expect(try cluster.create("b\(number)", at: proxies[0].url).status == 200)
                let put = "-X PUT --data-binary data-\(number)"
                #expect(
                    try cluster.curl("\(put) \(proxies[1].url)/v1/objects/b\(number)/o").status
                        == 200)
            }
            #expect(
                try cluster.curl(
                    "-X PUT '\(proxies[2].url)/v1/cluster/setconfig?list_timeout=17s'"
                ).status == 200)

            // A proxy that lives is no reason to found.
            let early = try Self.attempt(
                cluster, "p9", at: "127.0.0.1:9", "--found-from \(targets[0].url)")
            #expect(early.status == 1 && early.output.contains("a proxy of the cluster answers"))

            // All nodes die in the middle of changes: what was acknowledged, every target has in its file.
            let writer = try Self.writer(cluster)
            try waitUntil("buckets are created") { Self.acknowledged(cluster).count > 40 }
            try Self.loseProxies(cluster, keeping: ["p2", "p3"], with: targets)
            try FileManager.default.removeItem(atPath: "\(cluster.directory)/write")
            writer.waitUntilExit()
            let acknowledged = Self.acknowledged(cluster)

            // The targets come back: they do not serve from what they have cached, and tell it.
            for target in targets { _ = try cluster.run("cluster restart \(target.id)") }
            try waitUntil("t2 tells what it has") {
                let told = try cluster.curl("'\(targets[1].url)/v1/daemon?what=cached_state'")
                return told.says("\"applied\":\"0-0-0-0\"") && told.says("\"problem\":null")
            }
            let unserved = try cluster.curl("\(targets[1].url)/v1/objects/b1/o")
            #expect(unserved.status >= 400 && !unserved.says("data-1"), "\(unserved)")
            #expect(
                try cluster.curl("'\(targets[1].url)/v1/health?readiness=true'").status == 503)

            let wish = "--found-from \(targets[0].url)"
            let plan = try Self.attempt(cluster, "p1", at: first, "\(wish) --plan")
            #expect(plan.output.contains("\"verdict\":\"safe\""), "\(plan.output)")
            #expect(plan.output.contains("\"declared_lost\":[\"p1\",\"p2\",\"p3\"]"))
            #expect(!FileManager.default.fileExists(atPath: "\(cluster.directory)/p1"))

            let founder = try Founder(cluster, "p1", at: first, wish)
            defer { founder.end() }
            try founder.waitUntilReady(cluster)
            try waitUntil("all targets follow the founder") {
                let overview = try Self.overview(cluster, at: founder.url)
                return overview.targets?.filter(\.follows).count == 3
            }
            let present = try Self.names(cluster, at: founder.url)
            #expect(acknowledged.filter { !present.contains($0) } == [])
            for number in 1...5 {
                let get = try cluster.curl("\(founder.url)/v1/objects/b\(number)/o")
                #expect(get.status == 200 && get.body == "data-\(number)", "\(get)")
            }
            let config = try cluster.curl("'\(founder.url)/v1/daemon?what=config'")
            #expect(config.says("17s"), "\(config)")
            #expect(try cluster.create("after", at: founder.url).status == 200)

            // Two more join as usual, and the group survives its founder.
            for _ in 1...2 { try cluster.must("add --role proxy") }
            let joined = try cluster.nodes("proxy").filter { ["p4", "p5"].contains($0.id) }
            #expect(joined.count == 2)
            for proxy in joined {
                try waitUntil("\(proxy.id) votes") {
                    try cluster.curl("'\(founder.url)/v1/daemon?what=raft'").says("\"\(proxy.id)\"")
                        && cluster.curl("'\(proxy.url)/v1/health?readiness=true'").status == 200
                }
            }
            #expect(try cluster.create("with-three", at: joined[0].url).status == 200)

            // Two of the lost three come back with their disks: a majority of the old group.
            for id in ["p2", "p3"] {
                let path = "\(cluster.directory)/\(id)"
                try FileManager.default.moveItem(atPath: "\(path).aside", toPath: path)
                _ = try cluster.run("cluster restart \(id)")
            }
            for old in proxies[1...2] {
                try waitUntil("\(old.id) knows that it was left behind") {
                    try cluster.create("old-\(old.id)", at: old.url).says("older_generation")
                }
                #expect(try cluster.curl("\(old.url)/v1/objects/b1/o").says("older_generation"))
            }
            let after = try Self.names(cluster, at: founder.url)
            #expect(after.isSuperset(of: present.union(["after", "with-three"])))

            // And they come back when they are told to; what they had can be read.
            let leaves = try cluster.curl(
                "-X PUT '\(proxies[1].url)/v1/daemon/proxy/\(try primary(cluster, founder.url))"
                    + "?frc=true&can=\(try primaryURL(cluster, founder.url))'")
            let branch = try #require(try Self.document(leaves.body).branch)
            try waitUntil("p2 has joined") {
                try cluster.curl("'\(proxies[1].url)/v1/health?readiness=true'").status == 200
            }
            let content = try cluster.curl(
                "'\(proxies[1].url)/v1/daemon?what=branches&name=\(branch)'")
            #expect(content.says("\"superseded_by\":\"2-") && !content.says("\"ais://b1\""))
            #expect(!content.says("\"shared_until\":null"), "\(content)")

            // The founder is a member like any other: the same command line resumes, and so does another.
            founder.end(SIGKILL)
            try waitUntil("the others have a primary") {
                try cluster.create("without-founder", at: joined[1].url).status == 200
            }
            let again = try Founder(cluster, "p1", at: first, wish)
            defer { again.end() }
            try again.waitUntilReady(cluster)
            #expect(try Self.names(cluster, at: again.url).isSuperset(of: after))
            let overview = try Self.overview(cluster, at: again.url)
            #expect(overview.recoveries?.count == 1)
            #expect(overview.recoveries?.first?.foundedFrom?.source.hasPrefix("t") == true)
        }
    }

    private func primary(_ cluster: SystemCluster, _ url: String) throws -> String {
        try primaryNode(cluster, url).0
    }

    private func primaryURL(_ cluster: SystemCluster, _ url: String) throws -> String {
        try primaryNode(cluster, url).1
    }

    private func primaryNode(_ cluster: SystemCluster, _ url: String) throws -> (String, String) {
        let reply = try cluster.curl("'\(url)/v1/daemon?what=smap'")
        let json = try JSONSerialization.jsonObject(with: Data(reply.body.utf8))
        let node = (json as? [String: Any])?["proxy_si"] as? [String: Any]
        let network = node?["public_net"] as? [String: Any]
        return (
            try #require(node?["daemon_id"] as? String),
            try #require(network?["direct_url"] as? String)
        )
    }

    /// FS-07, FS-09: the founder at an address that no target knows, and a target that only its disk is left of.
    @Test
    func
        `a dead target's disk counts, what is not certain needs a token, wrong attempts are refused`()
        throws
    {
        try SystemCluster.with(proxies: 1) { cluster in
            let proxy = try #require(try cluster.nodes("proxy").first)
            let targets = try cluster.nodes("target")
            #expect(try cluster.create("before", at: proxy.url).status == 200)
            // What is acknowledged now, only t3 has cached.
            for target in targets[0...1] { try cluster.must("kill \(target.id)") }
            try waitUntil("changes go on with t3 alone") {
                try cluster.create("late", at: proxy.url).status == 200
            }
            try cluster.must("kill t3")
            try Self.loseProxies(cluster)
            let port = try #require(Int(proxy.url.split(separator: ":").last ?? "")) + 40
            let address = "127.0.0.1:\(port)"
            let first = "--found-from \(targets[0].url)"

            let none = try Self.attempt(cluster, "p9", at: address, first)
            #expect(none.status == 1 && none.output.contains("there is no cached state"))

            for target in targets[0...1] { try cluster.must("restart \(target.id)") }
            try waitUntil("both tell what they have cached") {
                try targets[0...1].allSatisfy {
                    try cluster.curl("'\($0.url)/v1/daemon?what=cached_state'").status == 200
                }
            }
            let unsafe = try Self.attempt(cluster, "p9", at: address, first)
            #expect(unsafe.status == 1, "\(unsafe.output)")
            #expect(unsafe.output.contains("what t3 alone has cached is lost"), "\(unsafe.output)")
            #expect(
                (try? FileManager.default.contentsOfDirectory(
                    atPath: "\(cluster.directory)/p9")) ?? [] == [])
            let wrong = try Self.attempt(cluster, "p9", at: address, "\(first) --token 1234")
            #expect(wrong.status == 1 && wrong.output.contains("not what it was in the plan"))

            // Its disk is left, and has the newest state.
            let disk = "\(cluster.directory)/t3"
            let inspected = try Shell.run("\(Shell.martlet) recovery inspect '\(disk)'")
            #expect(inspected.output.contains("\"node\":\"t3\""), "\(inspected.output)")
            let wish = "--found-from '\(targets[0].url),\(disk)'"
            let text = try Self.attempt(cluster, "p9", at: address, "\(wish) --plan").output
            #expect(text.contains("\"verdict\":\"safe\""), "\(text)")
            #expect(text.contains("\"recommended\":\"t3\""), "\(text)")

            let founder = try Founder(cluster, "p9", at: address, wish)
            defer { founder.end() }
            try founder.waitUntilReady(cluster)
            #expect(try Self.names(cluster, at: founder.url) == ["before", "late"])
            // No target has this address on its command line: the founder tells them.
            try waitUntil("the targets follow") {
                let overview = try Self.overview(cluster, at: founder.url)
                return overview.targets?.filter(\.follows).count == 2
            }
            #expect(
                try cluster.curl("-X PUT -d x \(founder.url)/v1/objects/late/o").status < 600)

            // A directory that holds a log is not founded over.
            let inUse = try Self.attempt(
                cluster, "p8", at: "127.0.0.1:\(port + 1)", wish, data: "\(cluster.directory)/p9")
            #expect(inUse.status == 1, "\(inUse.output)")
            founder.end()
            let present = try Self.attempt(
                cluster, "p8", at: "127.0.0.1:\(port + 1)", wish, data: "\(cluster.directory)/p9")
            #expect(
                present.status == 1 && present.output.contains("the data directory holds a log"),
                "\(present.output)")
        }
    }
}

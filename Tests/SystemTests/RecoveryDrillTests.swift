import Foundation
import TestSupport
import Testing

/// The split-brain drill of docs/operations.md, step by step, with real processes on hosts of their own.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "network namespaces: \(NetworkLab.obstacle ?? "")"))
struct RecoveryDrillTests {
    /// The members of a JSON document that these tests look at.
    private struct Document: Decodable {
        struct Branch: Decodable { let name: String }
        struct Names: Decodable { let buckets: [String] }
        struct Entry: Decodable {
            let command: String
            let subject: String
            let applied: Bool
        }
        struct Node: Decodable {
            let node: String
            let generation: String?
            let follows: Bool
            let branches: [String]?
            let keptDirectories: [String]?
        }
        struct Silent: Decodable { let node: String }
        var verdict: String?
        var token: String?
        var silent: [Silent]?
        var declaredDead: [String]?
        var done: Bool?
        var missing: [String]?
        var branch: String?
        var branches: [Branch]?
        var onlyHere: Names?
        var entries: [Entry]?
        var generation: String?
        var proxies: [Node]?
        var targets: [Node]?
    }

    private static func document(_ reply: LabCluster.Reply) throws -> Document {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Document.self, from: Data(reply.body.utf8))
    }

    private static func force(
        _ cluster: LabCluster, at node: String, _ candidate: String, _ more: String = ""
    ) throws -> LabCluster.Reply {
        try cluster.curl(
            "-X PUT '\(cluster.url(node))/v1/daemon/proxy/\(candidate)?frc=true"
                + "&can=\(cluster.url(candidate))\(more)'", seconds: 40)
    }

    private static func put(
        _ cluster: LabCluster, _ bucket: String, _ objects: ClosedRange<Int>, at proxy: String
    ) throws -> [Int] {
        try objects.filter {
            try cluster.curl(
                "-X PUT --data-binary \(bucket)-\($0) \(cluster.url(proxy))/v1/objects/\(bucket)/o\($0)"
            ).status == 200
        }
    }

    private static func waitUntilFenced(_ cluster: LabCluster, _ proxies: [String]) throws {
        try waitUntil("\(proxies) know that they were left behind", within: 20) {
            try proxies.allSatisfy {
                let ready = try cluster.curl("'\(cluster.url($0))/v1/health?readiness=true'")
                return ready.code == "older_generation"
            }
        }
    }

    private static func overview(_ cluster: LabCluster, at proxy: String) throws -> Document {
        try document(try cluster.curl("'\(cluster.url(proxy))/v1/cluster?what=recovery'"))
    }

    /// FS-05, FS-18
    @Test func `both sides of a split write, one is forced, and nothing is lost in silence`()
        throws
    {
        try LabCluster.with { cluster in
            let old = try cluster.primary()
            let rest = cluster.proxies.filter { $0 != old }
            let (alone, other) = (rest[0], rest[1])
            #expect(try cluster.create("before", at: old).status == 200)
            #expect(try Self.put(cluster, "before", 1...8, at: old).count == 8)

            // A question to all nodes leaves connections behind, which the cut will swallow.
            _ = try cluster.curl("'\(cluster.url(alone))/v1/cluster?what=stats'")
            // 1. The network splits: a majority with t1 here, one proxy with t2 there.
            try cluster.lab.separate([alone, "t2"], from: [old, other, "t1"])
            try waitUntil("the minority refuses changes", within: 10) {
                try cluster.create("no", at: alone).code == "no_quorum"
            }

            // 2. An operator who sees only the minority plans.
            let plan = try Self.document(
                try cluster.curl(
                    "'\(cluster.url(alone))/v1/cluster?what=recovery_plan&can=\(cluster.url(alone))'"
                ))
            #expect(plan.verdict == "unsafe")
            #expect(plan.silent.map { Set($0.map(\.node)) } == [old, other])
            #expect(plan.declaredDead.map(Set.init) == [old, other])
            let token = try #require(plan.token)

            // 3. And forces. The target of the other side is named as missing.
            let forced = try Self.force(cluster, at: alone, alone, "&token=\(token)")
            #expect(forced.status == 202, "\(forced)")
            let report = try Self.document(forced)
            // The target on this side may need a moment to give its old proxy up.
            let missing = report.missing ?? []
            #expect(missing.contains { $0.contains("target t1") }, "\(missing)")
            #expect(missing.allSatisfy { $0.hasPrefix("target ") }, "\(missing)")
            try waitUntil("t2 follows the new one", within: 20) {
                let overview = try Self.overview(cluster, at: alone)
                return overview.targets?.contains { $0.node == "t2" && $0.follows } == true
            }

            // 4. Both sides take changes, and acknowledge them.
            #expect(try cluster.create("left", at: old).status == 200)
            #expect(try cluster.create("right", at: alone).status == 200)
            let left = try Self.put(cluster, "left", 1...8, at: other)
            let right = try Self.put(cluster, "right", 1...8, at: alone)
            #expect(!left.isEmpty && !right.isEmpty)
            let writers = cluster.proxies.map { BucketWriter(cluster, at: $0) }
            try waitUntil("both sides write", within: 10) {
                writers.allSatisfy { $0.soFar.count { $0.isAcknowledged } > 3 }
            }

            // 5. The network heals. The majority of the older generation stops, with a reason.
            try cluster.lab.heal()
            try Self.waitUntilFenced(cluster, [old, other])
            let attempts = writers.flatMap { $0.end() }
            for proxy in [old, other] {
                let refused = try cluster.create("more", at: proxy)
                #expect(refused.status == 409 && refused.code == "older_generation", "\(refused)")
                #expect(refused.body.contains("frc=true"), "\(refused)")
                let read = try cluster.curl("\(cluster.url(proxy))/v1/objects/before/o1")
                #expect(read.code == "older_generation", "\(read)")
            }
            // 6. The targets follow the new one, and the same request is complete now.
            try waitUntil("the recovery is complete", within: 30) {
                let again = try Self.force(cluster, at: alone, alone)
                return try again.status == 200 && Self.document(again).done == true
            }
            for object in 1...8 {
                let get = try cluster.curl("\(cluster.url(alone))/v1/objects/before/o\(object)")
                #expect(get.status == 200 && get.body == "before-\(object)", "\(get)")
            }
            for object in right {
                let get = try cluster.curl("\(cluster.url(alone))/v1/objects/right/o\(object)")
                #expect(get.status == 200 && get.body == "right-\(object)", "\(get)")
            }

            // 7. The losers begin anew, in place; what they had is set aside.
            var branches: [String: String] = [:]
            for proxy in [old, other] {
                let pid = cluster.pid(proxy)
                let leaves = try Self.force(cluster, at: proxy, alone)
                #expect(leaves.status == 200, "\(leaves)")
                let branch: String = try #require(try Self.document(leaves).branch)
                branches[proxy] = branch
                try waitUntil("\(proxy) has joined", within: 20) {
                    try cluster.curl("'\(cluster.url(proxy))/v1/health?readiness=true'").status
                        == 200
                }
                #expect(cluster.isRunning(proxy) && cluster.pid(proxy) == pid)
            }
            try cluster.waitUntilSettled()
            let present = try cluster.buckets(at: alone)
            #expect(present.isSuperset(of: ["before", "right"]) && !present.contains("left"))
            for proxy in cluster.proxies {
                #expect(try cluster.buckets(at: proxy) == present)
            }

            // 8. What was acknowledged and given up is listed by name, from the branch and from the disks.
            var givenUp: Set<String> = []
            for (proxy, branch) in branches {
                let content = try Self.document(
                    try cluster.curl(
                        "'\(cluster.url(proxy))/v1/daemon?what=branches&name=\(branch)'"))
                #expect(content.onlyHere?.buckets.contains("ais://left") == true, "\(proxy)")
                let created = content.entries?.first {
                    $0.command == "create_bucket" && $0.subject == "ais://left"
                }
                #expect(created?.applied == true, "\(proxy): \(content)")
                givenUp.formUnion((content.onlyHere?.buckets ?? []).map { String($0.dropFirst(6)) })
            }
            // Whatever anybody was told is done is there, or listed; whatever was refused is not there.
            let done = attempts.filter(\.isAcknowledged).map(\.name)
            #expect(done.filter { !present.contains($0) && !givenUp.contains($0) } == [])
            #expect(
                done.contains { present.contains($0) } && done.contains(where: givenUp.contains))
            #expect(attempts.filter(\.isRefused).map(\.name).filter(present.contains) == [])
            let overview = try Self.overview(cluster, at: old)
            #expect(overview.proxies?.allSatisfy(\.follows) == true)
            #expect(overview.targets?.allSatisfy(\.follows) == true)
            #expect(
                overview.proxies.map { Set($0.flatMap { $0.branches ?? [] }) }
                    == Set(branches.values))
            let kept = overview.targets?.first { $0.node == "t1" }?.keptDirectories ?? []
            #expect(kept.contains { $0.hasSuffix("@ais/left") }, "\(kept)")
            let files = try Shell.run("find \(cluster.directory)/t1-mp* -path '*left/%ob/o*'")
            #expect(
                files.output.split(separator: "\n").count
                    == left.count, "\(files.output)")
        }
    }

    /// FS-08, the drill *The majority lives after all*.
    @Test func `a recovery that was wrong is undone, and nothing of the living majority is lost`()
        throws
    {
        try LabCluster.with { cluster in
            let old = try cluster.primary()
            let rest = cluster.proxies.filter { $0 != old }
            let (alone, other) = (rest[0], rest[1])
            let (data, t2) = ("\(cluster.directory)/\(alone)", "\(cluster.directory)/t2")
            func setAside(_ path: String, _ more: String) throws -> Shell.Result {
                try Shell.run(
                    "\(cluster.lab.prefix("c")) \(Shell.martlet) recovery set-aside \(path) \(more)"
                )
            }
            #expect(try cluster.create("before", at: old).status == 200)
            #expect(try Self.put(cluster, "before", 1...8, at: old).count == 8)
            _ = try cluster.curl("'\(cluster.url(alone))/v1/cluster?what=stats'")
            try cluster.lab.separate([alone, "t2"], from: [old, other, "t1"])
            try waitUntil("the minority refuses changes", within: 10) {
                try cluster.create("no", at: alone).code == "no_quorum"
            }
            let forced = try Self.force(cluster, at: alone, alone)
            #expect(forced.status == 202, "\(forced)")
            try waitUntil("t2 follows the new one", within: 20) {
                let overview = try Self.overview(cluster, at: alone)
                return overview.targets?.contains { $0.node == "t2" && $0.follows } == true
            }
            #expect(try cluster.create("left", at: old).status == 200)
            #expect(try cluster.create("right", at: alone).status == 200)
            let right = try Self.put(cluster, "right", 1...8, at: alone)
            #expect(!right.isEmpty)

            // 1. The majority lives: nothing may let the two sides meet. 2. The forced side is stopped.
            let early = try setAside(data, "--against \(cluster.url(old))")
            #expect(early.status == 1 && early.output.contains("is in use"), "\(early.output)")
            for node in [alone, "t2"] {
                try cluster.signal(node, SIGTERM)
                _ = try cluster.exitStatus(node)
            }
            // 3. Looked at, and then done; with the other side's word in a file where it cannot be asked.
            let plan = try setAside(data, "--against \(cluster.url(old)) --plan")
            #expect(plan.status == 0 && plan.output.contains("ais://right"), "\(plan.output)")
            let done = try setAside(data, "--against \(cluster.url(old))")
            #expect(done.status == 0, "\(done.output)")
            let report = try Self.document(.init(status: 0, body: done.output, seconds: 0))
            #expect(report.onlyHere?.buckets == ["ais://right"])
            #expect(
                report.entries?.contains { $0.command == "create_bucket" && $0.applied } == true)
            let word = "\(cluster.directory)/word.json"
            _ = try cluster.curl("-o \(word) '\(cluster.url(old))/v1/daemon?what=recovery'")
            let target = try setAside(t2, "--against \(word)")
            #expect(target.status == 0 && target.output.contains("ais://right"), "\(target.output)")

            // 4. The networks are joined, and both start as they always do.
            try cluster.lab.heal()
            for node in [alone, "t2"] { try cluster.start(node) }
            try cluster.waitUntilSettled()
            for proxy in cluster.proxies {
                #expect(try cluster.buckets(at: proxy) == ["before", "left"], "\(proxy)")
            }
            #expect(try cluster.create("after", at: alone).status == 200)
            let raft = try cluster.curl("'\(cluster.url(old))/v1/daemon?what=raft'").body
            #expect(raft.contains("\"generation\":\"1-"), "\(raft)")
            for object in 1...8 {
                let get = try cluster.curl("\(cluster.url(other))/v1/objects/before/o\(object)")
                #expect(get.status == 200 && get.body == "before-\(object)", "\(get)")
            }
            // 5. What was given up is listed from the branch, and lies on the target.
            let branches = try Self.document(
                try cluster.curl("'\(cluster.url(alone))/v1/daemon?what=branches'"))
            let branch = try #require(branches.branches?.first?.name)
            let content = try Self.document(
                try cluster.curl(
                    "'\(cluster.url(alone))/v1/daemon?what=branches&name=\(branch)'"))
            #expect(content.onlyHere?.buckets.contains("ais://right") == true)
            let kept = try cluster.curl("'\(cluster.url("t2"))/v1/daemon?what=kept'").body
            #expect(kept.contains("@ais/right"), "\(kept)")
            let files = try Shell.run("find \(t2)-mp* -path '*right/%ob/o*'")
            #expect(files.output.split(separator: "\n").count == right.count, "\(files.output)")
        }
    }

    /// FS-06
    @Test func `of two recoveries made at once, the one with the higher nonce stays`() throws {
        try LabCluster.with(targets: 1) { cluster in
            #expect(try cluster.create("before", at: "p1").status == 200)
            let sides = ["p2", "p3"]
            // A question to all nodes leaves connections behind, which the cut will swallow.
            for proxy in sides {
                _ = try cluster.curl("'\(cluster.url(proxy))/v1/cluster?what=stats'")
            }
            try cluster.lab.separate(["p1"], from: ["p2", "p3", "t1"])
            try cluster.lab.separate(["p2"], from: ["p3"])
            for proxy in sides {
                try waitUntil("\(proxy) is alone", within: 10) {
                    try cluster.create("no", at: proxy).code == "no_quorum"
                }
                let forced = try Self.force(cluster, at: proxy, proxy)
                #expect(forced.status == 200 || forced.status == 202, "\(forced)")
                #expect(try cluster.create("of-\(proxy)", at: proxy).status == 200)
            }
            try cluster.lab.heal()
            func generation(_ proxy: String) throws -> String {
                try Self.document(
                    try cluster.curl("'\(cluster.url(proxy))/v1/daemon?what=recovery'")
                ).generation ?? ""
            }
            let nonces = try sides.map { proxy in
                let text = try generation(proxy)
                #expect(text.hasPrefix("2-"))
                return try #require(UInt64(text.dropFirst(2), radix: 16))
            }
            let (winner, loser) = nonces[0] > nonces[1] ? ("p2", "p3") : ("p3", "p2")
            try Self.waitUntilFenced(cluster, [loser, "p1"])
            try waitUntil("the target follows \(winner)", within: 20) {
                try Self.overview(cluster, at: winner).targets?.first?.follows == true
            }
            for proxy in [loser, "p1"] {
                let leaves = try Self.force(cluster, at: proxy, winner)
                #expect(leaves.status == 200, "\(leaves)")
            }
            try cluster.waitUntilSettled()
            for proxy in cluster.proxies {
                #expect(try cluster.buckets(at: proxy) == ["before", "of-\(winner)"])
            }
            let list = try Self.document(
                try cluster.curl("'\(cluster.url(loser))/v1/daemon?what=branches'"))
            let branch = try #require(list.branches?.first?.name)
            let content = try Self.document(
                try cluster.curl("'\(cluster.url(loser))/v1/daemon?what=branches&name=\(branch)'"))
            #expect(content.onlyHere?.buckets == ["ais://of-\(loser)"])
        }
    }
}

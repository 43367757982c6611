import Foundation
import TestSupport
import Testing

/// Disks of proxies that are full or hang under real processes.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct DiskFaultTests {
    /// A cluster with one target, in which each proxy's metadata has a small disk of its own.
    private static func withDisks(
        megabytes: Int, _ body: (LabCluster) throws -> Void
    ) throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            targets: 1,
            prepare: { cluster in
                for proxy in cluster.proxies {
                    try cluster.mount("\(cluster.directory)/\(proxy)", megabytes: megabytes)
                }
            }, body)
    }

    /// ST-06: a follower, then the primary.
    @Test func `a proxy whose disk is full stands back, votes, and takes part again with room`()
        throws
    {
        try Self.withDisks(megabytes: 64) { cluster in
            let old = try cluster.primary()
            var made: Set<String> = []
            func create(_ name: String, at proxy: String) throws -> LabCluster.Reply {
                let reply = try cluster.create(name, at: proxy)
                if reply.status == 200 { made.insert(name) }
                return reply
            }
            for victim in [cluster.proxies.first { $0 != old }, old].compactMap({ $0 }) {
                let others = cluster.proxies.filter { $0 != victim }
                let filler = "\(cluster.directory)/\(victim)/filler"
                let pid = cluster.pid(victim)
                let terms = try cluster.term(victim)
                try cluster.lab.sandbox.must(
                    "dd if=/dev/zero of=\(filler) bs=64k 2>/dev/null || true")
                let full = ContinuousClock.now
                try waitUntil("\(victim) says so", within: 5) {
                    let reply = try cluster.curl(
                        "'\(cluster.url(victim))/v1/health?readiness=true'")
                    return reply.status == 507 && reply.code == "metadata_disk_full"
                }
                try waitUntil("another is primary", within: 5) {
                    try others.contains { try cluster.role($0) == "leader" }
                }
                print(
                    "full disk of \(victim): another leads after \(LabCluster.seconds(since: full)) s"
                )
                #expect(try cluster.role(victim) == "follower")
                var slowest = 0.0
                for number in 1...40 {
                    let reply = try create(
                        "on-\(victim)-\(number)", at: cluster.proxies[number % 3])
                    #expect(reply.status == 200, "\(reply)")
                    slowest = max(slowest, reply.seconds)
                }
                #expect(slowest < 3, "\(slowest)")
                let raft = try cluster.curl("'\(cluster.url(victim))/v1/daemon?what=raft'").body
                #expect(raft.contains("\"short\":true"), "\(raft)")
                let metrics = try cluster.curl("\(cluster.url(victim))/metrics").body
                #expect(metrics.contains("\nmartlet_storage_short 1\n"))

                // With its vote another one leads, although its own disk has no room; and nothing is said to be committed.
                let leader = try cluster.primary()
                let third = try #require(others.first { $0 != leader })
                try cluster.signal(leader, SIGKILL)
                try waitUntil("\(third) leads", within: 5) { try cluster.role(third) == "leader" }
                #expect(try cluster.term(victim) > terms)
                let refused = try create("refused-\(victim)", at: third)
                #expect(refused.status == 507 || refused.status == 503, "\(refused)")
                try waitUntil("it is said why", within: 5) {
                    try cluster.create("refused-\(victim)", at: third).code == "metadata_disk_full"
                }
                try cluster.start(leader)
                try waitUntil("two take changes", within: 10) {
                    try create("past-\(victim)", at: third).status == 200
                }

                try cluster.lab.sandbox.must("rm \(filler)")
                try cluster.waitUntilSettled()
                #expect(cluster.isRunning(victim) && cluster.pid(victim) == pid)
                #expect(try cluster.buckets(at: victim).isSuperset(of: made))
                let log = try cluster.logText(victim)
                #expect(
                    log.contains("takes no changes before there is more")
                        && log.contains("takes part in changes again"), "\(log)")
                #expect(try create("after-\(victim)", at: victim).status == 200)
            }
        }
    }

    /// ST-06: a log that fills all disks at the same pace.
    @Test
    func `with all disks full changes are refused and reads go on, and room is enough to go on`()
        throws
    {
        try Self.withDisks(megabytes: 64) { cluster in
            let objects = "v1/objects/b/o"
            let first = cluster.proxies[0]
            #expect(try cluster.create("b", at: first).status == 200)
            let put = try cluster.curl("-X PUT -d old \(cluster.url(first))/\(objects)")
            #expect(put.status == 200, "\(put)")
            let pids = cluster.proxies.map { cluster.pid($0) }
            let writers = cluster.proxies.map { BucketWriter(cluster, at: $0) }
            try waitUntil("all write", within: 10) {
                writers.allSatisfy { $0.soFar.count { $0.isAcknowledged } > 2 }
            }
            let fillers = cluster.proxies.map { "\(cluster.directory)/\($0)/filler" }
            try cluster.lab.sandbox.must(
                fillers.map { "(dd if=/dev/zero of=\($0) bs=64k 2>/dev/null || true)" }
                    .joined(separator: "; "))
            func allSay(_ status: Int) throws -> Bool {
                try cluster.proxies.allSatisfy {
                    try cluster.curl("'\(cluster.url($0))/v1/health?readiness=true'").status
                        == status
                }
            }
            try waitUntil("all say so", within: 10) { try allSay(507) }
            try waitUntil("changes are refused with the reason", within: 10) {
                try cluster.proxies.allSatisfy {
                    let reply = try cluster.create("refused-at-first", at: $0)
                    return reply.status == 507 && reply.code == "metadata_disk_full"
                }
            }
            // For long enough that elections and checkpoints had to be paid for.
            let begun = ContinuousClock.now
            while ContinuousClock.now - begun < .seconds(8) {
                for proxy in cluster.proxies {
                    let url = cluster.url(proxy)
                    let get = try cluster.curl("\(url)/\(objects)")
                    #expect(get.status == 200 && get.body == "old", "\(get)")
                    let stale = try cluster.curl(
                        "'\(url)/v1/daemon?what=bmd&consistency=stale'")
                    #expect(stale.status == 200, "\(stale)")
                    // That it is the newest needs an entry of the leader's term to be committed.
                    let certain = try cluster.curl("'\(url)/v1/daemon?what=smap'")
                    #expect(
                        certain.status == 200 || certain.code == "metadata_disk_full", "\(certain)")
                    let refused = try cluster.create("refused", at: proxy)
                    #expect(refused.status == 507, "\(refused)")
                }
            }
            let attempts = writers.flatMap { $0.end() }
            #expect(cluster.proxies.map { cluster.pid($0) } == pids)
            #expect(cluster.proxies.allSatisfy { cluster.isRunning($0) })

            try cluster.lab.sandbox.must("rm \(fillers.joined(separator: " "))")
            let freed = ContinuousClock.now
            try waitUntil("a change is made", within: 30) {
                try cluster.create("after", at: first).status == 200
            }
            print(
                "all disks full: a change \(LabCluster.seconds(since: freed)) s after there was room"
            )
            // Acknowledged is there, refused is not.
            try PartitionTests.check(cluster, attempts)
            for proxy in cluster.proxies {
                let present = try cluster.buckets(at: proxy)
                #expect(present.contains("b") && !present.contains { $0.hasPrefix("refused") })
                for attempt in attempts where attempt.status == 507 {
                    #expect(!present.contains(attempt.name), "refused, yet made: \(attempt)")
                }
                #expect(try cluster.create("after-\(proxy)", at: proxy).status == 200)
            }
            #expect(cluster.proxies.map { cluster.pid($0) } == pids)
        }
    }

    /// ST-06: the disk is so full that the reserve does not help either. What has to be written has its place in files that are as long as
    /// they will be.
    @Test func `a proxy with nothing left votes on, and takes part again with room`() throws {
        try Self.withDisks(megabytes: 48) { cluster in
            let old = try cluster.primary()
            var made: Set<String> = []
            for victim in [cluster.proxies.first { $0 != old }, old].compactMap({ $0 }) {
                let filler = "\(cluster.directory)/\(victim)/filler"
                try Self.takeEverything(victim, filler, cluster)
                let others = cluster.proxies.filter { $0 != victim }
                let (before, pid) = (try cluster.term(victim), cluster.pid(victim))
                var slowest = 0.0
                for number in 1...40 {
                    let name = "on-\(victim)-\(number)"
                    let reply = try cluster.create(name, at: others[1])
                    slowest = max(slowest, reply.seconds)
                    if reply.status == 200 { made.insert(name) }
                    // It stands back and takes no entries; but each term has to be written.
                    _ = try cluster.curl(
                        "-X PUT \(cluster.url(others[1]))/v1/cluster/proxy/\(others[number % 2])")
                }
                #expect(slowest < 3)
                #expect(cluster.isRunning(victim))
                #expect(try cluster.term(victim) > before + 10)
                let reply = try cluster.curl("'\(cluster.url(victim))/v1/health?readiness=true'")
                #expect(reply.code == "metadata_disk_full", "\(reply)")
                try cluster.lab.sandbox.must("rm \(filler)")
                try cluster.waitUntilSettled()
                #expect(cluster.pid(victim) == pid)
                #expect(try cluster.buckets(at: victim).isSuperset(of: made))
            }
        }
    }

    /// ST-06: at a start the files may have to be made longer.
    @Test
    func `a proxy that starts with nothing left ends and says so, and starts when there is room`()
        throws
    {
        try Self.withDisks(megabytes: 48) { cluster in
            let old = try cluster.primary()
            for victim in [cluster.proxies.first { $0 != old }, old].compactMap({ $0 }) {
                let others = cluster.proxies.filter { $0 != victim }
                try cluster.signal(victim, SIGTERM)
                #expect(try cluster.exitStatus(victim) == 0)
                let filler = "\(cluster.directory)/\(victim)/filler"
                try Self.takeEverything(victim, filler, cluster)
                try cluster.start(victim)
                for number in 1...40 where cluster.isRunning(victim) {
                    _ = try cluster.create("on-\(victim)-\(number)", at: others[1])
                    _ = try cluster.curl(
                        "-X PUT \(cluster.url(others[1]))/v1/cluster/proxy/\(others[number % 2])")
                }
                #expect(try cluster.exitStatus(victim) == 1)
                let log = try cluster.logText(victim)
                #expect(log.contains("full") && log.contains("\(victim)/metadata."), "\(log)")
                #expect(try cluster.create("past-\(victim)", at: others[1]).status == 200)
                try cluster.lab.sandbox.must("rm \(filler)")
                try cluster.start(victim)
                try cluster.waitUntilSettled()
                #expect(try cluster.buckets(at: victim).contains("past-\(victim)"))
            }
        }
    }

    /// Fills a proxy's disk, and takes what it has reserved, before it has looked.
    private static func takeEverything(
        _ proxy: String, _ filler: String, _ cluster: LabCluster
    ) throws {
        try cluster.lab.sandbox.must(
            "truncate -s 0 \(cluster.directory)/\(proxy)/metadata.reserve"
                + " && dd if=/dev/zero of=\(filler) bs=64k 2>/dev/null || true")
    }

    /// ST-07: nothing can be said of a disk that does not answer: its proxy must neither lead nor hold others up.
    @Test(
        .enabled(
            if: (try? Shell.run("losetup -f && command -v mkfs.ext4 fsfreeze").status) == 0,
            "loop devices, mkfs.ext4 and fsfreeze"))
    func `a primary whose disk hangs is replaced, and goes on when the disk does`() throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            targets: 1,
            prepare: { cluster in
                for proxy in cluster.proxies {
                    let path = "\(cluster.directory)/\(proxy)"
                    try cluster.lab.sandbox.must(
                        "mkdir \(path) && truncate -s 64M \(path).img && mkfs.ext4 -q -F \(path).img"
                            + " && mount -o loop \(path).img \(path)")
                }
            }
        ) { cluster in
            let old = try cluster.primary()
            let others = cluster.proxies.filter { $0 != old }
            let writers = [old, others[0]].map { BucketWriter(cluster, at: $0) }
            try waitUntil("writes are under way") {
                writers.allSatisfy { $0.soFar.count > 3 }
            }
            // It thaws whatever becomes of this test.
            let path = "\(cluster.directory)/\(old)"
            try cluster.lab.sandbox.must(
                "(fsfreeze -f \(path); sleep 5; fsfreeze -u \(path)) >/dev/null 2>&1 &")
            let frozen = ContinuousClock.now
            usleep(3_000_000)
            #expect(try cluster.role(old) != "leader")
            usleep(3_000_000)
            let attempts = writers.map { $0.end() }
            try PartitionTests.check(cluster, attempts.flatMap { $0 })
            #expect(attempts.flatMap { $0 }.allSatisfy { $0.seconds < 4 })
            // Without its disk it is still a way to the new primary.
            let meanwhile = attempts[0].filter {
                $0.begun > frozen + .seconds(3) && $0.begun < frozen + .seconds(4.5)
            }
            #expect(!meanwhile.isEmpty && meanwhile.allSatisfy { $0.isAcknowledged })
            print("hung disk: slowest \(attempts.flatMap { $0 }.map(\.seconds).max() ?? 0) s")
        }
    }
}

import Foundation
import TestSupport
import Testing

/// Disks that are full or gone under real processes.
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

    @Test func `a full mountpath refuses what does not fit and keeps what it has`() throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 1, targets: 1,
            prepare: { try $0.mount("\($0.directory)/t1-mp1", megabytes: 4) }
        ) { cluster in
            let url = "\(cluster.url("p1"))/v1/objects/b"
            #expect(try cluster.create("b", at: "p1").status == 200)
            for (letter, megabytes) in [("a", 1), ("z", 2)] {
                try cluster.lab.sandbox.must(
                    "head -c \(megabytes)M /dev/zero | tr '\\0' \(letter) > \(cluster.directory)/\(letter)"
                )
            }
            func put(_ name: String, _ letter: String) throws -> LabCluster.Reply {
                try cluster.curl("-T \(cluster.directory)/\(letter) \(url)/\(name)")
            }
            func sum(_ name: String) throws -> String {
                try Shell.run("\(cluster.lab.prefix("c")) curl -sL \(url)/\(name) | md5sum").output
            }
            let letters = try Shell.run("md5sum < \(cluster.directory)/a").output
            var stored: [String] = []
            var refused: [String] = []
            // Where an object goes follows from the directory's name, so a fixed count would be a matter of luck.
            for number in 1...64 where stored.count <= 5 || refused.count <= 1 {
                let reply = try put("o\(number)", "a")
                if reply.status == 200 {
                    stored.append("o\(number)")
                } else {
                    refused.append("o\(number)")
                    #expect(reply.status == 507 && reply.code == "out_of_space", "\(reply)")
                }
            }
            #expect(stored.count > 5 && refused.count > 1)
            // Over an object on the full disk: the old one stays, whole.
            let full = stored.filter {
                FileManager.default.fileExists(
                    atPath: "/proc/\(cluster.pid("t1"))/root"
                        + "\(cluster.directory)/t1-mp1/@ais/b/%ob/\($0)")
            }
            #expect(!full.isEmpty)
            for name in full {
                let reply = try put(name, "z")
                #expect(reply.status == 507, "\(reply)")
            }
            for name in stored { #expect(try sum(name) == letters, "\(name)") }
            for name in refused {
                #expect(try cluster.curl("\(url)/\(name)").status == 404)
            }
            let left = try cluster.lab.sandbox.must(
                "find \(cluster.directory)/t1-mp1 -path '*%wk/*'")
            #expect(left.isEmpty, "\(left)")
            // Room again: it is used again.
            #expect(try cluster.curl("-X DELETE \(url)/\(full[0])").status == 200)
            #expect(try put(refused[0], "a").status == 200)
        }
    }

    @Test(arguments: [true, false])
    func `a mountpath that vanishes is an error of its own objects, not their absence`(
        isRemoved: Bool
    ) throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 1, targets: 1,
            prepare: { cluster in
                if !isRemoved { try cluster.mount("\(cluster.directory)/t1-mp1", megabytes: 4) }
            }
        ) { cluster in
            let url = "\(cluster.url("p1"))/v1/objects/b"
            #expect(try cluster.create("b", at: "p1").status == 200)
            for number in 1...12 {
                #expect(try cluster.curl("-X PUT -d x \(url)/o\(number)").status == 200)
            }
            let list =
                "-X POST -d '{\"action\":\"listobj\"}' \(cluster.url("p1"))/v1/buckets/b"
            #expect(try cluster.curl(list).status == 200)
            try cluster.lab.sandbox.must(
                isRemoved
                    ? "rm -rf \(cluster.directory)/t1-mp1"
                    : "nsenter -t \(cluster.pid("t1")) -m umount -l \(cluster.directory)/t1-mp1")
            var unavailable = 0
            for number in 1...12 {
                for words in ["-X PUT -d y", "", "-X DELETE"] {
                    let reply = try cluster.curl("\(words) \(url)/o\(number)")
                    #expect(
                        reply.status == 200 || reply.code == "mountpath_unavailable",
                        "\(words): \(reply)")
                    if reply.status != 200 { unavailable += 1 }
                }
            }
            // What was only unmounted in a hurry can still be reached by those who have it open.
            if isRemoved { #expect(unavailable > 0 && unavailable < 36) }
            let gap = try cluster.curl(list)
            #expect(gap.status == 503 && gap.code == "mountpath_unavailable", "\(gap)")
            // It is taken out, so that what is written goes elsewhere; and the cluster's log says so.
            try waitUntil("it is taken out", within: 5) {
                try cluster.curl("'\(cluster.url("p1"))/v1/cluster?what=mountpath_events'").body
                    .contains("t1-mp1\",")
            }
            for number in 1...12 {
                let put = try cluster.curl("-X PUT -d z \(url)/o\(number)")
                #expect(put.status == 200, "\(put)")
                #expect(try cluster.curl("\(url)/o\(number)").body == "z")
            }
        }
    }

    @Test func `a mountpath that can no longer be written is taken out, and comes back whole`()
        throws
    {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 1, targets: 1,
            prepare: { try $0.mount("\($0.directory)/t1-mp1", megabytes: 4) }
        ) { cluster in
            let url = "\(cluster.url("p1"))/v1/objects/b"
            let path = "\(cluster.directory)/t1-mp1"
            let mountpaths = "'\(cluster.url("t1"))/v1/daemon/mountpaths'"
            #expect(try cluster.create("b", at: "p1").status == 200)
            for number in 1...12 {
                #expect(try cluster.curl("-X PUT -d old \(url)/o\(number)").status == 200)
            }
            func remount(_ mode: String) throws {
                try cluster.lab.sandbox.must(
                    "nsenter -t \(cluster.pid("t1")) -m mount -o remount,\(mode) \(path)")
            }
            try remount("ro")
            try waitUntil("all writes go on", within: 5) {
                try (1...12).allSatisfy {
                    try cluster.curl("-X PUT -d new \(url)/n\($0)").status == 200
                }
            }
            let events = try cluster.curl("'\(cluster.url("p1"))/v1/cluster?what=mountpath_events'")
            #expect(events.body.contains("Read-only file system"), "\(events)")
            #expect(events.body.contains("\"disabled\":true"), "\(events)")
            let early = try cluster.curl(
                "-d '{\"action\":\"enable\",\"value\":\"\(path)\"}' \(mountpaths)")
            #expect(early.status != 200, "\(early)")
            try remount("rw")
            let back = try cluster.curl(
                "-d '{\"action\":\"enable\",\"value\":\"\(path)\"}' \(mountpaths)")
            #expect(back.status == 200, "\(back)")
            for number in 1...12 {
                #expect(try cluster.curl("\(url)/o\(number)").body == "old")
                #expect(try cluster.curl("\(url)/n\(number)").body == "new")
            }
            let ready = try cluster.curl("'\(cluster.url("t1"))/v1/health?readiness=true'")
            #expect(ready.status == 200, "\(ready)")
        }
    }

    @Test func `what is deleted while a disk is away stays deleted, though the target is killed`()
        throws
    {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 1, targets: 1,
            prepare: { try $0.mount("\($0.directory)/t1-mp1", megabytes: 4) }
        ) { cluster in
            let url = "\(cluster.url("p1"))/v1/objects/b"
            let path = "\(cluster.directory)/t1-mp1"
            #expect(try cluster.create("b", at: "p1").status == 200)
            for number in 1...12 {
                #expect(try cluster.curl("-X PUT -d old \(url)/o\(number)").status == 200)
            }
            func remount(_ mode: String) throws {
                try cluster.lab.sandbox.must(
                    "nsenter -t \(cluster.pid("t1")) -m mount -o remount,\(mode) \(path)")
            }
            func enable() throws -> LabCluster.Reply {
                try cluster.curl(
                    "-d '{\"action\":\"enable\",\"value\":\"\(path)\"}' "
                        + "'\(cluster.url("t1"))/v1/daemon/mountpaths'")
            }
            try remount("ro")
            try waitUntil("all can be written again", within: 10) {
                try (1...12).allSatisfy {
                    try cluster.curl("-X PUT -d new \(url)/o\($0)").status == 200
                }
            }
            for number in 1...6 {
                let reply = try cluster.curl("-X DELETE \(url)/o\(number)")
                #expect(reply.status == 200, "\(reply)")
            }
            func check() throws {
                for number in 1...12 {
                    let reply = try cluster.curl("\(url)/o\(number)")
                    #expect(
                        number <= 6 ? reply.status == 404 : reply.body == "new",
                        "o\(number): \(reply)")
                }
            }
            try check()
            try cluster.signal("t1", SIGKILL)
            try cluster.start("t1")
            try waitUntil("t1 is back") {
                try cluster.curl("'\(cluster.url("t1"))/v1/health?readiness=true'").status == 200
            }
            try check()
            try remount("rw")
            let back = try enable()
            #expect(back.status == 200, "\(back)")
            try check()
            let log = try cluster.logText("t1")
            #expect(log.contains("had been replaced or removed while it was away"), "\(log)")
            let list = try cluster.curl(
                "-X POST -d '{\"action\":\"listobj\"}' \(cluster.url("p1"))/v1/buckets/b")
            #expect(list.status == 200 && !list.body.contains("\"o1\""), "\(list)")
        }
    }

    /// What a disk does not give is not damaged: nothing is moved out of the way for it, and nothing is lost.
    @Test(
        .enabled(
            if: (try? Shell.run("losetup -f && command -v mkfs.ext4 debugfs").status) == 0,
            "loop devices, mkfs.ext4 and debugfs"))
    func `a bucket whose mark a disk fails to give is held back until it does`() throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 1, targets: 1,
            prepare: { cluster in
                let path = "\(cluster.directory)/t1-mp1"
                // Inodes so small that every attribute has a block of its own, which can be destroyed.
                try cluster.lab.sandbox.must(
                    "mkdir \(path) && truncate -s 16M \(path).img"
                        + " && mkfs.ext4 -q -F -b 4096 -I 128 \(path).img"
                        + " && mount -o loop \(path).img \(path)")
            }
        ) { cluster in
            let path = "\(cluster.directory)/t1-mp1"
            // Each process has the mounts that were there when it started.
            try cluster.lab.sandbox.must("nsenter -t \(cluster.pid("p1")) -m umount \(path)")
            let url = "\(cluster.url("p1"))/v1/objects/b"
            #expect(try cluster.create("b", at: "p1").status == 200)
            for number in 1...12 {
                #expect(try cluster.curl("-X PUT -d \(number) \(url)/o\(number)").status == 200)
            }
            /// Runs a command on the image while the target does not run and the disk is not mounted.
            func onImage(_ command: String) throws {
                try cluster.signal("t1", SIGTERM)
                #expect(try cluster.exitStatus("t1") == 0)
                try cluster.lab.sandbox.must(
                    "umount \(path) && \(command) && mount -o loop \(path).img \(path)")
                try cluster.start("t1")
                try waitUntil("t1 has compared its disks with the state") {
                    try cluster.curl("'\(cluster.url("t1"))/v1/daemon?what=bmd'").status == 200
                }
            }
            let block =
                "block=$(debugfs -R 'stat /@ais/b' \(path).img 2>/dev/null"
                + " | sed -n 's/.*File ACL: *\\([0-9]*\\).*/\\1/p')"
            try onImage(
                "\(block) && test $block -gt 0"
                    + " && dd if=\(path).img of=\(path).block bs=4096 count=1 skip=$block 2>/dev/null"
                    + " && dd if=/dev/zero of=\(path).img bs=4096 count=1 seek=$block conv=notrunc 2>/dev/null"
            )
            for words in ["", "-X PUT -d y", "-X DELETE"] {
                let reply = try cluster.curl("\(words) \(url)/o1")
                #expect(reply.status == 503 && reply.code == "mountpath_unavailable", "\(reply)")
            }
            let list = try cluster.curl(
                "-X POST -d '{\"action\":\"listobj\"}' \(cluster.url("p1"))/v1/buckets/b")
            #expect(list.status == 503 && list.code == "mountpath_unavailable", "\(list)")
            let log = try cluster.logText("t1")
            #expect(
                log.contains("bucket ais://b is not served: the mark of \(path)/@ais/b"), "\(log)")
            try cluster.lab.sandbox.must("test -d \(path)/@ais/b/%ob && test ! -e '\(path)/$kept'")

            try onImage(
                "\(block) && dd if=\(path).block of=\(path).img bs=4096 count=1 seek=$block conv=notrunc"
                    + " 2>/dev/null")
            for number in 1...12 {
                let get = try cluster.curl("\(url)/o\(number)")
                #expect(get.status == 200 && get.body == "\(number)", "\(get)")
            }
        }
    }
}

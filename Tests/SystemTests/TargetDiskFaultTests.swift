import Foundation
import TestSupport
import Testing

/// Disks of targets that are full, gone or failing under real processes. What a loss of power leaves: `PowerLossTests`.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct TargetDiskFaultTests {
    private static let hasLoops =
        (try? Shell.run("losetup -f && command -v mkfs.ext4").status) == 0

    /// On a filesystem without a journal, and on one with.
    @Test(arguments: hasLoops ? ["tmpfs", "ext4"] : ["tmpfs"])
    func `a full mountpath refuses what does not fit and keeps what it has`(
        kind: String
    ) throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 1, targets: 1,
            prepare: { cluster in
                let path = "\(cluster.directory)/t1-mp1"
                if kind == "tmpfs" { return try cluster.mount(path, megabytes: 4) }
                try cluster.lab.sandbox.must(
                    "mkdir \(path) && truncate -s 16M \(path).img && "
                        + "mkfs.ext4 -q -F -b 4096 -m 0 -J size=4 \(path).img && "
                        + "mount -o loop \(path).img \(path)")
            }
        ) { cluster in
            let keepsOrder = try cluster.logText("t1").contains("keeps the order of changes")
            #expect(keepsOrder == (kind == "ext4"))
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

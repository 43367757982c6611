import Base
import Foundation
import TestSupport
import Testing

/// Targets whose disks lose power while they write (decision 0041): of what was not flushed, any part is gone.
@Suite(
    .serialized,
    .enabled(if: VolatileDisk.obstacle == nil, "power loss: \(VolatileDisk.obstacle ?? "")"))
struct PowerLossTests {
    private static let rounds = 4

    @Test(arguments: ["ext4", "xfs", "btrfs"])
    func `what was acknowledged survives a loss of power, and what is there is whole`(
        kind: String
    ) throws {
        try Self.with(kind) { cluster, disk in
            let keepsOrder = try cluster.logText("t1").contains("keeps the order of changes")
            #expect(keepsOrder == (kind != "btrfs"))
            var records: [String] = []
            for round in 1...Self.rounds {
                let bucket = "b\(round)"
                let loads = try Self.write(bucket, in: cluster, &records)
                let lost = try disk.losePower(with: cluster.pid("t1"))
                #expect(lost.hasPrefix("power lost"))
                print("power loss: \(kind): \(lost)")
                try cluster.signal("t1", SIGKILL)
                Self.end(loads)
                try Self.recover(disk, cluster)
                try cluster.start("t1")
                try cluster.waitUntilSettled()
                try Self.verify(records, cluster, "\(kind), round \(round)")
                try Self.checkWhole(cluster, bucket)
            }
        }
    }

    @Test(arguments: ["ext4", "xfs"])
    func `nothing is acknowledged that a disk took with it when it failed under its target`(
        kind: String
    ) throws {
        try Self.with(kind) { cluster, disk in
            var records: [String] = []
            let loads = try Self.write("b", in: cluster, &records)
            print("power loss: \(kind), disk alone: \(try disk.losePower())")
            let mountpaths = "'\(cluster.url("t1"))/v1/daemon/mountpaths'"
            try waitUntil("the target is ready no more") {
                try cluster.curl("'\(cluster.url("t1"))/v1/health?readiness=true'").status == 503
            }
            Self.end(loads)
            // It has a mount namespace of its own, so a new life has to find the disk again.
            try cluster.signal("t1", SIGTERM)
            #expect(try cluster.exitStatus("t1") == 0)
            try Self.recover(disk, cluster)
            try cluster.start("t1")
            for number in 1...2 {
                let path = "\(cluster.directory)/t1-mp\(number)"
                try waitUntil("mountpath \(number) takes part again") {
                    try cluster.curl(
                        "-d '{\"action\":\"enable\",\"value\":\"\(path)\"}' \(mountpaths)"
                    ).status == 200
                }
            }
            try cluster.waitUntilSettled()
            try Self.verify(records, cluster, kind)
            try Self.checkWhole(cluster, "b")
        }
    }

    // MARK: A target on such a disk

    private static func with(
        _ kind: String, _ body: (LabCluster, VolatileDisk) throws -> Void
    ) throws {
        var disk: VolatileDisk?
        defer { disk?.end() }
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 1, targets: 1,
            prepare: { cluster in
                let made = try VolatileDisk(
                    kind, at: "\(cluster.directory)/disk", in: cluster.lab.sandbox)
                disk = made
                try bind(cluster, made)
            }
        ) { cluster in
            try body(cluster, try #require(disk))
        }
    }

    /// New objects and replaced ones, in a new bucket; they are under way when this returns, and their records are added.
    private static func write(
        _ bucket: String, in cluster: LabCluster, _ records: inout [String]
    ) throws -> [Process] {
        #expect(try cluster.create(bucket, at: "p1").status == 200)
        var loads: [Process] = []
        for words in ["put --size 6000", "mixed --objects 40"] {
            let name = words.split(separator: " ")[0]
            let record = "\(cluster.directory)/\(name)-\(bucket).record"
            records.append(record)
            loads.append(
                try cluster.lab.start(
                    on: "c",
                    "\(Shell.martlet) load \(words) --url \(cluster.url("t1")) --direct "
                        + "--bucket \(bucket) --prefix \(name) --concurrency 8 --duration 3s"
                        + " --record \(record)", log: "\(cluster.directory)/load.log"))
        }
        _ = try waitUntil("objects are stored") {
            try records.suffix(2).allSatisfy { try lines(of: $0) > 100 }
        }
        usleep(UInt32.random(in: 0...500_000))
        return loads
    }

    private static func end(_ loads: [Process]) {
        for load in loads {
            load.waitUntilExit()
            // 4: something that was read was wrong.
            #expect(load.terminationStatus != 4)
        }
    }

    private static func recover(_ disk: VolatileDisk, _ cluster: LabCluster) throws {
        try cluster.lab.sandbox.must("umount -l \(mountpaths(cluster))")
        try disk.recover()
        try bind(cluster, disk)
    }

    private static func verify(
        _ records: [String], _ cluster: LabCluster, _ what: String
    ) throws {
        for record in records {
            let check = try Shell.run(
                "\(cluster.lab.prefix("c")) \(Shell.martlet) load verify "
                    + "--url \(cluster.url("p1")) --record \(record)")
            #expect(check.status == 0, "\(what): \(check.output)")
        }
    }

    private static func mountpaths(_ cluster: LabCluster) -> String {
        (1...2).map { "\(cluster.directory)/t1-mp\($0)" }.joined(separator: " ")
    }

    private static func bind(_ cluster: LabCluster, _ disk: VolatileDisk) throws {
        for number in 1...2 {
            let place = "\(cluster.directory)/t1-mp\(number)"
            try cluster.lab.sandbox.must(
                "mkdir -p \(place) \(disk.path)/\(number) && mount --bind \(disk.path)/\(number) \(place)"
            )
        }
    }

    private static func lines(of path: String) throws -> Int {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").count
    }

    /// Every object that has a name has the bytes that its checksum says, acknowledged or not.
    private static func checkWhole(_ cluster: LabCluster, _ bucket: String) throws {
        let names = try cluster.lab.sandbox.must(
            "find \(mountpaths(cluster)) -path '*/\(bucket)/%ob/*' -type f -printf '%f\\n'"
        ).split(separator: "\n")
        #expect(names.count > 100)
        let place = "\(cluster.directory)/\(bucket).got"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let requests = names.map { name in
            "url = \(cluster.url("p1"))/v1/objects/\(bucket)/\(name)\noutput = \(place)/\(name)\n"
        }
        try requests.joined().write(toFile: "\(place).list", atomically: false, encoding: .utf8)
        let got = try Shell.run(
            "\(cluster.lab.prefix("c")) curl -s -L -K \(place).list "
                + "-w '%{http_code} %header{checksum.value} %{filename_effective}\\n'")
        let lines = got.output.split(separator: "\n")
        #expect(lines.count == names.count)
        var torn: [String] = []
        for line in lines {
            let words = line.split(separator: " ")
            guard words.count == 3, words[0] == "200" else {
                torn.append(String(line))
                continue
            }
            let bytes = [UInt8](
                FileManager.default.contents(atPath: String(words[2])) ?? Data())
            if Hex.padded(XXH64.digest(bytes)) != words[1] { torn.append(String(line)) }
        }
        #expect(torn.isEmpty, "\(torn.count) of \(names.count): \(torn.prefix(5))")
        try FileManager.default.removeItem(atPath: place)
    }
}

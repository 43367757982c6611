import Foundation
import TestSupport
import Testing

/// Networks that lose packets between hosts, with real processes on every host.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "network namespaces: \(NetworkLab.obstacle ?? "")"))
struct PartitionTests {
    /// A change in flight when the links went, and a machine that is busy with something else.
    private static let slack = 1.0

    @Test func `a primary that is cut off refuses changes, and nothing acknowledged is lost`()
        throws
    {
        try LabCluster.with { cluster in
            let old = try cluster.primary()
            let others = cluster.proxies.filter { $0 != old }
            #expect(try cluster.create("before", at: old).status == 200)
            let writers = [old, others[0], others[1]].map { BucketWriter(cluster, at: $0) }
            try waitUntil("writes are under way") {
                writers.allSatisfy { $0.soFar.count > 3 }
            }

            try cluster.lab.separate([old], from: others)
            let cut = ContinuousClock.now
            let takeover = try waitUntil("the majority goes on", within: 10) {
                writers[1].soFar.contains { $0.isAcknowledged && $0.begun > cut }
            }
            usleep(4_000_000)
            let healed = ContinuousClock.now
            try cluster.lab.heal()
            var recovery: [Double] = []
            for (proxy, writer) in zip([old] + others, writers) {
                try waitUntil("\(proxy) takes changes again", within: 10) {
                    writer.soFar.contains { $0.isAcknowledged && $0.begun > healed }
                }
                let first = writer.soFar.first { $0.isAcknowledged && $0.begun > healed }
                recovery.append(first.map { ($0.begun - healed) / .seconds(1) + $0.seconds } ?? 99)
            }
            let attempts = writers.map { $0.end() }

            // Its lease is a quarter of a second; whoever asked later was refused, at once and with names.
            let late = attempts[0].filter {
                $0.begun > cut + .seconds(0.6 + Self.slack) && $0.begun < healed - .seconds(1)
            }
            #expect(!late.isEmpty)
            for attempt in late {
                #expect(attempt.status == 503, "\(attempt)")
                #expect(attempt.code == "no_quorum", "\(attempt)")
                #expect(others.allSatisfy { attempt.body.contains("\($0) at") }, "\(attempt)")
                #expect(attempt.seconds < 3, "\(attempt)")
            }
            // What was asked of it when it was alone never ended as done.
            #expect(
                !attempts[0].contains {
                    $0.isAcknowledged && $0.begun > cut && $0.begun < healed - .seconds(1)
                })
            try Self.check(cluster, attempts.flatMap { $0 })
            #expect(try cluster.primary() != "")
            #expect(takeover < 6)
            #expect(recovery.allSatisfy { $0 < 4 }, "seconds after the heal: \(recovery)")
            Self.note("takeover \(takeover) s, after the heal \(recovery)", attempts)
        }
    }

    @Test(arguments: [true, false])
    func `a one-way cut of the primary is a cut`(isDeaf: Bool) throws {
        try LabCluster.with(targets: 1) { cluster in
            let old = try cluster.primary()
            let others = cluster.proxies.filter { $0 != old }
            let writers = [old, others[0]].map { BucketWriter(cluster, at: $0) }
            try waitUntil("writes are under way") {
                writers.allSatisfy { $0.soFar.count > 3 }
            }
            let (from, to) = isDeaf ? (others, [old]) : ([old], others)
            try cluster.lab.cut(from: from, to: to)
            let cut = ContinuousClock.now
            let takeover = try waitUntil("the majority goes on", within: 10) {
                writers[1].soFar.contains { $0.isAcknowledged && $0.begun > cut }
            }
            usleep(4_000_000)
            let healed = ContinuousClock.now
            try cluster.lab.heal()
            let back = try waitUntil("the old primary takes changes again", within: 10) {
                writers[0].soFar.contains { $0.isAcknowledged && $0.begun > healed }
            }
            let attempts = writers.map { $0.end() }
            let late = attempts[0].filter {
                $0.begun > cut + .seconds(0.6 + Self.slack) && $0.begun < healed - .seconds(1)
            }
            // One that was on its way to the new primary when the cut came is made behind the heal.
            #expect(
                !late.isEmpty
                    && late.allSatisfy {
                        $0.status == 503 || $0.begun + .seconds($0.seconds) > healed
                    }, "\(late)")
            try Self.check(cluster, attempts.flatMap { $0 })
            _ = try cluster.primary()
            #expect(takeover < 6 && back < 4)
            Self.note("deaf \(isDeaf): takeover \(takeover) s, back in \(back) s", attempts)
        }
    }

    @Test func `a target without proxies never answers by an old map in silence`() throws {
        try LabCluster.with { cluster in
            let proxy = try cluster.primary()
            #expect(try cluster.create("b", at: proxy).status == 200)
            for object in 1...5 {
                let put = try cluster.curl(
                    "-X PUT --data-binary x \(cluster.url(proxy))/v1/objects/b/o\(object)")
                #expect(put.status == 200, "\(put.body)")
            }
            try cluster.lab.separate(["t1"], from: cluster.proxies)
            // The first change waits for it, and is made all the same.
            let first = try cluster.create("new", at: proxy)
            #expect(first.status == 200 && first.seconds < 3.5, "\(first)")
            let second = try cluster.create("newer", at: proxy)
            #expect(second.status == 200 && second.seconds < 1.8, "\(second)")

            var behind = 0
            for object in 1...5 {
                // Redirects carry the new position: t1 cannot know it, t2 goes on.
                let put = try cluster.curl(
                    "-X PUT --data-binary y \(cluster.url(proxy))/v1/objects/new/o\(object)")
                #expect(put.status == 200 || put.code == "target_behind", "\(put)")
                #expect(put.seconds < 4)
                if put.status != 200 { behind += 1 }
            }
            #expect(behind > 0 && behind < 5)
            let list = try cluster.curl(
                "-X POST -d '{\"action\":\"listobj\"}' \(cluster.url(proxy))/v1/buckets/new")
            #expect(list.status >= 500 && list.body.contains("t1"), "\(list)")
            #expect(list.seconds < 6)

            // It has destroyed and made a bucket in between: nothing of the old life may be seen.
            let gone = try cluster.curl(
                "-X DELETE -d '{\"action\":\"destroylb\"}' \(cluster.url(proxy))/v1/buckets/b")
            #expect(gone.status == 200, "\(gone)")
            #expect(try cluster.create("b", at: proxy).status == 200)
            for object in 1...5 {
                let get = try cluster.curl("\(cluster.url(proxy))/v1/objects/b/o\(object)")
                #expect(get.status == 404 || get.code == "target_behind", "\(get)")
            }
            usleep(5_000_000)
            try cluster.lab.heal()
            let back = try waitUntil("t1 serves again", within: 10) {
                try (1...5).allSatisfy {
                    try cluster.curl(
                        "-X PUT --data-binary z \(cluster.url(proxy))/v1/objects/new/o\($0)"
                    ).status == 200
                }
            }
            #expect(back < 7)
            for object in 1...5 {
                let get = try cluster.curl("\(cluster.url(proxy))/v1/objects/b/o\(object)")
                #expect(get.status == 404, "\(get)")
            }
            print("partition: t1 serves \(back) s after the heal")
        }
    }

    /// A proxy that is alone goes on showing signs of life to those who follow it.
    @Test func `a target leaves the proxy it follows when that one is cut off from the others`()
        throws
    {
        try LabCluster.with { cluster in
            // Few targets follow the primary.
            let followed = try cluster.primary()
            for target in cluster.targets {
                try waitUntil("\(target) follows it") {
                    let status = try cluster.curl("'\(cluster.url(target))/v1/daemon?what=status'")
                    return status.body.contains(cluster.lab.address(followed))
                }
            }
            let others = cluster.proxies.filter { $0 != followed }
            try cluster.lab.separate([followed], from: others)
            try waitUntil("the others take changes", within: 10) {
                try cluster.create("b", at: others[0]).status == 200
            }
            let begun = ContinuousClock.now
            var slowest = 0.0
            for object in 1...12 {
                let put = try cluster.curl(
                    "-X PUT --data-binary x \(cluster.url(others[object % 2]))/v1/objects/b/o\(object)"
                )
                #expect(put.status == 200 || put.code == "target_behind", "\(put)")
                if LabCluster.seconds(since: begun) > 5 { #expect(put.status == 200, "\(put)") }
                slowest = max(slowest, put.seconds)
            }
            try waitUntil("every object can be written", within: 6) {
                try (1...12).allSatisfy {
                    try cluster.curl(
                        "-X PUT --data-binary x \(cluster.url(others[0]))/v1/objects/b/o\($0)"
                    ).status == 200
                }
            }
            print("partition: \(followed) cut off: slowest PUT \(slowest) s")
            try cluster.lab.heal()
            try cluster.waitUntilSettled()
        }
    }

    /// Certain reads take the same way (RD-09).
    @Test func `a proxy that reaches only another than the primary changes things through it`()
        throws
    {
        try LabCluster.with(targets: 1) { cluster in
            let primary = try cluster.primary()
            let others = cluster.proxies.filter { $0 != primary }
            try cluster.lab.separate([primary], from: [others[0]])
            try waitUntil("the loss is noticed", within: 10) {
                try cluster.role(others[0]) != "follower"
            }
            var slowest = 0.0
            for number in 1...6 {
                let made = try cluster.create("around-\(number)", at: others[0])
                #expect(made.status == 200, "\(made)")
                slowest = max(slowest, made.seconds)
            }
            let again = try cluster.create("around-1", at: others[0])
            #expect(again.code == "bucket_exists", "\(again)")
            #expect(try cluster.buckets(at: others[1]).count == 6)
            #expect(try cluster.create("seen", at: primary).status == 200)
            for path in ["buckets/*", "daemon?what=bmd", "cluster?what=history"] {
                let read = try cluster.curl("-i '\(cluster.url(others[0]))/v1/\(path)'")
                #expect(read.status == 200 && read.body.contains("seen"), "\(read)")
                #expect(!read.body.contains("Martlet-Age-Ms"), "\(read)")
                #expect(read.seconds < 1, "\(read)")
            }
            let stale = try cluster.curl(
                "-i '\(cluster.url(others[0]))/v1/buckets/*?consistency=stale'")
            #expect(stale.status == 200 && !stale.body.contains("seen"), "\(stale)")
            #expect(stale.body.contains("Martlet-Age-Ms: "), "\(stale)")
            // The one that is out of reach unseats nobody.
            #expect(try cluster.role(primary) == "leader")
            #expect(slowest < 1)
            print("partition: around in \(slowest) s")
            try cluster.lab.heal()
            try cluster.waitUntilSettled()
        }
    }

    /// Long enough for TCP to have backed off: nothing may wait for its next attempt.
    @Test func `after a long partition every proxy takes changes at once`() throws {
        try LabCluster.with { cluster in
            let old = try cluster.primary()
            let others = cluster.proxies.filter { $0 != old }
            let writers = cluster.proxies.map { BucketWriter(cluster, at: $0) }
            try waitUntil("writes are under way") {
                writers.allSatisfy { $0.soFar.count > 3 }
            }
            // Everybody from everybody; a target stays with each side.
            try cluster.lab.separate([old, "t1"], from: others + ["t2"])
            try cluster.lab.separate([others[0]], from: [others[1], "t2"])
            usleep(15_000_000)
            let healed = ContinuousClock.now
            try cluster.lab.heal()
            for writer in writers {
                try waitUntil("changes again", within: 20) {
                    writer.soFar.contains { $0.isAcknowledged && $0.begun > healed }
                }
            }
            let attempts = writers.map { $0.end() }
            try waitUntil("targets have everything", within: 20) {
                let documents = try ([old] + cluster.targets).map {
                    try cluster.curl("'\(cluster.url($0))/v1/daemon?what=bmd'").body
                }
                return Set(documents).count == 1 && !documents[0].isEmpty
            }
            let targets = LabCluster.seconds(since: healed)
            let recovery = attempts.map { attempts -> Double in
                let first = attempts.first {
                    $0.isAcknowledged && $0.begun + .seconds($0.seconds) > healed
                }
                return first.map { ($0.begun - healed) / .seconds(1) + $0.seconds } ?? 99
            }
            try Self.check(cluster, attempts.flatMap { $0 })
            #expect(recovery.allSatisfy { $0 < 4 }, "seconds after the heal: \(recovery)")
            Self.note("15 s: changes \(recovery) s after the heal, targets \(targets) s", attempts)
        }
    }

    @Test func `a network that comes and goes loses nothing that was acknowledged`() throws {
        try LabCluster.with { cluster in
            let first = try cluster.primary()
            #expect(try cluster.create("flap", at: first).status == 200)
            let urls = cluster.urls(cluster.proxies)
            let records = ["objects", "buckets"].map { "\(cluster.directory)/\($0).record" }
            let loads = try [
                "mixed --url \(urls) --bucket flap --through-redirect --concurrency 4 "
                    + "--objects 100 --duration 20s --record \(records[0])",
                "bucket-create --url \(urls) --concurrency 3 --duration 20s --record \(records[1])",
            ].enumerated().map { number, words in
                try cluster.lab.start(
                    on: "c", "\(Shell.martlet) load \(words)",
                    log: "\(cluster.directory)/load\(number).log")
            }
            let hosts = cluster.proxies + cluster.targets
            for round in 0..<18 {
                let one = hosts[Int.random(in: 0..<hosts.count)]
                let rest = hosts.filter { $0 != one }
                switch round % 3 {
                case 0: try cluster.lab.separate([one], from: rest)
                case 1: try cluster.lab.cut(from: [one], to: rest)
                default: try cluster.lab.cut(from: rest, to: [one])
                }
                usleep(UInt32.random(in: 300_000...1_200_000))
                try cluster.lab.heal()
                usleep(UInt32.random(in: 100_000...600_000))
            }
            for (number, load) in loads.enumerated() {
                load.waitUntilExit()
                let log = try String(
                    contentsOfFile: "\(cluster.directory)/load\(number).log", encoding: .utf8)
                // 4: something that was read was wrong.
                #expect(load.terminationStatus != 4, "\(log)")
                print("partition: flapping: \(log)")
            }
            try cluster.waitUntilSettled()
            for record in records {
                let check = try Shell.run(
                    "\(cluster.lab.prefix("c")) \(Shell.martlet) load verify --url \(urls) "
                        + "--record \(record)")
                #expect(check.status == 0, "\(check.output)")
            }
        }
    }

    /// Acknowledged: there, at every proxy. Refused: nowhere. Neither: anything.
    static func check(_ cluster: LabCluster, _ attempts: [BucketWriter.Attempt]) throws {
        try cluster.waitUntilSettled()
        for proxy in cluster.proxies {
            let present = try cluster.buckets(at: proxy)
            for attempt in attempts {
                if attempt.isAcknowledged {
                    #expect(present.contains(attempt.name), "lost at \(proxy): \(attempt)")
                }
                if attempt.isRefused {
                    #expect(!present.contains(attempt.name), "refused, yet made: \(attempt)")
                }
            }
        }
    }

    private static func note(_ text: String, _ attempts: [[BucketWriter.Attempt]]) {
        var kinds: [String: Int] = [:]
        for attempt in attempts.flatMap({ $0 }) {
            kinds["\(attempt.status) \(attempt.code)", default: 0] += 1
        }
        let slowest = attempts.flatMap { $0 }.map(\.seconds).max() ?? 0
        print("partition: \(text); \(kinds); slowest answer \(slowest) s")
    }
}

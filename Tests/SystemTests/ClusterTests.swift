import Base
import DevCluster
import Foundation
import TestSupport
import Testing

/// A cluster of real processes, and what is done to it.
@Suite(.serialized) struct ClusterTests {
    @Test func `the printed curl lines work at every proxy`() throws {
        try SystemCluster.with { cluster in
            for proxy in try cluster.nodes("proxy") {
                for line in CurlLines.lines(proxy: proxy.url) {
                    let command = line.command.replacingOccurrences(
                        of: "curl -sS", with: "curl -fsS --max-time 20")
                    let result = try Shell.run(command)
                    #expect(result.status == 0, "\(command): \(result.output)")
                    if line.title == "read it" { #expect(result.output == "hello, martlet") }
                    if line.title.contains("bytes 7") { #expect(result.output == "martlet") }
                    if line.title.contains("list the bucket's") {
                        #expect(result.output.contains(#""name":"hello","size":"14""#))
                    }
                }
            }
        }
    }

    @Test func `a bucket made through one proxy is written to through another at once`() throws {
        try SystemCluster.with { cluster in
            let proxies = try cluster.nodes("proxy").map(\.url)
            for round in 1...10 {
                let (one, other) = (proxies[round % 3], proxies[(round + 1) % 3])
                #expect(try cluster.create("b\(round)", at: one).status == 200)
                for object in 1...3 {
                    let put = try cluster.curl(
                        "-X PUT --data-binary x '\(other)/v1/objects/b\(round)/o\(object)'")
                    #expect(put.status == 200, "\(put.body)")
                }
            }
        }
    }

    /// Whatever dies, nothing that was acknowledged is lost, and the others go on.
    @Test(arguments: [UInt64.random(in: 1...1_000_000)])
    func `nodes killed under load lose nothing that was acknowledged`(seed: UInt64) throws {
        try SystemCluster.with { cluster in
            var random = SeededRandom(seed: seed)
            let urls = try cluster.nodes("proxy").map(\.url).joined(separator: ",")
            let records = ["objects", "buckets"].map { "\(cluster.directory)/\($0).record" }
            let first = try #require(try cluster.nodes("proxy").first)
            #expect(try cluster.create("load", at: first.url).status == 200)
            let loads = [
                try BackgroundLoad(
                    "mixed --url \(urls) --bucket load --through-redirect --concurrency 8 "
                        + "--objects 400 --duration 20s", record: records[0]),
                try BackgroundLoad(
                    "bucket-create --url \(urls) --concurrency 2 --duration 20s",
                    record: records[1]),
            ]
            let ids = try cluster.nodes().map(\.id)
            let end = Date.now.addingTimeInterval(17)
            var kills = 0
            while Date.now < end {
                // The primary more often than chance would have it.
                let victim =
                    random.next() % 3 == 0
                    ? ((try? cluster.primary()) ?? ids[0]) : ids[Int(random.next() % 6)]
                try cluster.must("kill \(victim)")
                kills += 1
                usleep(UInt32(random.next() % 900_000))
                try cluster.must("restart \(victim)")
                usleep(UInt32(random.next() % 900_000))
            }
            for load in loads {
                let (status, output) = load.finish()
                #expect(status == 0, "seed \(seed): \(output)")
            }
            #expect(kills >= 5)
            try cluster.waitUntilSettled()
            for record in records {
                let check = try Shell.run(
                    "\(Shell.martlet) load verify --url \(urls) --record \(record)")
                #expect(check.status == 0, "seed \(seed): \(check.output)")
            }
        }
    }

    @Test func `everything killed at once is all there after a start`() throws {
        try SystemCluster.with { cluster in
            let urls = try cluster.nodes("proxy").map(\.url)
            let record = "\(cluster.directory)/objects.record"
            let load = try BackgroundLoad(
                "put --url \(urls.joined(separator: ",")) --bucket all --through-redirect "
                    + "--concurrency 8 --duration 4s", record: record)
            usleep(2_500_000)
            for node in try cluster.nodes() { try cluster.must("kill \(node.id)") }
            _ = load.finish()
            try cluster.start()
            let check = try Shell.run(
                "\(Shell.martlet) load verify --url \(urls.joined(separator: ",")) "
                    + "--record \(record)")
            #expect(check.status == 0, "\(check.output)")
            #expect(!check.output.contains(" 0 objects"), "\(check.output)")
        }
    }

    @Test func `without a majority changes are refused by name, and objects go on`() throws {
        try SystemCluster.with { cluster in
            let proxies = try cluster.nodes("proxy")
            #expect(try cluster.create("b", at: proxies[0].url).status == 200)
            let last = try #require(proxies.last)
            // What a survivor goes on with is what it knew to be committed; it hears of a commit a moment later.
            try waitUntil("\(last.id) knows the bucket") {
                try cluster.curl("'\(last.url)/v1/buckets/*?consistency=stale'").says("\"b\"")
            }
            for proxy in proxies.dropLast() { try cluster.must("kill \(proxy.id)") }
            try waitUntil("the loss is noticed") {
                try cluster.create("no", at: last.url).says("no_quorum")
            }
            let refused = try cluster.create("no", at: last.url)
            #expect(refused.status == 503)
            #expect(refused.says(proxies[0].id) && refused.says(proxies[1].id))
            #expect(refused.says("not heard since 20"), "\(refused.body)")
            for object in 1...20 {
                let put = try cluster.curl(
                    "-X PUT --data-binary body '\(last.url)/v1/objects/b/o\(object)'")
                #expect(put.status == 200, "\(put.body)")
                let get = try cluster.curl("'\(last.url)/v1/objects/b/o\(object)'")
                #expect(get.status == 200 && get.body == "body")
            }
            // A target that starts now finds the last committed map.
            try cluster.must("kill t1")
            try cluster.must("restart t1")
            try waitUntil("t1 is ready without a majority") {
                let t1 = try cluster.node("t1").url
                return try cluster.curl("'\(t1)/v1/health?readiness=true'").status == 200
            }
            for proxy in proxies.dropLast() { try cluster.must("restart \(proxy.id)") }
            try cluster.waitUntilSettled()
            #expect(try cluster.create("yes", at: last.url).status == 200)
        }
    }

    @Test func `a paused primary is replaced, and acknowledges nothing when it wakes`() throws {
        try SystemCluster.with { cluster in
            let old = try cluster.primary()
            let other = try #require(try cluster.nodes("proxy").first { $0.id != old })
            try cluster.must("pause \(old)")
            try waitUntil("another proxy is primary") {
                try cluster.create("during", at: other.url, maxSeconds: 3).status != 0
                    && cluster.curl("'\(other.url)/v1/buckets/*'", maxSeconds: 3).says("during")
            }
            try cluster.must("resume \(old)")
            let woken = try cluster.node(old)
            #expect(try cluster.create("after", at: woken.url).status == 200)
            let names = try cluster.curl("'\(woken.url)/v1/buckets/*'")
            #expect(names.says("during") && names.says("after"), "\(names.body)")
            try cluster.waitUntilSettled()
            #expect(try cluster.primary() != old)
        }
    }

    @Test func `targets move to another proxy when theirs dies`() throws {
        try SystemCluster.with { cluster in
            for proxy in try cluster.nodes("proxy") {
                try cluster.must("kill \(proxy.id)")
                let other = try #require(try cluster.nodes("proxy").first { $0.id != proxy.id })
                try waitUntil("a change reaches all targets") {
                    let name = "m-\(proxy.id)-\(UInt32.random(in: 0...UInt32.max))"
                    guard try cluster.create(name, at: other.url).status == 200 else {
                        return false
                    }
                    return try cluster.nodes("target").allSatisfy {
                        try cluster.curl("'\($0.url)/v1/daemon?what=bmd'").says("\"\(name)\"")
                    }
                }
                try cluster.must("restart \(proxy.id)")
                try cluster.waitUntilSettled()
            }
        }
    }

    @Test func `bad bytes and slow clients harm nobody else`() throws {
        try SystemCluster.with(proxies: 1, targets: 1) { cluster in
            let proxy = try #require(try cluster.nodes("proxy").first)
            #expect(try cluster.create("b", at: proxy.url).status == 200)
            let bad = [
                "GET / HTTP/1.1\\r\\n\\r\\n", "\\000\\001\\002\\r\\n",
                "GET /v1/health HTTP/9.9\\r\\n\\r\\n",
                "PUT /v1/objects/b/o?pid=p1&utm=1 HTTP/1.1\\r\\nHost: x\\r\\n"
                    + "Content-Length: 99999999999999999999\\r\\n\\r\\n",
                "POST /v1/buckets/b HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nzz\\r\\n",
                "GET /v1/objects/b/%%zz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n",
            ]
            for node in try cluster.nodes() {
                let port = node.url.split(separator: ":").last ?? ""
                for bytes in bad {
                    let reply = try Shell.run(
                        "printf '\(bytes)' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/\(port); "
                            + "cat >&3; timeout 2 head -c 400 <&3'")
                    #expect(
                        reply.output.isEmpty || reply.output.hasPrefix("HTTP/1.1 4")
                            || reply.output.hasPrefix("HTTP/1.1 5"), "\(bytes): \(reply.output)")
                }
                // A client that never finishes its head, left open while others are served.
                let slow = try Shell.run(
                    "bash -c 'exec 3<>/dev/tcp/127.0.0.1/\(port); printf GET >&3; "
                        + "curl -sS -o /dev/null -w %{http_code} \(node.url)/v1/health'")
                #expect(slow.output == "200")
            }
            let put = try cluster.curl("-X PUT --data-binary x '\(proxy.url)/v1/objects/b/o'")
            #expect(put.status == 200)
        }
    }

    @Test func `a cluster grows by a proxy and a target`() throws {
        try SystemCluster.with(proxies: 1, targets: 1) { cluster in
            try cluster.must("add --role proxy")
            try cluster.must("add --role target")
            try cluster.waitUntilSettled()
            #expect(try cluster.nodes().map(\.id) == ["p1", "t1", "p2", "t2"])
            let second = try cluster.node("p2")
            #expect(try cluster.create("b", at: second.url).status == 200)
            for object in 1...8 {
                let put = try cluster.curl(
                    "-X PUT --data-binary x '\(second.url)/v1/objects/b/o\(object)'")
                #expect(put.status == 200, "\(put.body)")
            }
            let list = try cluster.curl(
                "-X POST -d '{\"action\":\"listobj\"}' '\(second.url)/v1/buckets/b'")
            for object in 1...8 { #expect(list.says("\"o\(object)\"")) }
        }
    }

    @Test func `a target is unregistered and registered by the documented lines`() throws {
        try SystemCluster.with(proxies: 3, targets: 2) { cluster in
            let proxy = try cluster.nodes("proxy")[1].url
            let target = try cluster.node("t2")
            let port = target.url.split(separator: ":").last ?? ""
            let removed = try cluster.curl("-i -X DELETE '\(proxy)/v1/cluster/daemon/t2'")
            #expect(removed.status == 200, "\(removed.body)")
            func isListed() throws -> Bool {
                try cluster.curl("'\(proxy)/v1/daemon?what=smap'").says("\"t2\":")
            }
            #expect(try !isListed())
            // Its process goes on, hears of it, and does not force itself back.
            try waitUntil("t2 knows") {
                try String(contentsOfFile: target.log, encoding: .utf8).contains("off the map")
            }
            #expect(try !isListed())
            let body =
                "{\"daemon_type\": \"target\", \"node_ip_addr\": \"127.0.0.1\", "
                + "\"daemon_port\": \"\(port)\", \"daemon_id\": \"t2\", "
                + "\"direct_url\": \"\(target.url)\"}"
            // Sent to the target's own port, as the document prints it.
            let added = try cluster.curl(
                "-i -X POST -H 'Content-Type: application/json' -d '\(body)' "
                    + "\(target.url)/v1/cluster/register")
            #expect(added.status == 200, "\(added.body)")
            #expect(try isListed())
            try cluster.waitUntilSettled()
        }
    }

    @Test func `the primary is set by the documented line, without a gap that clients see`() throws
    {
        try SystemCluster.with(proxies: 3, targets: 1) { cluster in
            let urls = try cluster.nodes("proxy").map(\.url)
            let load = try BackgroundLoad(
                "bucket-create --url \(urls.joined(separator: ",")) --concurrency 4 --duration 5s",
                record: "\(cluster.directory)/buckets.record")
            for round in 1...8 {
                let old = try cluster.primary()
                let next = try #require(try cluster.nodes("proxy").first { $0.id != old }).id
                let set = try cluster.curl(
                    "-i -X PUT '\(urls[round % 3])/v1/cluster/proxy/\(next)'")
                #expect(set.status == 200, "\(set.body)")
                #expect(try cluster.primary() == next)
                usleep(200_000)
            }
            let (status, output) = load.finish()
            #expect(status == 0 && output.contains("failed     0"), "\(output)")
        }
    }

    /// Whatever waits for Swift's global pool waits behind strangers, and wakes threads that a request has no use for.
    @Test func `daemons run on threads of their own, and on no others`() throws {
        try SystemCluster.with { cluster in
            let urls = try cluster.nodes("proxy").map(\.url).joined(separator: ",")
            let load = try BackgroundLoad(
                "bucket-create --url \(urls) --concurrency 4 --duration 2s",
                record: "\(cluster.directory)/buckets.record")
            let objects = try BackgroundLoad(
                "mixed --url \(urls) --bucket load --through-redirect --concurrency 8 "
                    + "--objects 50 --duration 2s", record: "\(cluster.directory)/objects.record")
            _ = load.finish()
            _ = objects.finish()
            for node in try cluster.nodes() {
                let list = try cluster.curl(
                    "-X POST -d '{\"action\":\"listobj\"}' "
                        + "\(node.url)/v1/buckets/load")
                #expect(node.role == "target" || list.status == 200)
                // Threads of the global pool live on for five seconds behind their last work.
                let names = try Shell.run("cat /proc/\(node.pid)/task/*/comm").output
                let strangers = names.split(separator: "\n").filter { name in
                    !["martlet", "signals"].contains(name)
                        && ![
                            "loop-", "pool-", "log-", "io-", "quick-", "scan-", "trash-", "stats-",
                            "disk-", "floor-",
                        ]
                        .contains { name.hasPrefix($0) }
                }
                #expect(strangers.isEmpty, "\(node.id)")
            }
        }
    }

    @Test func `nodes end by themselves, quickly, when they are asked to`() throws {
        try SystemCluster.with { cluster in
            let begun = Date.now
            try cluster.must("stop")
            #expect(Date.now.timeIntervalSince(begun) < 8)
            for node in try cluster.nodes() {
                let log = try String(contentsOfFile: node.log, encoding: .utf8)
                #expect(log.contains("stopped"), "\(node.id): \(log.suffix(400))")
            }
        }
    }
}

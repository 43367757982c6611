import Foundation
import TestSupport
import Testing

/// Processes that are killed, frozen, short of descriptors, or started where another runs already.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct ProcessFaultTests {
    /// Connections from a client that says nothing on any of them.
    private static func silentClients(
        _ count: Int, _ cluster: LabCluster, at node: String
    ) throws -> Process {
        try cluster.lab.start(
            on: "c",
            "prlimit --nofile=8192:8192 bash -c 'for i in $(seq \(count)); do "
                + "exec {fd}<>/dev/tcp/\(cluster.lab.address(node))/8080; done; echo open; exec sleep 60'",
            log: "\(cluster.directory)/silent.log")
    }

    /// PC-11: on another host, under the same id. Both would vote in one name.
    @Test(arguments: [false, true])
    func `of two proxies on copies of one directory, the one that is not on the map ends`(
        startsFirst: Bool
    ) throws {
        try LabCluster.with(targets: 1) { cluster in
            #expect(try cluster.create("before", at: "p1").status == 200)
            let primary = try cluster.primary()
            let victim = try #require(cluster.proxies.last { $0 != primary })
            let others = cluster.proxies.filter { $0 != victim }
            try cluster.signal(victim, SIGKILL)
            let copy = "\(cluster.directory)/copy"
            try cluster.lab.sandbox.must("cp -a \(cluster.directory)/\(victim) \(copy)")
            let log = "\(cluster.directory)/copy.log"
            let line =
                "\(Shell.martlet) proxy --id \(victim) --listen \(cluster.lab.address("c")):8080 "
                + "--data \(copy) --join \(cluster.urls(others))"
            if !startsFirst {
                try cluster.start(victim)
                try cluster.waitUntilSettled()
            }
            let process = try cluster.lab.start(on: "c", line, log: log)
            defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
            if startsFirst {
                // It passes for the proxy that has moved; then the one that was left behind comes back.
                try waitUntil("the copy has joined") {
                    try cluster.curl(
                        "http://\(cluster.lab.address("c")):8080/v1/health?readiness=true"
                    ).status == 200
                }
                try cluster.start(victim)
                #expect(try cluster.exitStatus(victim, within: 30) == 1)
                #expect(process.isRunning)
            } else {
                try waitUntil("the copy ends", within: 30) { !process.isRunning }
                #expect(process.terminationStatus == 1)
                try cluster.waitUntilSettled()
            }
            let text = try String(
                contentsOfFile: startsFirst ? cluster.log(victim) : log, encoding: .utf8)
            #expect(text.contains("this proxy ends, another process is the same member"), "\(text)")
            for proxy in others {
                #expect(try cluster.create("after-\(proxy)", at: proxy).status == 200)
            }
        }
    }

    @Test func `a daemon that runs out of descriptors lives, and serves when there are some again`()
        throws
    {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 3, targets: 1,
            prepare: { cluster in
                for node in cluster.proxies + cluster.targets {
                    cluster.wrappers[node] = "prlimit --nofile=64:64"
                }
            }
        ) { cluster in
            #expect(try cluster.create("b", at: "p1").status == 200)
            let primary = try cluster.primary()
            let other = try #require(cluster.proxies.first { $0 != primary })
            for node in [primary, other, "t1"] {
                let clients = try Self.silentClients(120, cluster, at: node)
                usleep(1_500_000)
                #expect(cluster.isRunning(node), "\(node)")
                let third = try #require(cluster.proxies.first { $0 != node })
                let during = try cluster.create("during-\(node)", at: third, seconds: 8)
                #expect(during.status == 200 && during.seconds < 3, "\(node): \(during)")
                kill(clients.processIdentifier, SIGKILL)
                clients.waitUntilExit()
                try waitUntil("\(node) serves again", within: 5) {
                    try cluster.create(
                        "after-\(node)-\(UInt32.random(in: 0...99999))",
                        at: node == "t1" ? "p1" : node, seconds: 3
                    ).status == 200
                }
                let put = try cluster.curl("-X PUT -d x \(cluster.url("p1"))/v1/objects/b/\(node)")
                #expect(put.status == 200, "\(put)")
            }
            try cluster.waitUntilSettled()
        }
    }

    /// While somebody leads, voters hear each other every few seconds only, and that is nobody's absence.
    @Test func `who loses the primary of an idle group has not lost the majority`() throws {
        try SystemCluster.with(proxies: 5, targets: 0) { cluster in
            #expect(
                try cluster.create("before", at: try cluster.nodes("proxy")[0].url).status == 200)
            var living = try cluster.nodes("proxy")
            for round in 1...2 {
                let primary = try cluster.primary()
                // Longer than members are silent that count as missing.
                usleep(2_000_000)
                let gone = try #require(living.first { $0.id == primary })
                living.removeAll { $0.id == primary }
                kill(pid_t(gone.pid), SIGKILL)
                // A request that still reaches it is of an outcome that nobody knows.
                try waitUntil("it is gone") {
                    try cluster.curl("\(gone.url)/v1/health").status == 0
                }
                let reply = try cluster.create("after-\(round)", at: living[0].url)
                #expect(reply.status == 200, "\(reply)")
                try waitUntil("there is a primary") { try cluster.primary() != primary }
            }
        }
    }

    /// Whatever moment a request comes in, the proxy that is left says soon what became of it: also one that was about to be
    /// taken around the primary, through a proxy that has frozen in the same moment.
    @Test func `a proxy whose peers all freeze keeps no client waiting`() throws {
        try SystemCluster.with(proxies: 3, targets: 0) { cluster in
            let primary = try cluster.primary()
            let proxies = try cluster.nodes("proxy")
            let alone = try #require(proxies.first { $0.id != primary })
            // A question to all leaves connections behind.
            #expect(try cluster.curl("'\(alone.url)/v1/cluster?what=stats'").status == 200)
            #expect(try cluster.create("before", at: alone.url).status == 200)
            let others = proxies.filter { $0.id != alone.id }
            for other in others { kill(pid_t(other.pid), SIGSTOP) }
            defer { for other in others { kill(pid_t(other.pid), SIGCONT) } }
            let answers = try Shell.run(
                "for i in $(seq 20); do curl -s -o /dev/null -m 20 -w '%{http_code} %{time_total}\\n' "
                    + "-X POST -d '{\"action\":\"createlb\"}' \(alone.url)/v1/buckets/b$i & sleep 0.1; done; wait"
            ).output.split(separator: "\n").map { $0.split(separator: " ") }
            #expect(answers.count == 20)
            for answer in answers {
                #expect(answer.first == "503" || answer.first == "504", "\(answer)")
                #expect(answer.last.flatMap { Double($0) } ?? 20 < 7, "\(answer)")
            }
            for other in others { kill(pid_t(other.pid), SIGCONT) }
            try cluster.waitUntilSettled()
            #expect(try cluster.create("after", at: alone.url).status == 200)
        }
    }

    @Test func `thousands of silent clients keep nobody out`() throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 1, targets: 1,
            prepare: { cluster in
                for node in ["p1", "t1"] { cluster.wrappers[node] = "prlimit --nofile=1024:8192" }
            }
        ) { cluster in
            #expect(try cluster.create("b", at: "p1").status == 200)
            for node in ["p1", "t1"] {
                let clients = try Self.silentClients(2_500, cluster, at: node)
                try waitUntil("they are connected") {
                    try Shell.run("ls /proc/\(cluster.pid(node))/fd | wc -l").output
                        .trimmingCharacters(in: .whitespacesAndNewlines).count == 4
                }
                usleep(500_000)
                for number in 1...5 {
                    let put = try cluster.curl(
                        "-X PUT -d x \(cluster.url("p1"))/v1/objects/b/\(node)-\(number)",
                        seconds: 5)
                    #expect(put.status == 200 && put.seconds < 1, "\(put)")
                }
                kill(clients.processIdentifier, SIGKILL)
                clients.waitUntilExit()
            }
        }
    }

    @Test func `a second process on a port or a directory ends at once and says why`() throws {
        try LabCluster.with(proxies: 1, targets: 1) { cluster in
            for node in ["p1", "t1"] {
                let same = try cluster.command(node)
                let log = "\(cluster.directory)/second-\(node).log"
                let cases = [
                    (same, "in use|locked|another process"),
                    // Another port, the same directory.
                    (
                        same.replacingOccurrences(of: ":8080 --data", with: ":8081 --data"),
                        "in use|locked|another process"
                    ),
                    // Another directory, the same port.
                    (
                        same.replacingOccurrences(of: "/\(node)", with: "/other-\(node)"),
                        "cannot listen.*in use"
                    ),
                ]
                for (command, words) in cases {
                    try cluster.lab.sandbox.must(
                        "mkdir -p \(cluster.directory)/other-t1-mp1 \(cluster.directory)/other-t1-mp2; rm -f \(log)"
                    )
                    let second = try cluster.lab.start(on: node, command, log: log)
                    try waitUntil("it ends", within: 5) { !second.isRunning }
                    let text = try String(contentsOfFile: log, encoding: .utf8)
                    #expect(second.terminationStatus == 1, "\(command): \(text)")
                    #expect(
                        text.range(of: words, options: .regularExpression) != nil,
                        "\(command): \(text)")
                }
            }
            #expect(try cluster.create("b", at: "p1").status == 200)
        }
    }

    @Test func `a target killed while one name is written again and again has one whole version`()
        throws
    {
        try LabCluster.with(proxies: 1, targets: 1) { cluster in
            #expect(try cluster.create("b", at: "p1").status == 200)
            let url = "\(cluster.url("p1"))/v1/objects/b/o"
            let bytes = 300_000
            for round in 1...4 {
                let letters = ["a", "b", "c"].map { "\($0)\(round)" }
                let writers = try letters.map { letter in
                    let file = "\(cluster.directory)/\(letter)"
                    try cluster.lab.sandbox.must(
                        "yes \(letter) | tr -d '\\n' | head -c \(bytes) > \(file)")
                    return try cluster.lab.start(
                        on: "c",
                        "bash -c 'while curl -sfL -m 5 -T \(file) \(url); do echo \(letter); done'",
                        log: "\(file).log")
                }
                usleep(UInt32.random(in: 300_000...700_000))
                try cluster.signal("t1", SIGKILL)
                for writer in writers { writer.waitUntilExit() }
                try cluster.start("t1")
                try cluster.waitUntilSettled()
                let get = try cluster.curl(url)
                #expect(get.status == 200 && get.body.utf8.count == bytes)
                let first = String(get.body.prefix(2))
                #expect(letters.contains(first), "\(first)")
                #expect(get.body == String(repeating: first, count: bytes / 2))
                let left = try Shell.run("find \(cluster.directory)/t1-mp* -path '*%wk/*'").output
                #expect(left.isEmpty || round < 4, "\(left)")
            }
        }
    }

    @Test func `a frozen target harms nobody but those who want its objects`() throws {
        try LabCluster.with(proxies: 3, targets: 2) { cluster in
            #expect(try cluster.create("b", at: "p1").status == 200)
            var onOther: [String] = []
            for number in 1...12 {
                let put = try cluster.curl(
                    "-X PUT -d x \(cluster.url("p1"))/v1/objects/b/o\(number)"
                )
                #expect(put.status == 200)
                let redirect = try Shell.run(
                    "\(cluster.lab.prefix("c")) curl -s -o /dev/null -w '%{redirect_url}' "
                        + "\(cluster.url("p1"))/v1/objects/b/o\(number)"
                ).output
                if redirect.contains(cluster.lab.address("t2")) { onOther.append("o\(number)") }
            }
            try cluster.signal("t1", SIGSTOP)
            let list = try cluster.curl(
                "-X POST -d '{\"action\":\"listobj\"}' \(cluster.url("p2"))/v1/buckets/b")
            #expect(list.status == 502 && list.body.contains("t1"), "\(list)")
            #expect(list.seconds < 6)
            for proxy in cluster.proxies {
                let made = try cluster.create("with-\(proxy)", at: proxy)
                #expect(made.status == 200 && made.seconds < 3.5, "\(made)")
                for name in onOther {
                    let get = try cluster.curl("\(cluster.url(proxy))/v1/objects/b/\(name)")
                    #expect(get.status == 200 && get.seconds < 1, "\(get)")
                }
            }
            #expect(!onOther.isEmpty)
            try cluster.signal("t1", SIGCONT)
            let back = try waitUntil("t1 serves and has caught up", within: 10) {
                let list = try cluster.curl(
                    "-X POST -d '{\"action\":\"listobj\"}' \(cluster.url("p2"))/v1/buckets/b",
                    seconds: 3)
                return list.status == 200
            }
            #expect(back < 2)
        }
    }

    /// A mask is inherited: whoever starts a daemon may have blocked what it is ended with.
    @Test func `a daemon that was started with signals blocked ends when it is told to`() throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 1, targets: 1,
            prepare: { cluster in
                for node in ["p1", "t1"] {
                    cluster.wrappers[node] = "env --block-signal=TERM,INT"
                }
            }
        ) { cluster in
            for node in ["t1", "p1"] {
                try cluster.signal(node, SIGTERM)
                #expect(try cluster.exitStatus(node, within: 8) == 0)
            }
        }
    }

    @Test func `proxies restarted one after the other disturb no client of the others`() throws {
        try LabCluster.with { cluster in
            for victim in cluster.proxies {
                let others = cluster.proxies.filter { $0 != victim }
                let wasPrimary = try cluster.primary() == victim
                let writers = others.map { BucketWriter(cluster, at: $0) }
                usleep(200_000)
                try cluster.signal(victim, SIGTERM)
                #expect(try cluster.exitStatus(victim, within: 8) == 0)
                usleep(300_000)
                try cluster.start(victim)
                try cluster.waitUntilSettled()
                let attempts = writers.flatMap { $0.end() }
                let failed = attempts.filter { !$0.isAcknowledged }
                #expect(failed.isEmpty, "\(victim), primary: \(wasPrimary): \(failed)")
                let slowest = attempts.map(\.seconds).max() ?? 0
                print(
                    "restart of \(victim), primary: \(wasPrimary): slowest \(slowest) s of \(attempts.count)"
                )
                try PartitionTests.check(cluster, attempts)
            }
        }
    }

    /// Founding, the first command, joining, the first snapshot: whatever was under way, the next start goes on.
    @Test func `proxies killed while they found and join end up as one group`() throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            targets: 1,
            prepare: { cluster in
                for _ in 0..<8 {
                    try cluster.start("p1")
                    usleep(UInt32.random(in: 5_000...120_000))
                    try cluster.signal("p1", SIGKILL)
                }
                try cluster.start("p1")
                for _ in 0..<8 {
                    for proxy in ["p2", "p3"] { try cluster.start(proxy) }
                    usleep(UInt32.random(in: 5_000...250_000))
                    for proxy in ["p3", "p2"] { try cluster.signal(proxy, SIGKILL) }
                }
                try cluster.signal("p1", SIGKILL)
            }
        ) { cluster in
            for proxy in cluster.proxies {
                #expect(try cluster.create("from-\(proxy)", at: proxy).status == 200)
            }
            let raft = try cluster.curl("\(cluster.url("p2"))/v1/daemon?what=raft").body
            #expect(raft.components(separatedBy: "\"voter\":true").count == 4, "\(raft)")
            #expect(raft.components(separatedBy: "\"member\":").count == 5, "\(raft)")
        }
    }

    @Test func `of two nodes with one id the first stays, and one that moved is followed`() throws {
        try LabCluster.with { cluster in
            #expect(try cluster.create("b", at: "p1").status == 200)
            let map = "'\(cluster.url("p1"))/v1/daemon?what=smap'"
            for node in ["t1", "p3"] {
                let address = cluster.lab.address(node)
                let twin = try cluster.command(node)
                    .replacingOccurrences(of: "\(address):8080", with: "\(address):8081")
                    .replacingOccurrences(of: "/\(node)", with: "/twin-\(node)")
                for number in 1...2 {
                    try cluster.lab.sandbox.must(
                        "mkdir -p \(cluster.directory)/twin-\(node)-mp\(number)")
                }
                let log = "\(cluster.directory)/twin-\(node).log"
                let second = try cluster.lab.start(on: node, twin, log: log)
                try waitUntil("\(node)'s twin is refused", within: 10) {
                    try String(contentsOfFile: log, encoding: .utf8)
                        .contains("node \(node) is running already, at http://\(address):8080")
                }
                let ready = try cluster.curl("'http://\(address):8081/v1/health?readiness=true'")
                #expect(ready.status == 503, "\(ready)")
                #expect(try !cluster.curl(map).body.contains(":8081"))
                kill(second.processIdentifier, SIGKILL)
                second.waitUntilExit()
                try cluster.waitUntilSettled()
            }
            for node in ["t1", "p3"] {
                let address = cluster.lab.address(node)
                try cluster.signal(node, SIGKILL)
                let moved = try cluster.lab.start(
                    on: node,
                    cluster.command(node)
                        .replacingOccurrences(of: "\(address):8080", with: "\(address):8081"),
                    log: cluster.log(node))
                try waitUntil("\(node) is ready at its new address", within: 10) {
                    try cluster.curl("'http://\(address):8081/v1/health?readiness=true'").status
                        == 200
                }
                #expect(try cluster.curl(map).body.contains("\(address):8081"))
                for object in 1...6 {
                    let put = try cluster.curl(
                        "-X PUT -d x \(cluster.url("p2"))/v1/objects/b/o\(object)")
                    #expect(put.status == 200, "\(put)")
                }
                kill(moved.processIdentifier, SIGKILL)
                moved.waitUntilExit()
                try cluster.start(node)
                try cluster.waitUntilSettled()
            }
        }
    }

    @Test func `five proxies: one gets a new disk while the primary changes`() throws {
        try LabCluster.with(proxies: 5, targets: 1) { cluster in
            let old = try cluster.primary()
            let victim = try #require(cluster.proxies.last { $0 != old && $0 != "p1" })
            #expect(try cluster.create("before", at: "p1").status == 200)
            try cluster.signal(victim, SIGKILL)
            try cluster.lab.sandbox.must("rm -rf \(cluster.directory)/\(victim)")
            try cluster.start(victim)
            usleep(UInt32.random(in: 0...200_000))
            try cluster.signal(old, SIGKILL)
            let other = try #require(cluster.proxies.first { $0 != old && $0 != victim })
            let gap = try waitUntil("changes go on", within: 10) {
                try cluster.create("during", at: other, seconds: 5).status != 0
                    && cluster.buckets(at: other).contains("during")
            }
            try cluster.start(old)
            try cluster.waitUntilSettled()
            for proxy in cluster.proxies {
                #expect(try cluster.buckets(at: proxy).isSuperset(of: ["before", "during"]))
            }
            let raft = try cluster.curl("\(cluster.url(other))/v1/daemon?what=raft").body
            #expect(raft.components(separatedBy: "\"voter\":true").count == 6, "\(raft)")
            #expect(raft.components(separatedBy: "\"member\":").count == 7, "\(raft)")
            print("five proxies: changes went on after \(gap) s")
        }
    }
}

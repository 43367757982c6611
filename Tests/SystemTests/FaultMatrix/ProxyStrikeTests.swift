import Foundation
import TestSupport
import Testing

/// A proxy that dies with many requests under way in it.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct ProxyStrikeTests {
    private static let wish = ProcessInfo.processInfo.environment["MARTLET_MATRIX"] ?? ""
    private static let clients = 32

    /// Changes that wait for a target when their proxy is killed: each client is answered or sees its connection end, at once, and
    /// finds out what became of its request.
    @Test(arguments: wish.isEmpty ? [false] : [true, false])
    func `clients of a proxy that is killed are not kept waiting, and lose nothing`(
        isPrimary: Bool
    ) throws {
        try LabCluster.with { cluster in
            let primary = try cluster.primary()
            let victim =
                try isPrimary ? primary : #require(cluster.proxies.first { $0 != primary })
            let others = cluster.proxies.filter { $0 != victim }
            let since = try position(cluster, at: others[0])
            // One that lives holds their answers back, for as long as a change waits for a target.
            try cluster.signal("t1", SIGSTOP)
            let output = "\(cluster.directory)/clients"
            let clients = try cluster.lab.start(
                on: "c",
                """
                bash -c 'for i in $(seq \(Self.clients)); do
                    curl -s -o /dev/null --max-time 20 -w "$i %{http_code} %{exitcode} %{time_total}\\n" \
                        -X POST -H "Martlet-Request-Id: many-$i" -H "Martlet-Term: \(since)" \
                        --data-binary "{\\"action\\":\\"createlb\\"}" \
                        \(cluster.url(victim))/v1/buckets/many$i &
                done; wait'
                """, log: output)
            try waitUntil("all are under way") {
                try cluster.lab.clients(of: victim, from: cluster.lab.address("c"))
                    >= Self.clients
            }
            try waitUntil("some are committed") {
                let stale = try cluster.curl(
                    "'\(cluster.url(others[0]))/v1/buckets/*?consistency=stale'"
                ).body
                return stale.contains("\"many")
            }
            let struck = ContinuousClock.now
            try cluster.signal(victim, SIGKILL)
            try waitUntil("all clients know", within: 10) { !clients.isRunning }
            #expect(LabCluster.seconds(since: struck) < 5)
            let text = try String(contentsOfFile: output, encoding: .utf8)
            let answers = text.split(separator: "\n").map {
                $0.split(separator: " ").map(String.init)
            }
            #expect(answers.count == Self.clients, "\(text)")
            // 52 and 56: the connection ended without an answer.
            #expect(
                answers.allSatisfy { $0[1] == "200" || ["52", "56"].contains($0[2]) }, "\(text)")
            #expect(answers.contains { $0[1] != "200" }, "nothing was under way: \(text)")
            try cluster.signal("t1", SIGCONT)
            // They go on at others, at once.
            try waitUntil("others take changes", within: 10) {
                try cluster.create("next", at: others[0]).status == 200
            }
            var made = 0
            for answer in answers {
                let fate = try HandOverFaultTests.fate(
                    of: "many-\(answer[0])", since: since, at: others, cluster)
                if answer[1] == "200" { #expect(fate == "applied", "\(answer)") }
                made += fate == "applied" ? 1 : 0
                let isThere = try cluster.buckets(at: others[1]).contains("many\(answer[0])")
                #expect(isThere == (fate == "applied"), "\(answer): \(fate)")
            }
            print("strike: of \(answers.count), made \(made)")
            try cluster.start(victim)
            try cluster.waitUntilSettled(within: 60)
            let there = try cluster.buckets(at: victim).filter { $0.hasPrefix("many") }
            #expect(there.count == made)
        }
    }

    /// Objects and buckets by clients that go from proxy to proxy, while these are killed one after the other.
    @Test func `what was acknowledged through proxies that are killed is there`() throws {
        try SystemCluster.with { cluster in
            let proxies = try cluster.nodes("proxy")
            let all = proxies.map(\.url).joined(separator: ",")
            #expect(try cluster.create("load", at: proxies[0].url).status == 200)
            let records = ["objects", "buckets"].map { "\(cluster.directory)/\($0).record" }
            let loads = [
                try BackgroundLoad(
                    "put --url \(all) --bucket load --through-redirect --concurrency 24 "
                        + "--duration 4s", record: records[0]),
                try BackgroundLoad(
                    "bucket-create --url \(all) --concurrency 8 --duration 4s",
                    record: records[1]),
            ]
            let primary = try cluster.primary()
            let other = try #require(proxies.map(\.id).first { $0 != primary })
            for proxy in [other, primary] {
                usleep(400_000)
                try cluster.must("kill \(proxy)")
                usleep(400_000)
                try cluster.must("restart \(proxy)")
                try cluster.waitUntilSettled()
            }
            for load in loads {
                let (status, output) = load.finish()
                #expect(status == 0, "\(output)")
            }
            for record in records {
                let check = try Shell.run(
                    "\(Shell.martlet) load verify --url \(all) --record \(record)")
                #expect(check.status == 0, "\(check.output)")
                #expect(
                    !check.output.contains("verified 0 buckets and 0 objects"), "\(check.output)")
            }
        }
    }

    private func position(_ cluster: LabCluster, at proxy: String) throws -> String {
        let reply = try cluster.curl("-i '\(cluster.url(proxy))/v1/buckets/*'")
        let name = "martlet-position:"
        let line = reply.body.split(whereSeparator: \.isNewline).first {
            $0.lowercased().hasPrefix(name)
        }
        return try #require(line).dropFirst(name.count).trimmingCharacters(in: .whitespaces)
    }
}

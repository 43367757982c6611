import Foundation
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
            try cluster.eventually("writes are under way") {
                writers.allSatisfy { $0.soFar.count > 3 }
            }

            try cluster.lab.separate([old], from: others)
            let cut = ContinuousClock.now
            let takeover = try cluster.eventually("the majority goes on", within: 10) {
                writers[1].soFar.contains { $0.isAcknowledged && $0.begun > cut }
            }
            usleep(2_500_000)
            let healed = ContinuousClock.now
            try cluster.lab.heal()
            var recovery: [Double] = []
            for (proxy, writer) in zip([old] + others, writers) {
                try cluster.eventually("\(proxy) takes changes again", within: 10) {
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
                #expect(attempt.seconds < 2, "\(attempt)")
            }
            // What was asked of it when it was alone never ended as done.
            #expect(
                !attempts[0].contains {
                    $0.isAcknowledged && $0.begun > cut && $0.begun < healed - .seconds(1)
                })
            try Self.check(cluster, attempts.flatMap { $0 })
            #expect(try cluster.primary() != "")
            #expect(takeover < 3)
            #expect(recovery.allSatisfy { $0 < 2 }, "seconds after the heal: \(recovery)")
            Self.note("takeover \(takeover) s, after the heal \(recovery)", attempts)
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

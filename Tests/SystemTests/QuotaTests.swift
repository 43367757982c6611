import Foundation
import TestSupport
import Testing

/// A quota under real processes: the file system has room, and says so to whoever asks; what is written is refused all the same (`EDQUOT`).
///
/// On btrfs, whose quotas hold for the superuser as well and need nothing of the kernel besides. It writes nothing in place, so that files that
/// are as long as they will be (decision 0036) are no help here: each write asks the quota.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"),
    .enabled(if: QuotaDisk.isPossible, "loop devices, btrfs and btrfs-progs"))
struct QuotaTests {
    /// A cluster with one target, in which each proxy's metadata is a subvolume with a quota, of a file system with room for more.
    private static func withQuotas(
        megabytes: Int, _ body: (LabCluster) throws -> Void
    ) throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            targets: 1,
            prepare: { cluster in
                for proxy in cluster.proxies {
                    let (path, whole) = (
                        "\(cluster.directory)/\(proxy)", "\(cluster.directory)/\(proxy)-whole"
                    )
                    try cluster.lab.sandbox.must(
                        """
                        mkdir \(path) \(whole) && truncate -s 512M \(path).img \
                        && mkfs.btrfs -q \(path).img && mount -o loop \(path).img \(whole) \
                        && btrfs quota enable \(whole) \
                        && btrfs subvolume create \(whole)/data >/dev/null \
                        && btrfs qgroup limit \(megabytes)M \(whole)/data \
                        && mount --bind \(whole)/data \(path)
                        """)
                }
            }, body)
    }

    /// ST-06: a follower, then the primary.
    @Test func `a proxy whose quota is used up stands back, votes, and takes part again with room`()
        throws
    {
        try Self.withQuotas(megabytes: 40) { cluster in
            let old = try cluster.primary()
            var made: Set<String> = []
            func create(_ name: String, at proxy: String) throws -> LabCluster.Reply {
                let reply = try cluster.create(name, at: proxy)
                if reply.status == 200 { made.insert(name) }
                return reply
            }
            func readiness(_ proxy: String) throws -> LabCluster.Reply {
                try cluster.curl("'\(cluster.url(proxy))/v1/health?readiness=true'")
            }
            for victim in [cluster.proxies.first { $0 != old }, old].compactMap({ $0 }) {
                let others = cluster.proxies.filter { $0 != victim }
                let data = "\(cluster.directory)/\(victim)"
                let (pid, term) = (cluster.pid(victim), try cluster.term(victim))
                let filled = try cluster.lab.sandbox.must(
                    """
                    export LC_ALL=C; for size in 64k 4k 512; do \
                    dd if=/dev/zero of=\(data)/filler bs=$size oflag=append conv=notrunc 2>&1; done; \
                    stat -f -c 'blocks %a of %S' \(data)
                    """)
                #expect(filled.contains("Disk quota exceeded"), "\(filled)")
                // The first write finds it out.
                let full = ContinuousClock.now
                var number = 0
                try waitUntil("\(victim) says so", within: 20) {
                    number += 1
                    _ = try create("at-\(victim)-\(number)", at: others[number % 2])
                    let reply = try readiness(victim)
                    return reply.status == 507 && reply.code == "metadata_disk_full"
                }
                print(
                    "quota of \(victim): 507 after \(number) changes, \(LabCluster.seconds(since: full)) s"
                )
                #expect(try readiness(victim).body.contains("look at the quota"))
                try waitUntil("another is primary", within: 5) {
                    try others.contains { try cluster.role($0) == "leader" }
                }
                #expect(try cluster.role(victim) == "follower")
                let raft = try cluster.curl("'\(cluster.url(victim))/v1/daemon?what=raft'").body
                #expect(raft.contains("\"short\":true"), "\(raft)")
                for number in 1...20 {
                    let reply = try create("on-\(victim)-\(number)", at: others[number % 2])
                    #expect(reply.status == 200, "\(reply)")
                }
                // Nothing is handed to it, and a dry run says so as well.
                let path = "\(cluster.url(try cluster.primary()))/v1/cluster/proxy/\(victim)"
                #expect(try cluster.curl("-X PUT '\(path)'").code == "metadata_disk_full")
                let plan = try cluster.curl("-X PUT '\(path)?dry_run=true'")
                #expect(
                    plan.body.contains(#""verdict":"blocked""#)
                        && plan.body.contains("\(victim) takes no changes"), "\(plan)")
                // Its vote is written out of what it had reserved.
                let leader = try cluster.primary()
                let third = try #require(others.first { $0 != leader })
                try cluster.signal(leader, SIGKILL)
                try waitUntil("\(third) leads", within: 10) { try cluster.role(third) == "leader" }
                #expect(try cluster.term(victim) > term)
                try waitUntil("it is said why nothing is made", within: 10) {
                    try cluster.create("refused", at: third).code == "metadata_disk_full"
                }
                try cluster.start(leader)
                try waitUntil("two take changes", within: 10) {
                    try create("past-\(victim)", at: third).status == 200
                }
                #expect(cluster.isRunning(victim) && cluster.pid(victim) == pid)

                try cluster.lab.sandbox.must("rm \(data)/filler")
                try cluster.waitUntilSettled(within: 60)
                #expect(cluster.isRunning(victim) && cluster.pid(victim) == pid)
                #expect(try cluster.buckets(at: victim).isSuperset(of: made))
                #expect(try !cluster.buckets(at: victim).contains("refused"))
                #expect(try create("after-\(victim)", at: victim).status == 200)
            }
        }
    }
}

/// Where btrfs can be had.
private enum QuotaDisk {
    static let isPossible: Bool = {
        let probe = try? Shell.run(
            "losetup -f && command -v mkfs.btrfs && command -v btrfs "
                + "&& { grep -qw btrfs /proc/filesystems || modprobe -q btrfs; }")
        return probe?.status == 0
    }()
}

import Foundation
import TestSupport
import Testing

/// Proxies that are gone for good, with real processes driven as an operator would.
@Suite(.serialized) struct ForcedPrimaryTests {
    /// FS-01, FS-11, FS-13
    @Test func `two of three proxies are gone, the third goes on, and the cluster is whole again`()
        throws
    {
        try SystemCluster.with(targets: 2) { cluster in
            let url = try cluster.node("p2").url
            #expect(try cluster.create("kept", at: url).status == 200)
            let put = try cluster.curl("-X PUT --data-binary old '\(url)/v1/objects/kept/o'")
            #expect(put.status == 200, "\(put.body)")
            for proxy in ["p1", "p3"] { try cluster.must("kill \(proxy)") }
            try waitUntil("p2 has noticed it", within: 10) {
                try cluster.create("no", at: url).says("no_quorum")
            }
            let forced = try cluster.curl(
                "-X PUT '\(url)/v1/daemon/proxy/p2?frc=true&can=\(url)'")
            #expect(forced.status == 200 && forced.says("\"done\":true"), "\(forced.body)")
            #expect(forced.seconds < 4)
            #expect(try cluster.create("after", at: url).status == 200)
            #expect(try cluster.curl("'\(url)/v1/objects/kept/o'").body == "old")

            // It survives nothing yet; a restart is no failure, and a fresh proxy changes that.
            try cluster.must("kill p2")
            try cluster.must("restart p2")
            try waitUntil("p2 takes changes again", within: 10) {
                try cluster.create("again", at: url).status == 200
            }
            try cluster.must("add --role proxy")
            // Those that come back are told what to do, and do it under the process ids they have.
            for proxy in ["p1", "p3"] {
                try cluster.must("restart \(proxy)")
                let node = try cluster.node(proxy)
                // Before it knows, it has the new primary make the change; then it refuses.
                try waitUntil("\(proxy) is fenced", within: 10) {
                    try cluster.create("by-\(proxy)", at: node.url).says("older_generation")
                }
                let leaves = try cluster.curl(
                    "-X PUT '\(node.url)/v1/daemon/proxy/p2?frc=true&can=\(url)'")
                #expect(leaves.status == 200 && leaves.says("\"branch\""), "\(leaves.body)")
                try waitUntil("\(proxy) has joined", within: 20) {
                    try cluster.curl("'\(node.url)/v1/health?readiness=true'").status == 200
                }
            }
            try cluster.waitUntilSettled()
            for node in try cluster.nodes("proxy") {
                let names = try cluster.curl("'\(node.url)/v1/buckets/*'").body
                #expect(["kept", "after", "again"].allSatisfy { names.contains("\"\($0)\"") })
            }
        }
    }

    /// FS-18
    @Test
    func
        `a primary that was frozen meanwhile acknowledges nothing that is not in the new generation`()
        throws
    {
        try SystemCluster.with(targets: 1) { cluster in
            let old = try cluster.primary()
            let rest = try cluster.nodes("proxy").map(\.id).filter { $0 != old }
            let (frozen, url) = (try cluster.node(old).url, try cluster.node(rest[0]).url)
            #expect(try cluster.create("before", at: frozen).status == 200)
            try cluster.must("pause \(old)")
            try cluster.must("kill \(rest[1])")
            try waitUntil("a majority is missing", within: 20) {
                try cluster.curl("'\(url)/v1/cluster?what=recovery_plan'").says(
                    #""verdict":"unsafe""#)
            }
            let forced = try cluster.curl(
                "-X PUT '\(url)/v1/daemon/proxy/\(rest[0])?frc=true&can=\(url)'")
            #expect(forced.status == 200 || forced.status == 202, "\(forced.body)")
            // They wait in its socket, and are the first that it looks at.
            let answers = try Shell.run(
                """
                for i in 1 2 3 4 5; do
                    curl -sS -o /dev/null -w "f$i %{http_code}\\n" --max-time 20 -X POST \
                        -d '{"action":"createlb"}' \(frozen)/v1/buckets/f$i &
                done
                sleep 0.3
                \(Shell.martlet) cluster resume \(old) --dir \(cluster.directory) >/dev/null
                wait
                """
            ).output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            let names = try cluster.curl("'\(url)/v1/buckets/*'").body
            #expect(answers.count == 5, "\(answers)")
            for answer in answers where answer.last == "200" {
                #expect(names.contains("\"\(answer[0])\""), "\(answer): \(names)")
            }
            try waitUntil("it knows", within: 10) {
                try cluster.create("late", at: frozen).says("older_generation")
            }
        }
    }
}

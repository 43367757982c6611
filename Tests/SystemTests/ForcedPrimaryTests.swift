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
}

import Foundation
import TestSupport
import Testing

/// A proxy's files are damaged while it is down.
@Suite(.serialized) struct StorageTests {
    /// ST-03, PC-12: a bit flips in the write-ahead file of a proxy that was killed; it says so, catches up, and takes part again.
    @Test func `a proxy whose write-ahead file has a flipped bit recovers by itself`() throws {
        try SystemCluster.with(targets: 1) { cluster in
            let primary = try cluster.primary()
            let victim = try #require(try cluster.nodes("proxy").first { $0.id != primary })
            let leader = try cluster.node(primary)
            for number in 1...12 {
                #expect(try cluster.create("b\(number)", at: leader.url).status == 200)
            }
            try cluster.must("kill \(victim.id)")
            let path = "\(cluster.directory)/\(victim.id)/metadata.db-wal"
            var bytes = Array(try Data(contentsOf: URL(filePath: path)))
            // Behind what was written, the file is filled with zeros.
            let written = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
            #expect(written > 4_096)
            bytes[written / 2] ^= 8
            try Data(bytes).write(to: URL(filePath: path))
            #expect(try cluster.create("meanwhile", at: leader.url).status == 200)
            try cluster.must("restart \(victim.id)")
            try cluster.waitUntilSettled()
            let node = try cluster.node(victim.id)
            let log = try String(contentsOfFile: node.log, encoding: .utf8)
            #expect(log.contains("this member has confirmed entry"), "\(log.suffix(2_000))")
            let raft = try cluster.curl("'\(node.url)/v1/daemon?what=raft'").body
            #expect(raft.contains("\"recovering_until\":null"), "\(raft)")
            #expect(raft.contains("this member has confirmed entry"), "\(raft)")
            let names = try cluster.curl("'\(node.url)/v1/buckets/*'").body
            for name in (1...12).map({ "b\($0)" }) + ["meanwhile"] {
                #expect(names.contains("\"\(name)\""), "\(names)")
            }
        }
    }
}

import Foundation
import TestSupport
import Testing

/// A cluster with many buckets, whose documents are long.
@Suite(.serialized) struct LargeStateTests {
    private static let buckets = 8_000
    private static let readers = 4
    private static let rounds = 4

    @Test func `readers of long documents do not cost the primary its office`() throws {
        try SystemCluster.with(targets: 1) { cluster in
            let primary = try cluster.node(try cluster.primary())
            let load = try Shell.run(
                "\(Shell.martlet) load bucket-create --url \(primary.url) --bucket many "
                    + "--concurrency 64 --count \(Self.buckets)")
            #expect(load.status == 0, "\(load.output)")
            let before = try Self.term(cluster, primary)
            for path in ["/v1/daemon?what=bmd", "/v1/daemon?what=smapvote", "/v1/buckets/*"] {
                // Without a pause between them, the loop would have none either.
                let each = " -o /dev/null '\(primary.url)\(path)'"
                let output = try Shell.run(
                    "curl -sS -g --no-progress-meter --parallel --parallel-immediate --parallel-max \(Self.readers) "
                        + "--max-time 60 -w '%{http_code} %{size_download}\\n'"
                        + String(repeating: each, count: Self.readers * Self.rounds)
                ).output
                let lines = Set(output.split(separator: "\n"))
                #expect(lines.count == 1, "\(path): \(lines)")
                let numbers = lines.first?.split(separator: " ").compactMap { Int($0) } ?? []
                #expect(numbers.first == 200, "\(path): \(lines)")
                #expect(numbers.last ?? 0 > 50 * Self.buckets, "\(path): \(lines)")
            }
            #expect(try Self.term(cluster, primary) == before)
            #expect(try cluster.primary() == primary.id)
            // Nor does the operator's own view need the long ones.
            let status = try cluster.run("cluster status")
            #expect(status.status == 0, "\(status.output)")
            #expect(!status.output.contains(" - "), "\(status.output)")
        }
    }

    private static func term(
        _ cluster: SystemCluster, _ node: SystemCluster.Node
    ) throws -> Int {
        struct Raft: Decodable { let term: Int }
        let body = try cluster.curl("'\(node.url)/v1/daemon?what=raft'").body
        return try JSONDecoder().decode(Raft.self, from: Data(body.utf8)).term
    }
}

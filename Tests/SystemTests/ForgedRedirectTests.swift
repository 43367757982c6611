import Foundation
import TestSupport
import Testing

/// Redirects whose `at=` was damaged on the way, or made up.
@Suite(.serialized) struct ForgedRedirectTests {
    @Test func `positions that no log has come to cost others nothing, and are refused as such`()
        throws
    {
        try SystemCluster.with(targets: 1) { cluster in
            let proxy = try cluster.nodes("proxy")[0]
            let target = try cluster.node("t1")
            #expect(try cluster.create("b", at: proxy.url).status == 200)
            #expect(
                try cluster.curl("-X PUT --data-binary x '\(proxy.url)/v1/objects/b/o'").status
                    == 200)
            let location = try Shell.run(
                "curl -sS -o /dev/null -w '%{redirect_url}' '\(proxy.url)/v1/objects/b/o'"
            ).output
            let parts = location.split(separator: "&").map(String.init)
            let at = try #require(parts.first { $0.hasPrefix("at=") }?.dropFirst(3))
            let words = at.split(separator: "-").map(String.init)
            #expect(words.count == 4)
            func url(_ replaced: [Int: String]) -> String {
                let forged = (0..<4).map { replaced[$0] ?? words[$0] }.joined(separator: "-")
                return (parts.filter { !$0.hasPrefix("at=") } + ["at=\(forged)"])
                    .joined(separator: "&")
            }
            let before = try String(contentsOfFile: target.log, encoding: .utf8)
            // Far ahead, of a term and of generations that were never; and one entry ahead, which could be.
            let forgeries: [[Int: String]] = [
                [3: "ffffffffffffffff"], [2: "ffffffffffffffff"], [0: "7"], [1: "ffffffffffffffff"],
                [3: String((UInt64(words[3], radix: 16) ?? 0) + 50, radix: 16)],
            ]
            for forgery in forgeries {
                let reply = try cluster.curl("'\(url(forgery))'")
                #expect(reply.status == 503 && reply.says("position_unknown"), "\(reply)")
                #expect(reply.seconds < 2.5)
            }
            // Many at once, for as long as it takes: the honest are served, at once, and the proxy is not left.
            let flood = try Shell.run(
                """
                seq 1 300 | xargs -P 100 -I{} curl -sS -o /dev/null -w '%{http_code}\\n' --max-time 20 \
                    '\(url([0: "{}7"]))' > '\(cluster.directory)/flood' &
                sleep 0.2
                for i in 1 2 3 4 5; do curl -sS -L -o /dev/null -w 'honest %{http_code} %{time_total}\\n' \
                    '\(proxy.url)/v1/objects/b/o'; done
                wait
                sort '\(cluster.directory)/flood' | uniq -c
                """
            ).output
            let honest = flood.split(separator: "\n").filter { $0.hasPrefix("honest") }
            #expect(honest.count == 5, "\(flood)")
            for line in honest {
                let seconds = line.split(separator: " ").last.flatMap { Double($0) } ?? 99
                #expect(line.contains(" 200 ") && seconds < 1, "\(flood)")
            }
            #expect(flood.contains("300 503"), "\(flood)")
            let log = try String(contentsOfFile: target.log, encoding: .utf8)
                .dropFirst(before.count)
            #expect(!log.contains("stays behind") && !log.contains("following http"), "\(log)")
            #expect(log.split(separator: "\n").count { $0.contains("which no proxy has") } == 1)
        }
    }
}

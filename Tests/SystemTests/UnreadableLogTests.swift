import Cluster
import Consensus
import Foundation
import MetaStore
import TestSupport
import Testing

/// An entry that no proxy can read, in the logs of real processes, and the way out of docs/operations.md.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "network namespaces: \(NetworkLab.obstacle ?? "")"))
struct UnreadableLogTests {
    private struct Report: Decodable {
        var firstBad: UInt64?
        var trouble: String?
        var repaired: Bool?
        var branch: String?
    }

    /// Writes an entry behind the log of a proxy that does not run, as it would be written there: with checksum, hash chain and floor.
    private static func plant(_ payload: [UInt8], behind directory: String) throws -> UInt64 {
        let opened = try MetadataDirectory.open(directory, mayBeginAfresh: false) { MemberID(0) }
        let outline = try opened.log.outline()
        let entry = Entry(
            index: outline.last.index.next, term: outline.last.term,
            time: opened.recovered.lastTime, kind: .command, payload: payload)
        try opened.log.write(WriteBatch(sequence: .zero, entries: [entry]))
        return entry.index.rawValue
    }

    /// The proxy whose log is the highest: the others vote for it.
    private static func highest(_ cluster: LabCluster) throws -> String {
        let ends = try cluster.proxies.map { proxy in
            let opened = try MetadataDirectory.open(
                "\(cluster.directory)/\(proxy)", mayBeginAfresh: false
            ) { MemberID(0) }
            return (proxy, try opened.log.outline().last)
        }
        return try #require(
            ends.max { ($0.1.term, $0.1.index) < ($1.1.term, $1.1.index) }?.0)
    }

    private static func recovery(_ words: String) throws -> (report: Report?, output: String) {
        let output = try Shell.run("\(Shell.martlet) recovery \(words) 2>&1").output
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return (try? decoder.decode(Report.self, from: Data(output.utf8)), output)
    }

    /// CL-09, FS-16
    @Test func `a group that stands still before an entry goes on without it, by one repair`()
        throws
    {
        try LabCluster.with { cluster in
            let old = try cluster.primary()
            for number in 1...3 {
                #expect(try cluster.create("b\(number)", at: old).status == 200)
                let put = try cluster.curl(
                    "-X PUT --data-binary \(number) \(cluster.url(old))/v1/objects/b\(number)/o")
                #expect(put.status == 200, "\(put)")
            }
            for proxy in cluster.proxies { try cluster.signal(proxy, SIGKILL) }
            let first = try Self.highest(cluster)
            // A name in it is longer than any reader takes.
            let record = LogRecord(
                .startRebalance, actor: String(repeating: "A", count: 300)
            ).encoded
            let index = try Self.plant(record, behind: "\(cluster.directory)/\(first)")
            let others = cluster.proxies.filter { $0 != first }
            // With one other, only the longest log can be elected.
            try cluster.start(first)
            try cluster.start(others[0])
            func waitUntilAllSay(_ proxies: [String]) throws {
                try waitUntil("\(proxies) say what they cannot read", within: 20) {
                    try proxies.allSatisfy {
                        let ready = try cluster.curl(
                            "'\(cluster.url($0))/v1/health?readiness=true'")
                        return ready.code == "log_unreadable"
                            && ready.body.contains("--truncate-at \(index)")
                    }
                }
            }
            try waitUntilAllSay([first, others[0]])
            try cluster.start(others[1])
            try waitUntilAllSay(cluster.proxies)
            let pids = cluster.proxies.map { cluster.pid($0) }

            // Nothing is made, nobody ends, and objects go on.
            for proxy in cluster.proxies {
                let refused = try cluster.create("refused", at: proxy)
                #expect(refused.code == "log_unreadable", "\(refused)")
                for number in 1...3 {
                    let get = try cluster.curl("\(cluster.url(proxy))/v1/objects/b\(number)/o")
                    #expect(get.status == 200 && get.body == "\(number)", "\(get)")
                }
                let put = try cluster.curl(
                    "-X PUT --data-binary \(proxy) \(cluster.url(proxy))/v1/objects/b1/\(proxy)")
                #expect(put.status == 200, "\(put)")
            }
            usleep(3_000_000)
            #expect(cluster.proxies.map { cluster.pid($0) } == pids)
            #expect(cluster.proxies.allSatisfy { cluster.isRunning($0) })
            for proxy in cluster.proxies {
                #expect(try cluster.logText(proxy).contains("log entry \(index) of term"))
            }

            // One is stopped, and repaired.
            let chosen = others[0]
            let data = "\(cluster.directory)/\(chosen)"
            #expect(try Self.recovery("repair \(data)").output.contains("in use"))
            try cluster.signal(chosen, SIGTERM)
            #expect(try cluster.exitStatus(chosen) == 0)
            let inspected = try Self.recovery("inspect \(data)").output
            #expect(
                inspected.contains("\"unreadable\":{\"part\":\"entry\",\"index\":\(index)"),
                "\(inspected)")
            let shown = try Self.recovery("repair \(data)")
            #expect(
                shown.report?.firstBad == index && shown.report?.trouble == "unreadable",
                "\(shown)")
            let wrong = try Self.recovery("repair \(data) --truncate-at \(index - 1)")
            #expect(wrong.report == nil && wrong.output.contains("first bad entry"), "\(wrong)")
            let done = try Self.recovery("repair \(data) --truncate-at \(index)")
            #expect(done.report?.repaired == true, "\(done)")
            let branch = try #require(done.report?.branch)
            #expect(FileManager.default.fileExists(atPath: branch))

            // It goes on; the others are fenced while they still have the entry, and begin anew.
            try cluster.start(chosen)
            try waitUntil("\(chosen) goes on alone", within: 20) {
                try cluster.create("after", at: chosen).status == 200
            }
            for proxy in cluster.proxies where proxy != chosen {
                try waitUntil("\(proxy) is fenced", within: 20) {
                    try cluster.curl("'\(cluster.url(proxy))/v1/health?readiness=true'").code
                        == "older_generation"
                }
                let back = try cluster.curl(
                    "-X PUT '\(cluster.url(proxy))/v1/daemon/proxy/\(chosen)?frc=true&can=\(cluster.url(chosen))'",
                    seconds: 40)
                #expect(back.status == 200, "\(back)")
            }
            try cluster.waitUntilSettled(within: 60)
            #expect(try cluster.create("last", at: old).status == 200)
            for proxy in cluster.proxies {
                #expect(
                    try cluster.buckets(at: proxy).isSuperset(
                        of: ["b1", "b2", "b3", "after", "last"]))
                for number in 1...3 {
                    let get = try cluster.curl("\(cluster.url(proxy))/v1/objects/b\(number)/o")
                    #expect(get.status == 200 && get.body == "\(number)", "\(get)")
                }
                let get = try cluster.curl("\(cluster.url(proxy))/v1/objects/b1/\(proxy)")
                #expect(get.status == 200 && get.body == proxy, "\(get)")
            }
        }
    }
}

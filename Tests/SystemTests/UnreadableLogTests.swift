import Cluster
import Consensus
import Foundation
import MetaStore
import StoredStates
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

    /// A name in it is longer than any reader takes.
    private static let unreadable =
        LogRecord(.startRebalance, actor: String(repeating: "A", count: 300)).encoded

    /// Writes an entry behind the log of a proxy that does not run, as it would be written there: with checksum, hash chain and floor.
    private static func plant(
        _ payload: [UInt8], _ kind: Entry.Kind = .command, behind directory: String,
        term: UInt64? = nil
    ) throws -> UInt64 {
        let opened = try MetadataDirectory.open(directory, mayBeginAfresh: false) { MemberID(0) }
        let outline = try opened.log.outline()
        let entry = Entry(
            index: outline.last.index.next, term: term.map { Term($0) } ?? outline.last.term,
            time: opened.recovered.lastTime, kind: kind, payload: payload)
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
            let index = try Self.plant(
                Self.unreadable, behind: "\(cluster.directory)/\(first)")
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

    /// CL-09
    @Test func `set-primary is refused at once for a proxy that stands still, by reason and index`()
        throws
    {
        try LabCluster.with { cluster in
            let old = try cluster.primary()
            let others = cluster.proxies.filter { $0 != old }
            let (blocked, other) = (others[0], others[1])
            let term = try cluster.term(old)
            try cluster.signal(blocked, SIGKILL)
            #expect(try cluster.create("b", at: old).status == 200)
            // At the place of what the others have and can read, as an older version would see it.
            let index = try Self.plant(
                Self.unreadable, behind: "\(cluster.directory)/\(blocked)",
                term: UInt64(term))
            try cluster.start(blocked)
            try waitUntil("\(blocked) stands still", within: 20) {
                try cluster.curl("'\(cluster.url(blocked))/v1/health?readiness=true'").code
                    == "log_unreadable"
            }
            for asked in cluster.proxies {
                let path = "\(cluster.url(asked))/v1/cluster/proxy/\(blocked)"
                let refused = try cluster.curl("-X PUT '\(path)'")
                #expect(refused.status == 503 && refused.code == "log_unreadable", "\(refused)")
                #expect(
                    refused.body.contains("\(blocked) cannot be primary")
                        && refused.body.contains("log entry \(index) of term")
                        && refused.body.contains("name another proxy"), "\(refused)")
                #expect(refused.seconds < 1, "\(refused)")
                let plan = try cluster.curl("-X PUT '\(path)?dry_run=true'")
                #expect(
                    plan.body.contains(#""verdict":"blocked""#)
                        && plan.body.contains("log entry \(index) of term"), "\(plan)")
            }
            #expect(try cluster.role(old) == "leader" && cluster.term(old) == term)
            // A primary that is told to end hands over to the one that can lead, in no more than one term.
            try cluster.signal(old, SIGTERM)
            #expect(try cluster.exitStatus(old) == 0)
            try waitUntil("\(other) leads", within: 10) {
                try cluster.create("c", at: other).status == 200
            }
            #expect(try cluster.term(other) == term + 1)
        }
    }

    /// CL-09, FS-16
    @Test
    func `a group whose proxies cannot read who votes goes on with everything, by one repair`()
        throws
    {
        try LabCluster.with { cluster in
            let old = try cluster.primary()
            for number in 1...3 {
                #expect(try cluster.create("b\(number)", at: old).status == 200)
            }
            for proxy in cluster.proxies { try cluster.signal(proxy, SIGKILL) }
            let chosen = try Self.highest(cluster)
            var indices: [String: UInt64] = [:]
            for proxy in cluster.proxies {
                // One that ends in the middle of a member.
                indices[proxy] = try Self.plant(
                    [1, 1, 0, 7], .configuration, behind: "\(cluster.directory)/\(proxy)")
            }
            let index = try #require(indices[chosen])
            for proxy in cluster.proxies {
                try cluster.start(proxy)
                #expect(try cluster.exitStatus(proxy) == 1)
                let log = try cluster.logText(proxy)
                #expect(
                    log.contains("log entry \(indices[proxy] ?? 0) of term")
                        && log.contains("must neither vote nor lead")
                        && log.contains(
                            "'martlet recovery repair \(cluster.directory)/\(proxy) --truncate-at \(indices[proxy] ?? 0)'"
                        ), "\(log)")
            }
            let data = "\(cluster.directory)/\(chosen)"
            let inspected = try Self.recovery("inspect \(data)").output
            #expect(
                inspected.contains("\"unreadable\":{\"part\":\"entry\",\"index\":\(index)"),
                "\(inspected)")
            let shown = try Self.recovery("repair \(data)")
            #expect(
                shown.report?.firstBad == index && shown.report?.trouble == "unreadable"
                    && shown.output.contains("\"lost_entries\":0")
                    && shown.output.contains("Nothing is lost"), "\(shown)")
            let done = try Self.recovery("repair \(data) --truncate-at \(index)")
            #expect(done.report?.repaired == true, "\(done)")
            try cluster.start(chosen)
            try waitUntil("\(chosen) goes on alone", within: 20) {
                try cluster.create("after", at: chosen).status == 200
            }
            #expect(
                try cluster.buckets(at: chosen).isSuperset(of: ["b1", "b2", "b3", "after"]))
            // The others cannot start with what they have: they are set aside, and join.
            cluster.founds = false
            for proxy in cluster.proxies where proxy != chosen {
                let data = "\(cluster.directory)/\(proxy)"
                try cluster.lab.sandbox.must("mv \(data) \(data).old")
                try cluster.start(proxy)
            }
            try cluster.waitUntilSettled(within: 60)
            for proxy in cluster.proxies {
                #expect(try cluster.buckets(at: proxy).isSuperset(of: ["b1", "b2", "b3", "after"]))
            }
        }
    }

    /// FS-16
    @Test(arguments: [false, true])
    func `a proxy that cannot read its state has it again, from the log or from the others`(
        isCompacted: Bool
    ) throws {
        try LabCluster.with { cluster in
            let old = try cluster.primary()
            #expect(try cluster.create("kept", at: old).status == 200)
            // The primary: the others go on meanwhile.
            try cluster.signal(old, SIGTERM)
            #expect(try cluster.exitStatus(old) == 0)
            let data = "\(cluster.directory)/\(old)"
            try StatePoison.write(to: data, isCompacted: isCompacted)
            try cluster.start(old)
            #expect(try cluster.exitStatus(old) == 1)
            let log = try cluster.logText(old)
            #expect(
                log.contains("state row 'bucket'")
                    && log.contains("'martlet recovery repair \(data)'"), "\(log)")
            let other = try #require(cluster.proxies.first { $0 != old })
            try waitUntil("the others go on", within: 10) {
                try cluster.create("meanwhile", at: other).status == 200
            }
            let shown = try Self.recovery("repair \(data)")
            #expect(shown.report?.trouble == "unreadable_state", "\(shown)")
            #expect(
                shown.output.contains("\"from\":\"\(isCompacted ? "others" : "log")\"")
                    && shown.output.contains("martlet recovery repair \(data) --renew-state"),
                "\(shown)")
            let done = try Self.recovery("repair \(data) --renew-state")
            #expect(done.report?.repaired == true, "\(done)")
            try cluster.start(old)
            try cluster.waitUntilSettled(within: 60)
            #expect(try cluster.buckets(at: old).isSuperset(of: ["kept", "meanwhile"]))
            #expect(try cluster.create("after", at: old).status == 200)
        }
    }
}

import API
import Cluster
import Consensus
import Foundation
import HTTP
import MetaStore
import TestSupport
import Testing

@testable import Proxy

/// `martlet recovery set-aside`: a forced recovery is undone where the majority lives after all.
@Suite(.serialized) struct RecoverySetAsideTests {
    private static let old = Generation(counter: 1, nonce: 7)
    private static let new = Generation(counter: 2, nonce: 3)

    private func facts(
        _ generation: Generation, last: UInt64, terms: [(UInt64, UInt64)]
    ) -> RecoveryFacts {
        var facts = RecoveryFacts()
        facts.node = "p1"
        facts.clusterID = "c"
        facts.generation = generation
        facts.runs = terms.map { TermRun(first: Index($0.0), term: Term($0.1)) }
        facts.last = LogMark(index: Index(last), term: facts.runs.last?.term ?? .zero)
        facts.leader = MemberID(1)
        return facts
    }

    private func recovery(base index: UInt64, term: UInt64) -> RecoveryRecord {
        RecoveryRecord(
            generation: RecoveryRecord.Generation(
                counter: Self.new.counter, nonce: Self.new.nonce),
            base: LogPosition(
                generation: Self.old.counter, nonce: Self.old.nonce, term: term, index: index),
            chain: 0, candidate: Sample.node("p3"), survivors: [Sample.node("p3")], dead: [],
            committed: index, tail: [], token: "")
    }

    /// FS-06
    @Test func `entries of both sides with one index and one term are not taken for the same`() {
        // It parted behind entry 9 of term 3; each side has had an election since, to term 4.
        let ours = facts(Self.new, last: 20, terms: [(1, 1), (5, 3), (10, 4)])
        let theirs = facts(Self.old, last: 15, terms: [(1, 1), (5, 3), (10, 4)])
        let record = recovery(base: 9, term: 3)
        #expect(RecoverySetAside.shared(ours, [record], theirs) == Index(9))
        // What this side had of its last term, and the other never got, is not shared either.
        let behind = facts(Self.old, last: 15, terms: [(1, 1), (5, 3), (8, 4)])
        #expect(RecoverySetAside.shared(ours, [record], behind) == Index(7))
        #expect(RecoverySetAside.shared(ours, [], theirs) == nil)
        var compacted = ours
        compacted.base = LogMark(index: Index(12), term: Term(4))
        compacted.runs = [TermRun(first: Index(13), term: Term(4))]
        #expect(RecoverySetAside.shared(compacted, [record], theirs) == Index(9))
    }

    @Test func `only a living group of an older generation of the same cluster is gone back to`() {
        let other = facts(Self.old, last: 9, terms: [(1, 1)])
        func refusal(
            _ generation: Generation, _ cluster: String = "c",
            _ change: (inout RecoveryFacts) -> Void = { _ in }
        ) -> String? {
            var changed = other
            change(&changed)
            do throws(RecoverySetAside.Refused) {
                try RecoverySetAside.check(generation, of: cluster, changed)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(refusal(Self.new) == nil)
        #expect(refusal(Self.new, "d")?.contains("is of cluster c") == true)
        #expect(refusal(Self.old)?.contains("nothing has to be undone") == true)
        #expect(refusal(Generation(counter: 1, nonce: 6))?.contains("later than") == true)
        #expect(refusal(Self.new) { $0.leader = nil }?.contains("no primary") == true)
        #expect(refusal(Self.new) { $0.isRunning = false }?.contains("no primary") == true)
        #expect(
            refusal(Self.new) { $0.supersededBy = Self.new }?.contains("left behind") == true)
    }

    /// FS-08
    @Test func `a survivor that was forced wrongly comes back as a fresh member`() async throws {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("before", through: 1).status == 200)
            // p3 is forced while the others cannot be heard.
            for number in [1, 2] { await proxies.stop(number) }
            try await eventually("p3 is alone") {
                try await proxies.create("no", through: 3).failure?.code == .noQuorum
            }
            let url = try proxies.endpoint(3)
            let forced = try await proxies.ask(
                3, .put, "/v1/daemon/proxy/p3?frc=true&can=\(url)")
            #expect(forced.status == 200, "\(forced.text)")
            #expect(try await proxies.create("right", through: 3).status == 200)
            let setAside = RecoverySetAside(
                data: proxies.dataPath(3), against: "\(try proxies.endpoint(1))", isPlan: false)
            await proxies.stop(3)
            // They live, and go on.
            for number in [1, 2] { try await proxies.start(number) }
            for number in [1, 2] { try await proxies.waitUntilReady(number) }
            #expect(try await proxies.create("left", through: 1).status == 200)

            let plan = try JSONValue(
                parsing: try await RecoverySetAside(
                    data: setAside.data, against: setAside.against, isPlan: true
                ).run())
            guard case .object(let shown) = plan else { return }
            #expect(shown["set_aside"] == .bool(false))
            #expect(FileManager.default.fileExists(atPath: "\(setAside.data)/metadata.db"))
            #expect(!FileManager.default.fileExists(atPath: "\(setAside.data)/rejoin"))

            let text = String(decoding: try await setAside.run(), as: UTF8.self)
            #expect(text.contains("\"set_aside\":true"))
            #expect(text.contains("\"ais://right\"],\"settings\":[]"), "\(text)")
            #expect(text.contains("\"command\":\"recover\""), "\(text)")
            // What both sides have is not listed.
            #expect(!text.contains("ais://before"), "\(text)")
            #expect(!FileManager.default.fileExists(atPath: "\(setAside.data)/metadata.db"))
            #expect(!FileManager.default.fileExists(atPath: "\(setAside.data)/metadata.floor"))

            try await proxies.start(3)
            try await proxies.waitUntilReady(3)
            #expect(try await proxies.ask(3, .head, "/v1/buckets/left").status == 200)
            #expect(try await proxies.ask(3, .head, "/v1/buckets/right").status == 404)
            #expect(try await proxies.create("after", through: 3).status == 200)
            let branches = try await proxies.ask(3, .get, "/v1/daemon?what=branches")
            let name = try #require(
                branches.text.split(separator: "\"").first { $0.hasSuffix(".db") })
            let content = try await proxies.ask(
                3, .get, "/v1/daemon?what=branches&name=\(name.split(separator: "/").last ?? "")")
            #expect(content.text.contains("\"ais://right\"],\"settings\":[]"), "\(content.text)")
            #expect(!content.text.contains("\"shared_until\":null"), "\(content.text)")
        }
    }

    @Test func `while the proxy runs nothing is done, and the reason says so`() async throws {
        try await TestProxies.with(1) { proxies in
            let url = try proxies.endpoint(1)
            let setAside = RecoverySetAside(
                data: proxies.dataPath(1), against: "\(url)", isPlan: false)
            do {
                _ = try await setAside.run()
                Issue.record("it was set aside")
            } catch let error as RecoverySetAside.Refused {
                #expect(error.description.contains("is in use"), "\(error)")
            }
            #expect(!FileManager.default.fileExists(atPath: "\(setAside.data)/rejoin"))
            #expect(try await proxies.create("b", through: 1).status == 200)
        }
    }

    /// A target's data directory is two files; whatever ends the command in between, the same one finishes it.
    @Test func `a target may follow the older generation again, and keeps what it had cached`()
        async throws
    {
        let directory = try TemporaryDirectory()
        let data = directory.path
        let record = ClusterRecord(
            clusterID: "c",
            position: LogPosition(
                generation: Self.new.counter, nonce: Self.new.nonce, term: 0, index: 0))
        try Data(record.encoded).write(to: URL(filePath: "\(data)/cluster"))
        try Data("damaged".utf8).write(to: URL(filePath: "\(data)/cached-state"))
        let other = facts(Self.old, last: 9, terms: [(1, 1)])
        try Data(other.encoded).write(to: URL(filePath: "\(data)/other.json"))
        let setAside = RecoverySetAside(
            data: data, against: "\(data)/other.json", isPlan: false)
        for isPlan in [true, false] {
            let text = String(
                decoding: try await RecoverySetAside(
                    data: data, against: setAside.against, isPlan: isPlan
                ).run(), as: UTF8.self)
            #expect(text.contains("\"set_aside\":\(!isPlan)"), "\(text)")
            let present = try ClusterRecord(
                decoding: Array(try Data(contentsOf: URL(filePath: "\(data)/cluster"))))
            #expect(Position(present.position).generation == (isPlan ? Self.new : Self.old))
            #expect(present.clusterID == "c")
            let isCached = FileManager.default.fileExists(atPath: "\(data)/cached-state")
            #expect(isCached == isPlan)
        }
        #expect(FileManager.default.fileExists(atPath: "\(data)/branches/2-3-0.state"))
        await #expect(throws: RecoverySetAside.Refused.self) { try await setAside.run() }
    }
}

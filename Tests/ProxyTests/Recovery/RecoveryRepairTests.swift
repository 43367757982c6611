import API
import CSQLite
import Cluster
import Consensus
import Foundation
import HTTP
import MetaStore
import TestSupport
import Testing

@testable import Proxy

/// `martlet recovery repair`: the last survivor's log is damaged.
@Suite(.serialized) struct RecoveryRepairTests {
    private func damage(_ file: String, _ sql: String) throws {
        var handle: OpaquePointer?
        #expect(sqlite3_open(file, &handle) == SQLITE_OK)
        #expect(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK)
        #expect(sqlite3_close(handle) == SQLITE_OK)
    }

    /// FS-16
    @Test
    func `a damaged survivor waits, and goes on only when the loss is accepted by name`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            for number in [1, 3, 2] { await proxies.stop(number) }
            let data = proxies.dataPath(2)
            let file = "\(data)/metadata.db"
            let last = try RecoveryFacts.read(database: file).last.index.rawValue
            // An entry whose effect is stored.
            try damage(file, "UPDATE log SET payload = x'00' WHERE idx = \(last - 1)")
            // It sets the file aside, has nothing but what it has promised, and waits for others to have its log again from.
            try await proxies.start(2)
            try await eventually("p2 says what it lacks") {
                // It may not listen yet.
                let health = try? await proxies.ask(2, .get, "/v1/health?readiness=true")
                return health.map { $0.status == 503 && $0.text.contains("had confirmed") } ?? false
            }
            #expect(try await proxies.create("early", through: 2).status == 503)
            await proxies.stop(2)

            let shown = try await RecoveryRepair(data: data, consent: nil).run()
            guard case .object(let report) = try JSONValue(parsing: shown) else { return }
            #expect(report["first_bad"]?.unsigned == last - 1)
            #expect(report["repaired"] == .bool(false))
            await #expect(throws: RecoveryRepair.Refused.self) {
                try await RecoveryRepair(data: data, consent: last).run()
            }
            let done = try await RecoveryRepair(data: data, consent: last - 1).run()
            guard case .object(let outcome) = try JSONValue(parsing: done) else { return }
            #expect(outcome["repaired"] == .bool(true))
            let branch = try #require(outcome["branch"]?.string)
            #expect(FileManager.default.fileExists(atPath: branch))
            #expect(!FileManager.default.fileExists(atPath: "\(file).repair"))

            try await proxies.start(2)
            try await proxies.waitUntilReady(2)
            #expect(try await proxies.ask(2, .head, "/v1/buckets/kept").status == 200)
            #expect(try await proxies.create("after", through: 2).status == 200)
            let raft = try await proxies.ask(2, .get, "/v1/daemon?what=raft")
            #expect(raft.text.contains("\"generation\":\"2-"), "\(raft.text)")
            let overview = try await proxies.ask(2, .get, "/v1/cluster?what=recovery")
            #expect(overview.text.contains("martlet recovery repair"))
            // The others are of the generation that was left.
            try await proxies.start(1)
            try await eventually("p1 is fenced") {
                try await proxies.create("lost", through: 1).failure?.code == .olderGeneration
            }
            await #expect(throws: RecoveryRepair.Refused.self) {
                await proxies.stop(1)
                _ = try await RecoveryRepair(data: proxies.dataPath(1), consent: nil).run()
            }
        }
    }

    /// FS-16: a process that is killed has not stored what its last entries changed.
    @Test func `a log whose state was never stored knows whose it is, and is repaired`()
        async throws
    {
        let data = NSTemporaryDirectory() + "martlet-repair-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: data) }
        let founder = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)), member: 7)
        let records = [
            LogRecord(
                .found(clusterID: "c", founder: founder, generation: 1, nonce: 9), actor: "p1"),
            LogRecord(.startRebalance, actor: String(repeating: "A", count: 300)),
        ]
        do {
            let opened = try MetadataDirectory.open(data, mayBeginAfresh: true) { MemberID(7) }
            try opened.log.write(Founding.batch(by: MemberID(7), nonce: 9))
            let entries = records.enumerated().map { place, record in
                Entry(
                    index: Index(UInt64(place) + 1), term: Term(1), time: 1, kind: .command,
                    payload: record.encoded)
            }
            try opened.log.write(
                WriteBatch(
                    sequence: .zero,
                    hardState: HardState(
                        generation: Generation(counter: 1, nonce: 9), term: Term(1), vote: nil),
                    entries: entries))
        }
        let facts = try RecoveryFacts.read(database: "\(data)/metadata.db")
        #expect(facts.node == "p1" && facts.unreadable?.mark.index == Index(2))
        let done = try await RecoveryRepair(data: data, consent: 2).run()
        #expect(String(decoding: done, as: UTF8.self).contains("\"repaired\":true"))
    }
}

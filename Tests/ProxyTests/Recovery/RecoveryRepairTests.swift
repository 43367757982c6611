import API
import CSQLite
import Consensus
import Foundation
import HTTP
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
}

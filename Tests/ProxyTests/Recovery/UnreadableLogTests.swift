import API
import Cluster
import Consensus
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// A committed entry that no proxy can read, or only one of a later version (docs/decisions/0031).
@Suite(.serialized) struct UnreadableLogTests {
    /// A name in it is longer than any reader takes.
    private static let unreadable =
        LogRecord(.startRebalance, actor: String(repeating: "A", count: 300)).encoded

    /// Of a format that is not known yet.
    private static var newer: [UInt8] {
        var bytes = LogRecord(.startRebalance, actor: "test").encoded
        bytes[0] = 99
        return bytes
    }

    /// Brings bytes into the log that nobody would propose.
    ///
    /// - Returns: the place of the entry.
    private func plant(_ payload: [UInt8], in proxies: TestProxies, _ numbers: ClosedRange<Int>)
        async throws -> UInt64
    {
        let leader = try #require(
            numbers.first { proxies.daemon($0)?.group.isLeader == true }.flatMap {
                proxies.daemon($0)
            })
        guard case .unknown = await leader.group.raft.propose(payload) else {
            Issue.record("it was answered")
            return 0
        }
        return try #require(leader.group.status.unreadable).mark.index.rawValue
    }

    private func object(_ bytes: [UInt8]) throws -> JSONObject {
        guard case .object(let object) = try JSONValue(parsing: bytes) else {
            throw NoObject(text: String(decoding: bytes, as: UTF8.self))
        }
        return object
    }

    private struct NoObject: Error { let text: String }

    /// CL-09, FS-16
    @Test func `proxies that cannot read an entry say so, and one goes on without it`() async throws
    {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            let index = try await plant(Self.unreadable, in: proxies, 1...3)
            for round in 1...2 {
                for number in 1...3 {
                    try await eventually("p\(number) says what it cannot read") {
                        let health = try await proxies.ask(
                            number, .get, "/v1/health?readiness=true")
                        return health.failure?.code == .logUnreadable
                            && health.text.contains("log entry \(index) of term")
                            && health.text.contains(
                                "martlet recovery repair \(proxies.dataPath(number)) --truncate-at \(index)"
                            )
                    }
                    #expect(try await proxies.ask(number, .get, "/v1/health").status == 200)
                    let raft = try await proxies.ask(number, .get, "/v1/daemon?what=raft").text
                    #expect(
                        raft.contains("\"unreadable\":{\"part\":\"entry\",\"index\":\(index)"),
                        "\(raft)")
                    let metrics = try await proxies.ask(number, .get, "/metrics").text
                    #expect(metrics.contains("\nmartlet_storage_unreadable 1\n"))
                    try await eventually("changes are refused with the reason") {
                        try await proxies.create("more", through: number).failure?.code
                            == .logUnreadable
                    }
                    let read = try await proxies.ask(number, .get, "/v1/buckets/*")
                    #expect(read.failure?.code == .logUnreadable, "\(read.text)")
                    // What it has, it shows; it is what all have.
                    let stale = try await proxies.ask(
                        number, .get, "/v1/daemon?what=bmd&consistency=stale")
                    #expect(stale.status == 200 && stale.text.contains("kept"), "\(stale.text)")
                }
                let plan = try await proxies.ask(1, .get, "/v1/cluster?what=recovery_plan").text
                #expect(plan.contains("\"verdict\":\"blocked\""), "\(plan)")
                #expect(plan.contains("log entry \(index) of term"), "\(plan)")
                let forced = try await proxies.ask(
                    1, .put, "/v1/daemon/proxy/p1?frc=true&can=\(try proxies.endpoint(1))")
                #expect(
                    forced.failure?.code == .recoveryRefused
                        || forced.failure?.code == .logUnreadable, "\(forced.text)")
                for number in 1...3 { await proxies.stop(number) }
                // It is found again, with each start.
                if round == 1 { for number in 1...3 { try await proxies.start(number) } }
            }

            let data = proxies.dataPath(2)
            let facts = try RecoveryFacts.read(database: "\(data)/metadata.db")
            #expect(facts.unreadable?.mark.index == Index(index))
            let told = try RecoveryFacts(decoding: facts.encoded)
            #expect(told == facts && told.obstacle?.contains("log entry \(index)") == true)
            let shown = try object(await RecoveryRepair(data: data, consent: nil).run())
            #expect(shown["first_bad"]?.unsigned == index)
            #expect(shown["trouble"]?.string == "unreadable")
            for other in [index - 1, index + 1] {
                await #expect(throws: RecoveryRepair.Refused.self) {
                    try await RecoveryRepair(data: data, consent: other).run()
                }
            }
            let done = try object(await RecoveryRepair(data: data, consent: index).run())
            #expect(done["repaired"] == .bool(true))
            let branch = try #require(done["branch"]?.string)
            #expect(FileManager.default.fileExists(atPath: branch))

            try await proxies.start(2)
            try await proxies.waitUntilReady(2)
            #expect(try await proxies.ask(2, .head, "/v1/buckets/kept").status == 200)
            #expect(try await proxies.create("after", through: 2).status == 200)
            // The others have the entry still: they are fenced, and begin anew.
            for number in [1, 3] {
                try await proxies.start(number)
                try await eventually("p\(number) is fenced") {
                    try await proxies.ask(number, .get, "/v1/health?readiness=true").failure?.code
                        == .olderGeneration
                }
                let back = try await proxies.ask(
                    number, .put,
                    "/v1/daemon/proxy/p2?frc=true&can=\(try proxies.endpoint(2))")
                #expect(back.status == 200, "\(back.text)")
                try await eventually("p\(number) has joined") {
                    let ready = try? await proxies.ask(
                        number, .get, "/v1/health?readiness=true")
                    return ready?.status == 200
                }
            }
            for number in 1...3 {
                for bucket in ["kept", "after"] {
                    #expect(
                        try await proxies.ask(number, .head, "/v1/buckets/\(bucket)").status == 200)
                }
            }
            #expect(try await proxies.create("last", through: 3).status == 200)
        }
    }

    /// CL-09, NW-10
    @Test func `what a later version has written is given up only when that is said`() async throws
    {
        try await TestProxies.with(1) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            let index = try await plant(Self.newer, in: proxies, 1...1)
            let health = try await proxies.ask(1, .get, "/v1/health?readiness=true")
            #expect(health.failure?.code == .logUnreadable, "\(health.text)")
            #expect(health.text.contains("upgrade this proxy"), "\(health.text)")
            #expect(!health.text.contains("truncate-at"), "\(health.text)")
            await proxies.stop(1)
            let data = proxies.dataPath(1)
            let shown = try object(await RecoveryRepair(data: data, consent: nil).run())
            #expect(shown["trouble"]?.string == "newer")
            #expect(shown["next"]?.string?.contains("upgrade") == true)
            let refusal = await #expect(throws: RecoveryRepair.Refused.self) {
                try await RecoveryRepair(data: data, consent: index).run()
            }
            #expect(refusal?.description.contains("--give-up-newer") == true)
            // Nothing was changed.
            try await proxies.start(1)
            try await eventually("p1 says it again") {
                try await proxies.ask(1, .get, "/v1/health?readiness=true").failure?.code
                    == .logUnreadable
            }
            await proxies.stop(1)
            let done = try object(
                await RecoveryRepair(data: data, consent: index, givesUpNewer: true).run())
            #expect(done["repaired"] == .bool(true))
            try await proxies.start(1)
            try await proxies.waitUntilReady(1)
            #expect(try await proxies.ask(1, .head, "/v1/buckets/kept").status == 200)
        }
    }
}

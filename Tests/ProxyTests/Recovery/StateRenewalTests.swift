import API
import Cluster
import Consensus
import Foundation
import HTTP
import StoredStates
import TestSupport
import Testing

@testable import Proxy

/// `martlet recovery repair --renew-state`: a stored state that this version cannot read (docs/decisions/0031).
@Suite(.serialized) struct StateRenewalTests {
    private func object(_ bytes: [UInt8]) throws -> JSONObject {
        guard case .object(let object) = try JSONValue(parsing: bytes) else {
            throw RecoveryRepair.Refused(String(decoding: bytes, as: UTF8.self))
        }
        return object
    }

    private func run(
        _ data: String, consent: UInt64? = nil, givesUpNewer: Bool = false, renews: Bool = false
    ) async throws -> JSONObject {
        try object(
            await RecoveryRepair(
                data: data, consent: consent, givesUpNewer: givesUpNewer, renewsState: renews
            ).run())
    }

    private func refusal(
        _ data: String, consent: UInt64? = nil, renews: Bool = false
    ) async -> String {
        let error = await #expect(throws: RecoveryRepair.Refused.self) {
            try await run(data, consent: consent, renews: renews)
        }
        return error?.description ?? ""
    }

    /// FS-16
    @Test(arguments: [false, true])
    func `a state that cannot be read is had again from the log, or from the others`(
        isCompacted: Bool
    ) async throws {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            let data = proxies.dataPath(2)
            await proxies.stop(2)
            let member = try RecoveryFacts.read(database: "\(data)/metadata.db").member
            try StatePoison.write(to: data, isCompacted: isCompacted)
            let refused = await #expect(throws: (any Error).self) { try await proxies.start(2) }
            #expect("\(refused as Any)".contains("state row 'bucket'"), "\(refused as Any)")
            #expect("\(refused as Any)".contains("martlet recovery repair \(data)"))
            #expect(try await proxies.create("meanwhile", through: 1).status == 200)

            let shown = try await run(data)
            #expect(shown["repaired"] == .bool(false))
            #expect(shown["trouble"]?.string == "unreadable_state")
            #expect(shown["from"]?.string == (isCompacted ? "others" : "log"))
            #expect(
                shown["next"]?.string?.contains("martlet recovery repair \(data) --renew-state")
                    == true, "\(shown["next"] as Any)")
            #expect(await refusal(data, consent: 3).contains("cannot be weighed"))
            let done = try await run(data, renews: true)
            #expect(done["repaired"] == .bool(true))
            // What was there is kept, whole.
            let kept = try #require(done[isCompacted ? "set_aside" : "branch"]?.string)
            #expect(FileManager.default.fileExists(atPath: kept))
            #expect(FileManager.default.fileExists(atPath: "\(data)/metadata.floor"))
            if isCompacted {
                #expect(await refusal(data, renews: true).contains("start the proxy"))
            } else {
                #expect(await refusal(data, renews: true).contains("can be read"))
            }

            // The same member, in the same generation, with everything.
            try await proxies.start(2)
            try await proxies.waitUntilReady(2)
            let status = try #require(proxies.daemon(2)?.group.status)
            #expect(status.id == member && status.generation.counter == 1)
            #expect(status.configuration.isVoter(member))
            for bucket in ["kept", "meanwhile"] {
                #expect(try await proxies.ask(2, .head, "/v1/buckets/\(bucket)").status == 200)
            }
            #expect(try await proxies.create("after", through: 2).status == 200)
        }
    }

    /// FS-16
    @Test func `a state that nobody else has, and no log leads to, is not given up`() async throws {
        try await TestProxies.with(1) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            await proxies.stop(1)
            let data = proxies.dataPath(1)
            try StatePoison.write(to: data, isCompacted: true)
            let shown = try await run(data)
            #expect(shown["from"]?.string == "nobody")
            #expect(shown["not_from_log"]?.string?.hasPrefix("the log begins behind") == true)
            #expect(await refusal(data, renews: true).contains("nothing was changed"))
            #expect(FileManager.default.fileExists(atPath: "\(data)/metadata.db"))
        }
    }

    /// FS-16, NW-10
    @Test func `what a later version has written is given up only when that is said`() async throws
    {
        try await TestProxies.with(1) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            await proxies.stop(1)
            let data = proxies.dataPath(1)
            try StatePoison.write(to: data, isNewer: true)
            let shown = try await run(data)
            #expect(shown["trouble"]?.string == "newer_state")
            #expect(shown["next"]?.string?.hasPrefix("upgrade this proxy") == true)
            #expect(await refusal(data, renews: true).contains("--give-up-newer"))
            let done = try await run(data, givesUpNewer: true, renews: true)
            #expect(done["repaired"] == .bool(true) && done["from"]?.string == "log")
            try await proxies.start(1)
            try await proxies.waitUntilReady(1)
            #expect(try await proxies.ask(1, .head, "/v1/buckets/kept").status == 200)
        }
    }
}

import API
import Cluster
import Consensus
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// `PUT /v1/daemon/proxy/ID?frc=true&can=URL`, with real proxies in this process.
@Suite(.serialized) struct ForcedPrimaryTests {
    private func force(
        _ proxies: TestProxies, at number: Int, _ candidate: Int, _ more: String = "",
        resource: String = "daemon"
    ) async throws -> TestProxies.Reply {
        try await proxies.ask(
            number, .put,
            "/v1/\(resource)/proxy/p\(candidate)?frc=true&can=\(try proxies.endpoint(candidate))\(more)"
        )
    }

    private func json(_ reply: TestProxies.Reply) throws -> JSONObject {
        guard case .object(let object) = try JSONValue(parsing: reply.body) else {
            throw NoObject(text: reply.text)
        }
        return object
    }

    private struct NoObject: Error { let text: String }

    private func plan(_ proxies: TestProxies, at number: Int, _ more: String = "") async throws
        -> JSONObject
    {
        try json(
            try await proxies.ask(number, .get, "/v1/cluster?what=recovery_plan\(more)"))
    }

    private func waitUntilAlone(_ proxies: TestProxies, _ number: Int) async throws {
        try await eventually("p\(number) has noticed that it is alone") {
            try await self.plan(proxies, at: number)["verdict"]?.string != "blocked"
        }
    }

    /// FS-01, FS-04, FS-11, FS-17
    @Test func `the last of three goes on, and who returns is fenced until it begins anew`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            for number in [1, 3] { await proxies.stop(number) }
            try await waitUntilAlone(proxies, 2)
            #expect(try await proxies.create("refused", through: 2).status == 503)

            let plan = try await plan(proxies, at: 2)
            #expect(plan["recommended"]?.string == "p2")
            #expect(plan["declared_dead"] == .array([.string("p1"), .string("p3")]))
            let dry = try await force(proxies, at: 2, 2, "&dry_run=true")
            #expect(try json(dry)["token"] == plan["token"])
            #expect(try json(dry)["dry_run"] == .bool(true), "\(dry.text)")
            for name in ["action", "verdict", "reason", "changes", "survives", "active_targets"] {
                #expect(try json(dry)[name] != nil, "\(name): \(dry.text)")
            }

            let done = try await force(proxies, at: 2, 2)
            #expect(done.status == 200, "\(done.text)")
            #expect(try json(done)["done"] == .bool(true))
            #expect(try await proxies.create("after", through: 2).status == 200)
            // Again is the same as once.
            let again = try await force(proxies, at: 2, 2)
            #expect(again.status == 200)
            #expect(try json(again)["changed"] == .bool(false))
            #expect(try json(again)["recovery"] == json(done)["recovery"], "\(done.text)")
            #expect(!done.text.contains("\"actor\":\"\""), "\(done.text)")
            let map = try await proxies.ask(2, .get, "/v1/daemon?what=smap")
            #expect(map.text.contains("\"p2\"") && !map.text.contains("\"p1\""))
            let history = try await proxies.ask(2, .get, "/v1/cluster?what=recovery")
            guard case .array(let records)? = try json(history)["recoveries"],
                case .object(let record)? = records.first
            else { throw NoObject(text: history.text) }
            #expect(records.count == 1 && record["token"] == plan["token"])
            #expect(record["dead"] == .array([.string("p1"), .string("p3")]))

            // One that comes back with the old log is told so, and does nothing more.
            try await proxies.start(1)
            try await eventually("p1 knows that it was left behind") {
                let ready = try await proxies.ask(1, .get, "/v1/health?readiness=true")
                return ready.failure?.code == .olderGeneration
            }
            for reply in [
                try await proxies.create("lost", through: 1),
                try await proxies.ask(1, .get, "/v1/daemon?what=smap"),
                try await proxies.ask(1, .head, "/v1/buckets/kept"),
                try await proxies.ask(1, .get, "/v1/objects/kept/o"),
                try await proxies.ask(
                    1, .post, "/v1/log/follow?node=t1&after=\(LogPosition.zero.text)"),
            ] { #expect(reply.status == 409, "\(reply.text)") }
            let stale = try await proxies.ask(1, .get, "/v1/daemon?what=smap&consistency=stale")
            #expect(stale.status == 200)

            // It begins anew when it is told to.
            let leaves = try await force(proxies, at: 1, 2)
            #expect(leaves.status == 200, "\(leaves.text)")
            let branch = try #require(try json(leaves)["branch"]?.string)
            try await eventually("p1 has joined") {
                guard
                    let ready = try? await proxies.ask(1, .get, "/v1/health?readiness=true")
                else { return false }
                return ready.status == 200
            }
            #expect(try await proxies.create("both", through: 1).status == 200)
            let list = try await proxies.ask(1, .get, "/v1/daemon?what=branches")
            #expect(list.text.contains("\"\(branch)\""), "\(list.text)")
            let content = try await proxies.ask(
                1, .get, "/v1/daemon?what=branches&name=\(branch)")
            #expect(content.status == 200, "\(content.text)")
            let overview = try await proxies.ask(2, .get, "/v1/cluster?what=recovery")
            #expect(overview.text.contains(branch))
        }
    }

    /// FS-08
    @Test func `while a majority answers, force is refused with the evidence`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary == 2 ? 3 : 2
            let refused = try await force(proxies, at: other, other)
            #expect(refused.failure?.code == .quorumReachable, "\(refused.text)")
            #expect(refused.failure?.next?.contains("/v1/cluster/proxy/p\(other)") == true)
            // Through any proxy, in both spellings.
            for resource in ["daemon", "cluster"] {
                let elsewhere = try await force(proxies, at: primary, other, resource: resource)
                #expect(elsewhere.failure?.code == .quorumReachable, "\(elsewhere.text)")
                // An error is an error, whoever has passed it on (contract §2.5).
                #expect(elsewhere.header("Content-Type") == "application/json")
                #expect(elsewhere.header("X-Content-Type-Options") == "nosniff")
                let already = try await force(proxies, at: other, primary, resource: resource)
                #expect(already.status == 200, "\(already.text)")
            }
            let id = try await proxies.ask(1, .get, "/v1/daemon?what=raft")
            #expect(id.text.contains("\"generation\":\"1-"))
        }
    }

    /// FS-08
    @Test func `a majority is passed over only by the token of a plan that says so`() async throws {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let candidate = primary % 3 + 1
            let blocked = try await plan(proxies, at: 1, "&candidate=p\(candidate)")
            #expect(blocked["verdict"]?.string == "blocked" && blocked["token"] == .null)
            let bare = try await force(proxies, at: candidate, candidate, "&override=quorum")
            #expect(bare.failure?.code == .recoveryRefused, "\(bare.text)")
            let can = try proxies.endpoint(candidate)
            let plan = try await plan(proxies, at: candidate, "&can=\(can)&override=quorum")
            #expect(plan["candidate"]?.string == "p\(candidate)")
            let token = try #require(plan["token"]?.string)
            for (more, verdict, code) in [
                ("", "blocked", FailureCode.recoveryRefused),
                ("&token=0123456789abcdef", "blocked", .planChanged),
                ("&token=\(token)", "unsafe", nil),
            ] {
                let dry = try await force(
                    proxies, at: candidate, candidate, "&override=quorum&dry_run=true\(more)")
                #expect(try json(dry)["verdict"]?.string == verdict, "\(dry.text)")
                #expect(try json(dry)["code"]?.string == code?.rawValue, "\(dry.text)")
                guard code != nil else { continue }
                let change = try await force(
                    proxies, at: candidate, candidate, "&override=quorum\(more)")
                #expect(change.failure?.code == code, "\(change.text)")
                #expect(try json(dry)["next"]?.string == change.failure?.next, "\(dry.text)")
            }
            let done = try await force(
                proxies, at: candidate, candidate, "&override=quorum&token=\(token)")
            #expect(done.status == 200, "\(done.text)")
            // Everybody whose log begins the new one takes part; nobody is lost.
            for number in 1...3 {
                try await eventually("p\(number) takes changes") {
                    try await proxies.create("by-\(number)", through: number).status == 200
                }
                let raft = try await proxies.ask(number, .get, "/v1/daemon?what=raft")
                #expect(raft.text.contains("\"generation\":\"2-"), "\(raft.text)")
                #expect(raft.text.contains("\"superseded_by\":null"), "\(raft.text)")
            }
        }
    }

    /// FS-07
    @Test func `a token of other facts is refused, and mistakes are said`() async throws {
        try await TestProxies.with(2) { proxies in
            await proxies.stop(1)
            try await waitUntilAlone(proxies, 2)
            let wrong = try await force(proxies, at: 2, 2, "&token=0123456789abcdef")
            #expect(wrong.failure?.code == .planChanged, "\(wrong.text)")
            let unknown = try await proxies.ask(2, .put, "/v1/daemon/proxy/p9?frc=true")
            #expect(unknown.failure?.code == .nodeNotFound)
            let plain = try await proxies.ask(2, .put, "/v1/daemon/proxy/p2")
            #expect(plain.status == 400)
            let silent = try await proxies.ask(2, .put, "/v1/daemon/proxy/p1?frc=true")
            #expect(silent.failure?.code == .proxyUnreachable, "\(silent.text)")
            let gone = try await force(proxies, at: 2, 1)
            #expect(gone.status == 400 && gone.failure?.code == .addressUnreachable)
            for query in ["can=ftp%3A%2F%2Fx", "override=all", "dry_run=maybe"] {
                let bad = try await proxies.ask(
                    2, .put, "/v1/daemon/proxy/p2?frc=true&\(query)")
                #expect(bad.failure?.code == .badQuery, "\(query): \(bad.text)")
            }
            let body = try await proxies.ask(
                2, .post, "/v1/cluster?what=recovery_plan", #"{"node":1}"#)
            #expect(body.failure?.code == .badBody)
        }
    }

    @Test func `force on who is no proxy, or nobody, is refused alike at every node`() async throws
    {
        try await TestProxies.with(3) { proxies in
            let target = try await StubTarget.start(proxies)
            // Force is judged by what a proxy has, and another one than the primary has it a moment later.
            for number in 1...3 {
                try await eventually("p\(number) has the target on its map") {
                    try await proxies.ask(number, .get, "/v1/daemon?what=smap&consistency=stale")
                        .text.contains(#""t1":"#)
                }
            }
            let url = try proxies.endpoint(2)
            let rows: [(String, Int, FailureCode)] = [
                ("t1?frc=true", 400, .badNode), ("t1?frc=true&can=\(url)", 400, .badNode),
                ("p9?frc=true", 404, .nodeNotFound), ("p9?frc=true&can=\(url)", 400, .badNode),
            ]
            for (path, status, code) in rows {
                var messages: Set<String> = []
                for number in 1...3 {
                    for resource in ["daemon", "cluster"] {
                        for dry in ["", "&dry_run=true"] {
                            let reply = try await proxies.ask(
                                number, .put, "/v1/\(resource)/proxy/\(path)\(dry)")
                            #expect(reply.status == status, "\(path): \(reply.text)")
                            #expect(reply.failure?.code == code, "\(path): \(reply.text)")
                            messages.insert(reply.failure?.message ?? "")
                        }
                    }
                }
                #expect(messages.count == 1, "\(messages)")
            }
            await target.stop()
        }
    }

    /// FS-09: the log of a disk whose machine is dead is evidence.
    @Test func `what a dead proxy's disk has is named, and given up only by the plan's token`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let others = [1, 2, 3].filter { $0 != primary }
            await proxies.stop(others[0])
            #expect(try await proxies.create("only", through: primary).status == 200)
            await proxies.stop(primary)
            await proxies.stop(others[1])
            try await proxies.start(others[0])
            try await waitUntilAlone(proxies, others[0])

            let facts = try RecoveryFacts.read(
                database: "\(proxies.dataPath(primary))/metadata.db")
            #expect(
                facts.node == "p\(primary)" && facts.holdings.buckets.keys.contains("ais://only"))
            let document = String(decoding: facts.encoded, as: UTF8.self)
            let planned = try json(
                try await proxies.ask(
                    others[0], .post, "/v1/cluster?what=recovery_plan", document))
            #expect(planned["verdict"]?.string == "unsafe")
            let path =
                "/v1/daemon/proxy/p\(others[0])?frc=true&can="
                + "\(try proxies.endpoint(others[0]))"
            let refused = try await proxies.ask(others[0], .put, path, document)
            #expect(refused.failure?.code == .recoveryRefused, "\(refused.text)")
            #expect(refused.failure?.cause?.contains("ais://only") == true)
            let token = try #require(planned["token"]?.string)
            let done = try await proxies.ask(others[0], .put, "\(path)&token=\(token)", document)
            #expect(done.status == 200, "\(done.text)")
            #expect(try await proxies.create("only", through: others[0]).status == 200)
        }
    }

    /// FS-10, FS-13
    @Test func `two of five go on together, and fresh ones join them`() async throws {
        try await TestProxies.with(5) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            for number in [1, 2, 3] { await proxies.stop(number) }
            try await waitUntilAlone(proxies, 4)
            let best = try #require(try await plan(proxies, at: 4)["recommended"]?.string)
            let candidate = best == "p4" ? 4 : 5
            let done = try await force(proxies, at: 9 - candidate, candidate)
            #expect(done.status == 200, "\(done.text)")
            #expect(try await proxies.create("after", through: 9 - candidate).status == 200)
            let other = try await proxies.ask(9 - candidate, .get, "/v1/daemon?what=raft")
            #expect(other.text.contains("\"generation\":\"2-"))
            try await proxies.startFresh(6, joining: 4)
            try await proxies.waitUntilReady(6)
            #expect(try await proxies.ask(6, .head, "/v1/buckets/kept").status == 200)
        }
    }

    /// FS-10: what does not vote is not declared dead, and does not go on by itself.
    @Test func `a learner does not go on, and follows the voter that does`() async throws {
        try await TestProxies.with(3) { proxies in
            try await proxies.start(4, isElectable: false)
            try await proxies.waitUntilReady(4)
            #expect(try await proxies.create("kept", through: 4).status == 200)
            for number in [1, 2] { await proxies.stop(number) }
            try await waitUntilAlone(proxies, 3)
            let unfit = try await force(proxies, at: 4, 4)
            #expect(unfit.failure?.code == .recoveryRefused, "\(unfit.text)")
            #expect(unfit.failure?.message.contains("learner") == true)
            let done = try await force(proxies, at: 4, 3)
            #expect(done.status == 200, "\(done.text)")
            try await eventually("p4 follows") {
                let raft = try await proxies.ask(4, .get, "/v1/daemon?what=raft")
                return raft.text.contains("\"generation\":\"2-")
                    && raft.text.contains("\"superseded_by\":null")
            }
            #expect(try await proxies.create("after", through: 4).status == 200)
            #expect(try await proxies.ask(4, .head, "/v1/buckets/kept").status == 200)
        }
    }

    /// FS-14
    @Test func `a client that has seen more gets an error, and never old data`() async throws {
        try await TestProxies.with(2) { proxies in
            let seen = try await proxies.ask(1, .get, "/v1/daemon?what=smap")
            let position = try #require(
                seen.header(HeaderName.position).flatMap { LogPosition(text: $0) })
            func head(_ position: LogPosition) async throws -> TestProxies.Reply {
                try await proxies.ask(
                    2, .get, "/v1/daemon?what=smap&consistency=stale",
                    headers: [(HeaderName.position, position.text)])
            }
            #expect(try await head(position).status == 200)
            var later = position
            later.generation += 1
            #expect(try await head(later).failure?.code == .olderGeneration)
            var ahead = position
            ahead.index += 1_000
            #expect(try await head(ahead).failure?.code == .deadlineExceeded)
            let bad = try await proxies.ask(
                2, .get, "/v1/buckets/*", headers: [(HeaderName.position, "7")])
            #expect(bad.failure?.code == .badPosition)

            await proxies.stop(1)
            try await waitUntilAlone(proxies, 2)
            #expect(try await force(proxies, at: 2, 2).status == 200)
            // What was kept is kept; what was seen behind it is not, and that is said.
            #expect(try await head(position).status == 200)
            let lost = try await head(ahead)
            #expect(lost.failure?.code == .olderGeneration)
            #expect(lost.failure?.cause?.contains("kept was everything up to entry") == true)
        }
    }
}

import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Requests about several nodes (`sids`): judged together, and made together or not at all.
@Suite(.serialized) struct SeveralNodesTests {
    private static func message(_ action: String, _ ids: [String], _ more: String = "") -> String {
        let list = ids.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"action":"\#(action)","value":{"sids":[\#(list)]\#(more)}}"#
    }

    private static func flags(_ id: String, _ proxies: TestProxies, at number: Int) async throws
        -> Int?
    {
        let map = try await proxies.ask(number, .get, "/v1/daemon?what=smap").body
        guard case .object(let object) = try JSONValue(parsing: map) else { return nil }
        for role in ["tmap", "pmap"] {
            guard case .object(let nodes) = object[role], case .object(let node) = nodes[id]
            else { continue }
            return node["flags"]?.unsigned.flatMap(Int.init)
        }
        return nil
    }

    private static func entries(_ id: String, _ proxies: TestProxies, at number: Int) async throws
        -> Int
    {
        try await proxies.ask(number, .get, "/v1/cluster?what=history&request_id=\(id)").text
            .components(separatedBy: #""index":"#).count - 1
    }

    @Test func `several nodes go into maintenance by one entry, or none does`() async throws {
        try await TestProxies.with(3) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
                try await StubTarget.start(proxies, "t3"),
            ]
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let proxy = "p\(primary % 3 + 1)"
            let all = ["t1", proxy, "t3"]
            let dry = try await proxies.ask(
                2, .put, "/v1/cluster?dry_run=true", Self.message("start-maintenance", all))
            #expect(dry.text.contains(#""active_targets":{"now":3,"then":1}"#), "\(dry.text)")
            #expect(dry.text.contains(#""voters":{"now":3,"then":2,"#), "\(dry.text)")
            #expect(dry.text.contains("t1, \(proxy) and t3 take no part any more"), "\(dry.text)")
            for word in ["startmaintenance", "start-maintenance"] {
                let on = try await proxies.ask(
                    3, .put, "/v1/cluster", Self.message(word, all),
                    headers: [("Martlet-Request-Id", "on-\(word)")])
                #expect(on.status == 200 && on.body.isEmpty, "\(on.text)")
                for id in all { #expect(try await Self.flags(id, proxies, at: 1) == 4, "\(id)") }
                #expect(try await Self.entries("on-\(word)", proxies, at: 2) == 1)
                // One that is in already refuses all.
                let again = try await proxies.ask(
                    1, .put, "/v1/cluster", Self.message(word, ["t2", "t1", "t3"]))
                #expect(again.status == 400 && again.failure?.code == .badNode, "\(again.text)")
                #expect(again.text.contains("nodes t1 and t3 are in maintenance"), "\(again.text)")
                #expect(try await Self.flags("t2", proxies, at: 1) == 0)
                let off = try await proxies.ask(
                    3, .put, "/v1/cluster",
                    Self.message(word.replacingOccurrences(of: "start", with: "stop"), all))
                #expect(off.status == 200 && off.body.isEmpty, "\(off.text)")
                for id in all { #expect(try await Self.flags(id, proxies, at: 1) == 0, "\(id)") }
                try await eventually("\(proxy) votes again") {
                    try await proxies.ask(primary, .get, "/v1/daemon?what=raft").text
                        .components(separatedBy: #""voter":true"#).count == 4
                }
            }
            // Two operators at once: one request is made, and the other told so.
            async let one = proxies.ask(
                1, .put, "/v1/cluster", Self.message("startmaintenance", ["t1", "t2"]))
            async let other = proxies.ask(
                2, .put, "/v1/cluster", Self.message("startmaintenance", ["t2", "t3"]))
            let replies = [try await one, try await other]
            #expect(replies.map(\.status).sorted() == [200, 400], "\(replies.map(\.text))")
            let refused = try #require(replies.first { $0.status == 400 })
            #expect(
                refused.failure?.code == .badNode
                    && refused.failure?.message == "node t2 is in maintenance", "\(refused.text)")
            let isIn = [
                try await Self.flags("t1", proxies, at: 1),
                try await Self.flags("t3", proxies, at: 1),
            ]
            #expect(Set(isIn) == [0, 4])
            for target in targets { await target.stop() }
        }
    }

    @Test func `what speaks against one node speaks against all, by name`() async throws {
        try await TestProxies.with(3) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
            ]
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            #expect(try await proxies.create("b", through: 1).status == 200)
            let rows: [(String, [String], String, Int, FailureCode, String)] = [
                ("startmaintenance", ["t1", "t8", "t9"], "", 404, .nodeNotFound, "t8 and t9"),
                ("shutdown-node", ["t1", "t8"], "", 404, .nodeNotFound, "no node t8"),
                ("startmaintenance", ["t1", "p\(primary)"], "", 400, .isPrimary, "p\(primary)"),
                ("decommission", ["t1", "p\(primary)"], "", 400, .isPrimary, "p\(primary)"),
                ("decommission", ["t1", "t2"], "", 400, .objectsAtRisk, "t1 and t2"),
                ("stop-maintenance", ["t1", "t2"], "", 400, .badNode, "t1 and t2 are not in"),
                ("startmaintenance", ["t1", "t1"], "", 400, .badValue, "t1 twice"),
                ("startmaintenance", [], "", 400, .badValue, "names no node"),
                ("startmaintenance", ["t1"], #","sid":"t2""#, 400, .badValue, "is t2"),
                (
                    "startmaintenance", (1...65).map { "t\($0)" }, "", 400, .badValue, "65 nodes"
                ),
            ]
            let before = try await proxies.ask(1, .get, "/v1/daemon?what=smap").text
            for (action, ids, more, status, code, words) in rows {
                let reply = try await proxies.ask(
                    2, .put, "/v1/cluster", Self.message(action, ids, more))
                #expect(
                    reply.status == status && reply.failure?.code == code
                        && reply.failure?.message.contains(words) == true,
                    "\(action) \(ids): \(reply.text)")
            }
            // Losing both others at once is what they are judged by, not one after the other.
            let dead = primary % 3 + 1
            await proxies.stop(dead)
            try await eventually("p\(dead) is missed") {
                let reply = try await proxies.ask(
                    primary, .put, "/v1/cluster?dry_run=true",
                    Self.message("startmaintenance", ["t1", "p\((primary + 1) % 3 + 1)"]))
                return reply.text.contains(#""verdict":"blocked""#)
                    && reply.text.contains("no majority")
            }
            let needed = try await proxies.ask(
                primary, .put, "/v1/cluster",
                Self.message(
                    "startmaintenance", ["t1", "p\((primary + 1) % 3 + 1)"],
                    #","skip_rebalance":true"#))
            #expect(needed.failure?.code == .quorumAtRisk, "\(needed.text)")
            // A target that is down can be told nothing, so nobody is ended.
            await targets[1].stop()
            let silent = try await proxies.ask(
                primary, .put, "/v1/cluster", Self.message("shutdown-node", ["t1", "t2"]))
            #expect(silent.failure?.code == .addressUnreachable, "\(silent.text)")
            #expect(silent.failure?.message == "t2 cannot be reached", "\(silent.text)")
            #expect(!targets[0].isTold.value)
            #expect(try await proxies.ask(primary, .get, "/v1/daemon?what=smap").text == before)
            await targets[0].stop()
        }
    }

    @Test func `several nodes are decommissioned by one entry, orders included`() async throws {
        try await TestProxies.with(3) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
            ]
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary % 3 + 1
            #expect(try await proxies.create("b", through: 1).status == 200)
            let body = Self.message(
                "decommission-node", ["t1", "t2", "p\(other)"],
                #","rm_user_data":true,"skip_rebalance":true"#)
            let dry = try await proxies.ask(primary, .put, "/v1/cluster?dry_run=true", body)
            #expect(dry.text.contains(#""verdict":"unsafe""#), "\(dry.text)")
            #expect(
                dry.text.contains("t2 removes the user data on its 1 mountpaths"), "\(dry.text)")
            #expect(dry.text.contains(#""active_targets":{"now":2,"then":0}"#), "\(dry.text)")
            #expect(dry.text.contains("p\(other) leaves the map"), "\(dry.text)")
            let reply = try await proxies.ask(
                primary, .put, "/v1/cluster", body, headers: [("Martlet-Request-Id", "gone")])
            #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
            #expect(reply.header("Martlet-Notice")?.contains("t1 and t2 remove") == true)
            #expect(try await Self.entries("gone", proxies, at: primary) == 1)
            #expect(await proxies.ended(other) == 0)
            for id in ["t1", "t2"] {
                #expect(try await Self.flags(id, proxies, at: primary) == 8, "\(id)")
            }
            #expect(try await Self.flags("p\(other)", proxies, at: primary) == nil)
            #expect(targets.allSatisfy { !$0.isTold.value })
            // Given again, the orders are the same, and the proxy has left already.
            let orders = try await proxies.ask(primary, .get, "/v1/cluster?what=decommission").text
            let again = try await proxies.ask(primary, .put, "/v1/cluster", body)
            #expect(again.status == 200, "\(again.text)")
            #expect(
                again.header("Martlet-Notice")?.contains("p\(other) has left already, at 20")
                    == true)
            // Who never was on the map is none that has left, alone or among others.
            for ids in [["nobody"], ["p\(other)", "nobody"], ["nobody", "t1"]] {
                let unknown = try await proxies.ask(
                    primary, .put, "/v1/cluster",
                    Self.message("decommission", ids, #","skip_rebalance":true"#))
                #expect(unknown.failure?.code == .nodeNotFound, "\(unknown.text)")
            }
            let maintenance = try await proxies.ask(
                primary, .put, "/v1/cluster", Self.message("startmaintenance", ["p\(other)"]))
            #expect(maintenance.failure?.code == .nodeNotFound, "\(maintenance.text)")
            #expect(
                try await proxies.ask(primary, .get, "/v1/cluster?what=decommission").text == orders
            )
            for target in targets { await target.stop() }
        }
    }

    @Test func `several nodes end, the primary among them`() async throws {
        try await TestProxies.with(5) { proxies in
            let target = try await StubTarget.start(proxies)
            try await eventually("five vote") {
                try await proxies.ask(1, .get, "/v1/daemon?what=raft").text
                    .components(separatedBy: #""voter":true"#).count == 6
            }
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let (second, rest) = (primary % 5 + 1, (primary + 1) % 5 + 1)
            let body = Self.message("shutdown-node", ["p\(primary)", "t1", "p\(second)"])
            let dry = try await proxies.ask(rest, .put, "/v1/cluster?dry_run=true", body)
            #expect(dry.text.contains("becomes primary"), "\(dry.text)")
            #expect(!dry.text.contains("p\(second) becomes primary"), "\(dry.text)")
            #expect(dry.text.contains(#""voters":{"now":5,"then":3,"#), "\(dry.text)")
            let reply = try await proxies.ask(rest, .put, "/v1/cluster", body)
            #expect(reply.status == 200, "\(reply.text)")
            #expect(await proxies.ended(primary) == 0)
            #expect(await proxies.ended(second) == 0)
            #expect(target.isTold.value)
            for id in ["p\(primary)", "p\(second)", "t1"] {
                #expect(try await Self.flags(id, proxies, at: rest) == nil, "\(id)")
            }
            #expect(try await proxies.create("b", through: rest).status == 200)
            await target.stop()
        }
    }

    @Test func `ends of several nodes rest on versions, and belong to no session`() async throws {
        try await TestProxies.with(1) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
            ]
            let body = Self.message("shutdown-node", ["t1", "t2"])
            func end(_ headers: (String, String)...) async throws -> TestProxies.Reply {
                try await proxies.ask(1, .put, "/v1/cluster", body, headers: headers)
            }
            let session = try await end(("Martlet-Session", "1-0-1-1"), ("Martlet-Sequence", "1"))
            #expect(session.failure?.code == .badHeader, "\(session.text)")
            let stale = try await end(("If-Match", #""smap-1""#))
            #expect(stale.failure?.code == .preconditionFailed, "\(stale.text)")
            let primary = try await proxies.ask(
                1, .put, "/v1/cluster", Self.message("shutdown-node", ["t1", "p1"]),
                headers: [("If-Match", #""smap-1""#)])
            #expect(primary.status == 400, "\(primary.text)")
            #expect(targets.allSatisfy { !$0.isTold.value })
            let map = try await proxies.ask(1, .get, "/v1/daemon?what=smap")
            let tag = try #require(map.header("etag"))
            let done = try await end(("If-Match", tag))
            #expect(done.status == 200, "\(done.text)")
            #expect(targets.allSatisfy { $0.isTold.value })
            for target in targets { await target.stop() }
        }
    }

    @Test func `force in the query is force in the value`() async throws {
        try await TestProxies.with(1) { proxies in
            let target = try await StubTarget.start(proxies)
            #expect(try await proxies.create("b", through: 1).status == 200)
            let body = #"{"action":"startmaintenance","value":{"sid":"t1"}}"#
            let refused = try await proxies.ask(1, .put, "/v1/cluster", body)
            #expect(refused.failure?.code == .objectsAtRisk, "\(refused.text)")
            let done = try await proxies.ask(1, .put, "/v1/cluster?frc=true", body)
            #expect(done.status == 200, "\(done.text)")
            await target.stop()
        }
    }

    @Test func `who is off the map and does not end is named`() async throws {
        try await TestProxies.with(1) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
            ]
            targets[1].refusesEnding.set(true)
            let reply = try await proxies.ask(
                1, .put, "/v1/cluster", Self.message("shutdown-node", ["t1", "t2"]),
                headers: [("Martlet-Request-Id", "half")])
            #expect(reply.status == 504 && reply.failure?.code == .partlyDone, "\(reply.text)")
            #expect(reply.failure?.done == ["t1"] && reply.failure?.notDone == ["t2"])
            #expect(reply.failure?.requestID == "half")
            #expect(reply.failure?.next?.contains(targets[1].node.address.url) == true)
            #expect(targets[0].isTold.value && !targets[1].isTold.value)
            #expect(try await Self.entries("half", proxies, at: 1) == 1)
            // By another request they have left already, and nobody is told anything.
            targets[1].refusesEnding.set(false)
            let body = Self.message("shutdown-node", ["t1", "t2"])
            let dry = try await proxies.ask(1, .put, "/v1/cluster?dry_run=true", body)
            #expect(
                dry.text.contains("nothing with t2: it has left already")
                    && dry.text.contains(#""verdict":"safe""#), "\(dry.text)")
            let other = try await proxies.ask(1, .put, "/v1/cluster", body)
            #expect(other.status == 200, "\(other.text)")
            #expect(other.header("Martlet-Notice")?.contains("t2 has left already") == true)
            #expect(!targets[1].isTold.value)
            // The same one again does what is left of it, and then nothing.
            for _ in 1...2 {
                let again = try await proxies.ask(
                    1, .put, "/v1/cluster", body, headers: [("Martlet-Request-Id", "half")])
                #expect(again.status == 200, "\(again.text)")
                #expect(targets[1].isTold.value)
            }
            #expect(try await Self.entries("half", proxies, at: 1) == 1)
            let back = try await proxies.ask(
                1, .post, "/v1/cluster/autoreg", targets[1].joinRequest)
            #expect(back.status == 200, "\(back.text)")
            // On the map again, it is one to be ended, whatever has been.
            targets[1].isTold.set(false)
            let last = try await proxies.ask(1, .put, "/v1/cluster", body)
            #expect(last.status == 200 && targets[1].isTold.value, "\(last.text)")
            for target in targets { await target.stop() }
        }
    }

    /// What was ordered is not done, nor is a node that could not be told to end.
    @Test func `an answer in part names each node where it belongs`() throws {
        func node(_ id: String, _ role: NodeRole, _ port: UInt16) throws -> Node {
            Node(
                id: try #require(NodeID(id)), role: role,
                address: try #require(NodeAddress(host: "h", port: port)), member: UInt64(port))
        }
        let staying = try node("p3", .proxy, 3)
        let (gone, deaf, clearing) = (
            try node("t1", .target, 4), try node("t2", .target, 5), try node("t3", .target, 6)
        )
        let origin = MetadataService.Origin(actor: "test", requestID: "r")
        let failure = #expect(throws: Failure.self) {
            try Departure.check(
                [staying], done: [gone], open: [(deaf, "t2 is deaf"), (clearing, "t3 clears")],
                for: origin)
        }
        #expect(failure?.code == .partlyDone && failure?.requestID == "r")
        #expect(failure?.done == ["t1"] && failure?.notDone == ["p3", "t2", "t3"])
        #expect(failure?.cause == "t2 is deaf; t3 clears")
        let alone = #expect(throws: Failure.self) { try Departure.check([staying], for: origin) }
        #expect(alone?.code == .outcomeUnknown)
        try Departure.check([], done: [gone], open: [(deaf, "t2 is deaf")], for: origin)
    }
}

import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Maintenance and decommission by curl's lines (contract §7.10), and what targets tell of themselves.
@Suite(.serialized) struct MaintenanceTests {
    private static func message(_ action: String, _ id: String, _ more: String = "") -> String {
        #"{"action":"\#(action)","value":{"sid":"\#(id)"\#(more)}}"#
    }

    private static let skip = #","skip_rebalance":true"#

    @Test func `a target goes into maintenance and out of it, in both spellings`() async throws {
        try await TestProxies.with(3) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
            ]
            func flags(_ id: String) async throws -> Int? {
                let map = try await proxies.ask(2, .get, "/v1/daemon?what=smap").body
                guard case .object(let object) = try JSONValue(parsing: map),
                    case .object(let nodes) = object["tmap"], case .object(let node) = nodes[id]
                else { return nil }
                return node["flags"]?.unsigned.flatMap(Int.init)
            }
            for (round, actions) in [
                ("startmaintenance", "stopmaintenance"), ("start-maintenance", "stop-maintenance"),
            ].enumerated() {
                let number = round + 2
                let on = try await proxies.ask(
                    number, .put, "/v1/cluster", Self.message(actions.0, "t1"))
                #expect(on.status == 200 && on.body.isEmpty, "\(on.text)")
                #expect(try await flags("t1") == 4)
                let again = try await proxies.ask(
                    1, .put, "/v1/cluster", Self.message(actions.0, "t1"))
                #expect(again.status == 400 && again.failure?.code == .badNode, "\(again.text)")
                let off = try await proxies.ask(
                    number, .put, "/v1/cluster", Self.message(actions.1, "t1"))
                #expect(off.status == 200 && off.body.isEmpty, "\(off.text)")
                #expect(try await flags("t1") == 0)
            }
            // With buckets there may be objects, and nobody moves them.
            #expect(try await proxies.create("b", through: 1).status == 200)
            for action in ["startmaintenance", "decommission"] {
                let refused = try await proxies.ask(
                    2, .put, "/v1/cluster", Self.message(action, "t1"))
                #expect(refused.failure?.code == .objectsAtRisk, "\(refused.text)")
                #expect(refused.status == 400 && refused.text.contains("skip_rebalance"))
                let dry = try await proxies.ask(
                    2, .put, "/v1/cluster?dry_run=true", Self.message(action, "t1"))
                #expect(dry.text.contains(#""verdict":"blocked""#), "\(dry.text)")
                #expect(dry.text.contains(#""active_targets":{"now":2,"then":1}"#), "\(dry.text)")
            }
            let meant = try await proxies.ask(
                2, .put, "/v1/cluster", Self.message("startmaintenance", "t1", Self.skip))
            #expect(meant.status == 200, "\(meant.text)")
            let back = try await proxies.ask(
                2, .put, "/v1/cluster", Self.message("stopmaintenance", "t1"))
            #expect(back.failure?.code == .objectsAtRisk, "\(back.text)")
            let gone = try await proxies.ask(
                2, .put, "/v1/cluster",
                Self.message("decommission-node", "t1", #","force":true"#))
            #expect(gone.status == 200 && gone.body.isEmpty, "\(gone.text)")
            #expect(try await flags("t1") == nil)
            #expect(try await flags("t2") == 0)
            for target in targets { await target.stop() }
        }
    }

    @Test
    func `a target that is to remove its user data is told so by an entry, and leaves when it has`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let target = try await StubTarget.start(proxies)
            #expect(try await proxies.create("b", through: 1).status == 200)
            let path = "/v1/cluster"
            func message(_ more: String) -> String {
                Self.message("decommission-node", "t1", #","rm_user_data":true"# + more)
            }
            let dry = try await proxies.ask(2, .put, "\(path)?dry_run=true", message(""))
            #expect(dry.text.contains(#""verdict":"blocked""#), "\(dry.text)")
            #expect(dry.text.contains("removed for good"), "\(dry.text)")
            #expect(dry.text.contains("user data on its 1 mountpaths"), "\(dry.text)")
            let refused = try await proxies.ask(2, .put, path, message(""))
            #expect(refused.failure?.code == .objectsAtRisk, "\(refused.text)")
            let meant = try await proxies.ask(3, .put, path, message(Self.skip))
            #expect(meant.status == 200 && meant.body.isEmpty, "\(meant.text)")
            #expect(meant.header("Martlet-Notice")?.contains("what=decommission") == true)
            // Asked again, because an answer may be lost: the same order.
            for _ in 1...2 {
                let again = try await proxies.ask(1, .put, path, message(Self.skip))
                #expect(again.status == 200, "\(again.text)")
            }
            let shown = try await proxies.ask(2, .get, "/v1/cluster?what=decommission").text
            #expect(
                shown.hasPrefix(#"{"nodes":{"t1":{"phase":"removing","order":""#), "\(shown)")
            #expect(shown.contains(#""disks":["\#(StubTarget.disk)"]"#), "\(shown)")
            #expect(shown.contains(#""target":{"phase":"none""#), "\(shown)")
            for (node, isThere) in [("t1", true), ("t2", false)] {
                let one = try await proxies.ask(
                    3, .get, "/v1/cluster?what=decommission&node=\(node)")
                #expect(
                    one.status == 200 && one.text.contains(#""t1":{"phase":"removing""#) == isThere,
                    "\(one.text)")
            }
            let bad = try await proxies.ask(3, .get, "/v1/cluster?what=decommission&node=a/b")
            #expect(bad.failure?.code == .badQuery, "\(bad.text)")
            let map = try await proxies.ask(1, .get, "/v1/daemon?what=smap").text
            #expect(map.contains(#""flags":8"#), "\(map)")
            let parts = shown.components(separatedBy: #""order":""#)
            let order = try #require(parts.dropFirst().first?.split(separator: "\"").first)
            for body in [
                "", "{}", #"{"daemon_id":"t1","order":"1","left":[]}"#,
                #"{"daemon_id":"t1","order":"\#(order)","left":["z"]}"#,
                #"{"daemon_id":"t1","order":"\#(order)","left":7}"#,
            ] {
                let reply = try await proxies.ask(2, .post, "/v1/cluster/decommission", body)
                #expect(reply.status == 400, "\(body): \(reply.text)")
            }
            let report = #"{"daemon_id":"t1","order":"\#(order)","left":[]}"#
            for _ in 1...2 {
                let done = try await proxies.ask(2, .post, "/v1/cluster/decommission", report)
                #expect(done.status == 200, "\(done.text)")
            }
            let over = try await proxies.ask(3, .get, "/v1/cluster?what=decommission").text
            #expect(over.contains(#""phase":"done""#) && !over.contains("unanswered"), "\(over)")
            let left = try await proxies.ask(1, .get, "/v1/daemon?what=smap").text
            #expect(!left.contains(#""daemon_id":"t1""#), "\(left)")
            let history = try await proxies.ask(1, .get, "/v1/cluster?what=history").text
            #expect(history.contains(#""what":"decommission","node":"t1""#), "\(history)")
            await target.stop()
        }
    }

    /// The target has done it, or was saved from it, and is on the map anew: what it has now was not meant.
    @Test func `a request that is repeated under its id tells nobody twice`() async throws {
        try await TestProxies.with(3) { proxies in
            let target = try await StubTarget.start(proxies)
            let body = Self.message("decommission-node", "t1", #","rm_user_data":true"#)
            func tell(_ id: String, _ query: String = "") async throws -> TestProxies.Reply {
                try await proxies.ask(
                    2, .put, "/v1/cluster\(query)", body, headers: [("Martlet-Request-Id", id)])
            }
            func order() async throws -> String? {
                let shown = try await proxies.ask(
                    1, .get, "/v1/cluster?what=decommission&node=t1"
                ).text
                guard shown.contains(#""phase":"removing""#) else { return nil }
                return shown.components(separatedBy: #""order":""#).dropFirst().first
                    .flatMap { $0.split(separator: "\"").first.map(String.init) }
            }
            for (round, isGivenUp) in [false, true].enumerated() {
                #expect(try await tell("round-\(round)").status == 200)
                // As long as it goes on, it is the same order.
                let first = try #require(try await order())
                #expect(try await tell("round-\(round)").status == 200)
                #expect(try await order() == first)
                if isGivenUp {
                    let off = try await proxies.ask(3, .delete, "/v1/cluster/daemon/t1")
                    #expect(off.status == 200, "\(off.text)")
                } else {
                    let report = #"{"daemon_id":"t1","order":"\#(first)","left":[]}"#
                    let done = try await proxies.ask(
                        3, .post, "/v1/cluster/decommission", report)
                    #expect(done.status == 200, "\(done.text)")
                }
                let back = try await proxies.ask(
                    1, .post, "/v1/cluster/autoreg", target.joinRequest)
                #expect(back.status == 200, "\(back.text)")
                let dry = try await tell("round-\(round)", "?dry_run=true")
                #expect(dry.text.contains("nothing with t1"), "\(dry.text)")
                let again = try await tell("round-\(round)")
                #expect(again.status == 200, "\(again.text)")
                #expect(
                    again.header("Martlet-Notice")?.contains("is back since") == true,
                    "\(again.headers)")
                #expect(try await order() == nil)
            }
            // Whoever means it says so by a request of its own.
            #expect(try await tell("round-2").status == 200)
            #expect(try await order() != nil)
            await target.stop()
        }
    }

    @Test func `a target that does not say which disks it has is not told to clear them`()
        async throws
    {
        try await TestProxies.with(1) { proxies in
            let target = try await StubTarget.start(proxies)
            await target.stop()
            let body = Self.message("decommission", "t1", #","rm_user_data":true"#)
            let dry = try await proxies.ask(1, .put, "/v1/cluster?dry_run=true", body)
            #expect(dry.text.contains(#""verdict":"blocked""#), "\(dry.text)")
            let refused = try await proxies.ask(1, .put, "/v1/cluster", body)
            #expect(refused.failure?.code == .targetUnreachable, "\(refused.text)")
            #expect(
                try await proxies.ask(1, .get, "/v1/daemon?what=smap").text.contains(
                    #""daemon_id":"t1""#))
        }
    }

    @Test func `a decommissioned node ends unless it is told to go on`() async throws {
        try await TestProxies.with(3) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
                try await StubTarget.start(proxies, "t3"),
            ]
            let rows = [
                ("decommission-node", "t1", "", true), ("decommission", "t2", "", false),
                ("decommission-node", "t3", #","no_shutdown":true"#, false),
            ]
            for (place, (word, id, more, ends)) in rows.enumerated() {
                let reply = try await proxies.ask(
                    1, .put, "/v1/cluster", Self.message(word, id, more))
                #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
                #expect(targets[place].isTold.value == ends, "\(word)")
            }
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary % 3 + 1
            let reply = try await proxies.ask(
                primary, .put, "/v1/cluster", Self.message("decommission-node", "p\(other)"))
            #expect(reply.status == 200, "\(reply.text)")
            #expect(await proxies.ended(other) == 0)
            for target in targets { await target.stop() }
        }
    }

    @Test func `what makes no sense is refused by name`() async throws {
        try await TestProxies.with(1) { proxies in
            let rows: [(String, Int, FailureCode)] = [
                (Self.message("startmaintenance", "nobody"), 404, .nodeNotFound),
                (Self.message("stopmaintenance", "p1"), 400, .badNode),
                (Self.message("startmaintenance", "p1"), 400, .isPrimary),
                (Self.message("decommission", "p1"), 400, .isPrimary),
                (Self.message("startmaintenance", "a b"), 400, .badNode),
                (#"{"action":"decommission"}"#, 400, .badValue),
                (#"{"action":"decommission","value":{"sid":7}}"#, 400, .badValue),
                (Self.message("startmaintenance", "p1", #","x":1"#), 400, .badValue),
                (Self.message("decommission", "p1", #","rm_user_data":true"#), 400, .isPrimary),
                (
                    Self.message("startmaintenance", "p1", #","rm_user_data":true"#), 400,
                    .badValue
                ),
                (
                    Self.message("decommission", "nobody", #","rm_user_data":true"#), 404,
                    .nodeNotFound
                ),
                (Self.message("shutdown", "p1"), 400, .badValue),
                (Self.message("shutdown-node", "nobody"), 404, .nodeNotFound),
                (#"{"action":"start","value":{"kind":"rebalance"}}"#, 400, .badRequest),
                (#"{"action":"start"}"#, 400, .badValue),
                (#"{"action":"stop","value":{}}"#, 400, .badValue),
                (#"{"action":"start","value":{"kind":"lru"}}"#, 501, .notImplemented),
                (#"{"action":"start","value":{"kind":"election"}}"#, 400, .badRequest),
                (#"{"action":"start","value":{"kind":"nothing"}}"#, 400, .badValue),
            ]
            for (body, status, code) in rows {
                let reply = try await proxies.ask(1, .put, "/v1/cluster", body)
                #expect(
                    reply.status == status && reply.failure?.code == code, "\(body): \(reply.text)")
            }
            let mountpaths = try await proxies.ask(
                1, .post, "/v1/daemon/mountpaths", #"{"action":"add","value":"/mp"}"#)
            #expect(mountpaths.status == 400 && mountpaths.failure?.code == .unknownResource)
        }
    }

    @Test func `a proxy in maintenance has no vote, and has it back afterwards`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let id = "p\(primary % 3 + 1)"
            func voters() async throws -> Int {
                try await proxies.ask(primary, .get, "/v1/daemon?what=raft").text
                    .components(separatedBy: #""voter":true"#).count - 1
            }
            let dry = try await proxies.ask(
                1, .put, "/v1/cluster?dry_run=true", Self.message("startmaintenance", id))
            #expect(dry.text.contains(#""survives_now":1,"survives_then":0"#), "\(dry.text)")
            let on = try await proxies.ask(
                1, .put, "/v1/cluster", Self.message("startmaintenance", id))
            #expect(on.status == 200, "\(on.text)")
            #expect(
                on.header(HeaderName.survives)?.hasPrefix("no voting proxy of 2 may fail") == true)
            #expect(try await voters() == 2)
            let barred = try await proxies.ask(1, .put, "/v1/cluster/proxy/\(id)")
            #expect(barred.failure?.code == .badNode, "\(barred.text)")
            let off = try await proxies.ask(
                1, .put, "/v1/cluster", Self.message("stopmaintenance", id))
            #expect(off.status == 200, "\(off.text)")
            try await eventually("\(id) votes again") { try await voters() == 3 }
        }
    }

    @Test func `one node is ended by way of the cluster, as later clients do`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary % 3 + 1
            let reply = try await proxies.ask(
                other, .put, "/v1/cluster", Self.message("shutdown-node", "p\(primary)"))
            #expect(reply.status == 200, "\(reply.text)")
            #expect(await proxies.ended(primary) == 0)
            #expect(try await proxies.create("b", through: other).status == 200)
        }
    }

    @Test func `what a target reports of a disk is committed, and shown`() async throws {
        try await TestProxies.with(3) { proxies in
            let target = try await StubTarget.start(proxies)
            let report = """
                {"daemon_id":"t1","mountpath":"/srv/a","disk":"0a","disabled":true,"reason":"EIO"}
                """
            let taken = try await proxies.ask(2, .post, "/v1/cluster/mountpaths", report)
            #expect(taken.status == 200, "\(taken.text)")
            let events = try await proxies.ask(3, .get, "/v1/cluster?what=mountpath_events").text
            #expect(
                events.hasPrefix(
                    #"{"targets":{"t1":[{"mountpath":"/srv/a","disk":"0a","disabled":true,"#),
                "\(events)")
            for body in [
                "", "{}", report.replacingOccurrences(of: "true", with: "7"),
                report.replacingOccurrences(of: "0a", with: String(repeating: "0", count: 33)),
            ] {
                let reply = try await proxies.ask(1, .post, "/v1/cluster/mountpaths", body)
                #expect(reply.status == 400, "\(body): \(reply.text)")
            }
            let other = report.replacingOccurrences(of: "t1", with: "t9")
            let reply = try await proxies.ask(1, .post, "/v1/cluster/mountpaths", other)
            #expect(reply.status == 404 && reply.failure?.code == .nodeNotFound)
            await target.stop()
        }
    }

    /// It may be shown that by a proxy that is behind, and then cannot know better.
    @Test func `a target that left for good is not admitted upon a state from before that`()
        async throws
    {
        try await TestProxies.with(1) { proxies in
            let target = try await StubTarget.start(proxies)
            let id = target.node.id
            let metadata = try #require(proxies.daemon(1)).metadata
            let order = DecommissionOrder(disks: [StubTarget.disk], endsProcess: true)
            let before = metadata.published.now.state.position
            _ = try await metadata.change(.decommission(id, order), for: .init(actor: "test"))
            let record = try #require(metadata.published.now.state.decommissions[id])
            _ = try await metadata.change(
                .endDecommission(id, DecommissionReport(order: record.position, left: [])),
                for: .init(actor: "test"))
            func join(_ position: LogPosition?) async throws -> TestProxies.Reply {
                let request = JoinRequest(node: target.node, clusterID: "", position: position)
                return try await proxies.ask(
                    1, .post, "/v1/cluster/autoreg",
                    String(decoding: request.encoded, as: UTF8.self))
            }
            #expect(before < record.position)
            // In the second one it has seen the order, and is carrying it out.
            for position in [before, record.position] {
                let refused = try await join(position)
                #expect(refused.failure?.code == .targetBehind, "\(refused.text)")
                #expect(metadata.published.now.state.map[id] == nil)
            }
            // Whoever knows of it, and asks all the same, is another one under its id.
            let taken = try await join(metadata.published.now.state.position)
            #expect(taken.status == 200, "\(taken.text)")
            #expect(metadata.published.now.state.map[id] != nil)
            await target.stop()
        }
    }
}

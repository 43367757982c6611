import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Ending nodes and the cluster by curl's lines (contract §6.5, §7.8).
@Suite(.serialized) struct ShutdownTests {
    private static let message = #"{"action":"shutdown"}"#

    private static func isListed(_ node: String, at number: Int, _ proxies: TestProxies)
        async throws -> Bool
    {
        try await proxies.ask(number, .get, "/v1/daemon?what=smap").text.contains(#""\#(node)":"#)
    }

    @Test func `a proxy leaves the map and the voters before it ends, and joins when it starts`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let leaving = primary % 3 + 1
            let reply = try await proxies.ask(leaving, .put, "/v1/daemon", Self.message)
            #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
            #expect(
                reply.header(HeaderName.survives)?.hasPrefix("no voting proxy of 2 may fail")
                    == true)
            #expect(await proxies.ended(leaving) == 0)
            #expect(try await !Self.isListed("p\(leaving)", at: primary, proxies))
            let raft = try await proxies.ask(primary, .get, "/v1/daemon?what=raft").text
            #expect(raft.components(separatedBy: #""voter":true"#).count - 1 == 2, "\(raft)")
            #expect(try await proxies.create("between", through: primary).status == 200)
            try await proxies.start(leaving)
            try await proxies.waitUntilReady(leaving)
            #expect(try await Self.isListed("p\(leaving)", at: leaving, proxies))
        }
    }

    @Test func `a primary hands over, leaves and ends; its next start joins`() async throws {
        try await TestProxies.with(3) { proxies in
            let old = try #require(try await proxies.primary(asSeenBy: 1))
            let other = old % 3 + 1
            let reply = try await proxies.ask(old, .put, "/v1/daemon", Self.message)
            #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
            #expect(await proxies.ended(old) == 0)
            #expect(try await proxies.create("b", through: other).status == 200)
            #expect(try await !Self.isListed("p\(old)", at: other, proxies))
            // Its own log may end before the entry that took it off the map.
            try await proxies.start(old)
            try await proxies.waitUntilReady(old)
            #expect(try await Self.isListed("p\(old)", at: other, proxies))
        }
    }

    @Test func `the only proxy stays unless it is forced`() async throws {
        try await TestProxies.with(1) { proxies in
            let refused = try await proxies.ask(1, .put, "/v1/daemon", Self.message)
            #expect(refused.status == 503 && refused.failure?.code == .noPrimary)
            #expect(refused.failure?.message.contains("no other proxy") == true)
            let dry = try await proxies.ask(1, .put, "/v1/daemon?dry_run=true", Self.message)
            #expect(dry.status == 200 && dry.text.contains(#""verdict":"blocked""#), "\(dry.text)")
            // By force it ends where it is, and stays on the map.
            for (path, body) in [
                ("/v1/daemon?frc=true&dry_run=true", Self.message),
                (
                    "/v1/cluster?dry_run=true",
                    #"{"action":"shutdown-node","value":{"sid":"p1","force":true}}"#
                ),
            ] {
                let dry = try await proxies.ask(1, .put, path, body)
                #expect(dry.text.contains(#""verdict":"unsafe""#), "\(dry.text)")
                #expect(dry.text.contains("ends without having left the map"), "\(dry.text)")
                #expect(!dry.text.contains("leaves the map"), "\(dry.text)")
                #expect(dry.text.contains(#""now":1,"then":1"#), "\(dry.text)")
                #expect(dry.text.contains(#""majority_then":false"#), "\(dry.text)")
            }
            // Who names a node does not mean all of them.
            let named = try await proxies.ask(
                1, .put, "/v1/cluster?dry_run=true", #"{"action":"shutdown","value":{"sid":"p1"}}"#)
            #expect(named.failure?.code == .badValue, "\(named.text)")
            #expect(named.failure?.next?.contains("shutdown-node") == true, "\(named.text)")
            let bound = try await proxies.ask(
                1, .put, "/v1/daemon?dry_run=true", Self.message,
                headers: [(HeaderName.term, LogPosition.zero.text)])
            #expect(bound.failure?.code == .badHeader, "\(bound.text)")
            #expect(try await proxies.create("b", through: 1).status == 200)
            let forced = try await proxies.ask(1, .put, "/v1/daemon?frc=true", Self.message)
            #expect(forced.status == 200)
            #expect(await proxies.ended(1) == 0)
            try await proxies.start(1)
            try await proxies.waitUntilReady(1)
            #expect(try await proxies.create("b", through: 1).status == 409)
        }
    }

    @Test func `a proxy that the others need is neither ended nor taken off the map`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let (dead, needed) = (primary % 3 + 1, (primary + 1) % 3 + 1)
            await proxies.stop(dead)
            try await eventually("p\(dead) is missed") {
                let path = "/v1/daemon?dry_run=true"
                return try await proxies.ask(needed, .put, path, Self.message)
                    .text.contains(#""verdict":"blocked""#)
            }
            for number in [needed, primary] {
                let reply = try await proxies.ask(number, .put, "/v1/daemon", Self.message)
                #expect(reply.failure?.code == .quorumAtRisk, "\(reply.text)")
                #expect(reply.status == 400 && reply.text.contains("p\(dead)"))
                #expect(reply.failure?.next?.contains("frc=true") == true, "\(reply.text)")
                // What helps is spelled as the request that was sent spells it.
                for action in ["shutdown-node", "startmaintenance", "decommission"] {
                    let sid = action == "shutdown-node" ? number : needed
                    let body = #"{"action":"\#(action)","value":{"sid":"p\#(sid)"}}"#
                    for query in ["", "?dry_run=true"] {
                        let reply = try await proxies.ask(
                            needed, .put, "/v1/cluster\(query)", body)
                        #expect(reply.text.contains("quorum_at_risk"), "\(reply.text)")
                        #expect(
                            reply.text.contains(#"\"force\":true in 'value'"#)
                                && !reply.text.contains("frc="), "\(reply.text)")
                    }
                }
            }
            let dry = try await proxies.ask(needed, .put, "/v1/daemon?dry_run=true", Self.message)
            #expect(dry.text.contains(#""action":"shutdown""#), "\(dry.text)")
            #expect(dry.text.contains("the process of p\(needed) ends"), "\(dry.text)")
            #expect(dry.text.contains("frc=true"), "\(dry.text)")
            let removal = "/v1/cluster/daemon/p\(needed)"
            let reply = try await proxies.ask(primary, .delete, removal)
            #expect(reply.failure?.code == .quorumAtRisk, "\(reply.text)")
            #expect(try await proxies.create("b", through: needed).status == 200)
            // Taking the dead one off is what helps.
            let taken = try await proxies.ask(needed, .delete, "/v1/cluster/daemon/p\(dead)")
            #expect(taken.status == 200, "\(taken.text)")
            let ends = try await proxies.ask(needed, .put, "/v1/daemon", Self.message)
            #expect(ends.status == 200, "\(ends.text)")
            #expect(await proxies.ended(needed) == 0)
            #expect(try await proxies.create("c", through: primary).status == 200)
        }
    }

    @Test func `the cluster ends as a whole, through any proxy, and resumes`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let target = try await StubTarget.start(proxies)
            #expect(try await proxies.create("b", through: 1).status == 200)
            await target.stop()
            let dry = try await proxies.ask(1, .put, "/v1/cluster?dry_run=true", Self.message)
            #expect(dry.status == 200 && dry.text.contains("the processes of t1 end"))
            let asked = primary % 3 + 1
            let reply = try await proxies.ask(asked, .put, "/v1/cluster", Self.message)
            #expect(reply.status == 200, "\(reply.text)")
            #expect(reply.text.contains(#"{"not_told":{"t1":"#), "\(reply.text)")
            for number in 1...3 { #expect(await proxies.ended(number) == 0) }
            for number in 1...3 { try await proxies.start(number) }
            for number in 1...3 { try await proxies.waitUntilReady(number) }
            #expect(try await proxies.create("b", through: 2).status == 409)
            #expect(try await Self.isListed("t1", at: 3, proxies))
        }
    }

    @Test func `the end of the cluster is foreseen by a primary alone`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            for number in 1...3 where number != primary { await proxies.stop(number) }
            // By its own word it leads for a while.
            let dry = try await proxies.ask(primary, .put, "/v1/cluster?dry_run=true", Self.message)
            #expect(dry.status == 503, "\(dry.text)")
        }
    }

    @Test func `who is off the map and in the group still has not left`() {
        let gone = Failure(.nodeNotFound, "there is no node p1")
        #expect(NodeShutdown.hasLeft(gone, isMember: false))
        #expect(!NodeShutdown.hasLeft(gone, isMember: true))
        #expect(!NodeShutdown.hasLeft(Failure(.noPrimary, "none"), isMember: false))
    }

    @Test func `an action nobody knows is refused with those that are known`() async throws {
        try await TestProxies.with(1) { proxies in
            for path in ["/v1/daemon", "/v1/cluster"] {
                for body in [#"{"action":"dance"}"#, "{}"] {
                    let reply = try await proxies.ask(1, .put, path, body)
                    #expect(reply.status == 400 && reply.failure?.code == .unknownAction)
                    #expect(reply.failure?.next?.contains("shutdown") == true)
                }
                let empty = try await proxies.ask(1, .put, path)
                #expect(empty.status == 400 && empty.failure?.code == .badJSON)
            }
            let value = #"{"action":"shutdown","value":{"when":"now"}}"#
            let reply = try await proxies.ask(1, .put, "/v1/daemon", value)
            #expect(reply.status == 400 && reply.failure?.code == .badValue)
        }
    }
}

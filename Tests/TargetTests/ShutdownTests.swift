import API
import Cluster
import HTTP
import Synchronization
import TestSupport
import Testing

@testable import Target

/// Ending a target by a request (contract §6.5).
@Suite struct ShutdownTests {
    private static let message = Array(#"{"action":"shutdown"}"#.utf8)

    @Test func `a target leaves the map, answers, and ends`() async throws {
        try await TestTarget.with { target in
            let dry = try await target.ask(
                .put, "/v1/daemon?dry_run=true", at: nil, body: Self.message)
            #expect(dry.status == .ok && dry.text.contains(#""dry_run":true"#), "\(dry.text)")
            #expect(dry.text.contains(#""action":"shutdown""#), "\(dry.text)")
            #expect(dry.text.contains("the process of t1 ends"), "\(dry.text)")
            let staying = try await target.ask(
                .put, "/v1/daemon?dry_run=true", at: nil,
                body: Array(#"{"action":"shutdown","value":{"unregister":false}}"#.utf8))
            #expect(
                staying.text.contains(#""active_targets":{"now":1,"then":0}"#), "\(staying.text)")
            #expect(target.proxy.state.map[target.daemon.node.id] != nil)
            let reply = try await target.ask(.put, "/v1/daemon", at: nil, body: Self.message)
            #expect(reply.status == .ok && reply.body.isEmpty, "\(reply.text)")
            #expect(target.proxy.state.map[target.daemon.node.id] == nil)
            await target.ended()
            await #expect(throws: ClientError.self) {
                try await target.ask(.get, "/v1/health", at: nil)
            }
        }
    }

    @Test func `a target that cannot leave goes on, unless it is forced`() async throws {
        try await TestTarget.with { target in
            target.proxy.log.withLock { $0.refusesJoins = true }
            let refused = try await target.ask(.put, "/v1/daemon", at: nil, body: Self.message)
            #expect(refused.failure?.code == .noQuorum, "\(refused.text)")
            // What a proxy refuses is passed on, and is an error here as well (contract §2.5).
            let joining = try await target.ask(.post, "/v1/daemon", at: nil)
            #expect(joining.failure?.code == .addressTaken, "\(joining.text)")
            #expect(joining.headers[named: "X-Content-Type-Options"] == "nosniff")
            #expect(try await target.put("o", "x") == .ok)
            let forced = try await target.ask(
                .put, "/v1/daemon?frc=true", at: nil, body: Self.message)
            #expect(forced.status == .ok, "\(forced.text)")
            await target.ended()
        }
    }

    /// It may be off the map: that is no refusal, and the request asked for again ends it.
    @Test func `a target whose request to leave was lost does not say that nothing was done`()
        async throws
    {
        try await TestTarget.with { target in
            target.proxy.log.withLock { $0.isLostWithRemovals = true }
            let lost = try await target.ask(
                .put, "/v1/daemon", at: nil, headers: [(HeaderName.requestID, "leave-1")],
                body: Self.message)
            #expect(lost.failure?.code == .outcomeUnknown, "\(lost.text)")
            #expect(lost.failure?.requestID == "leave-1")
            #expect(target.proxy.state.map[target.daemon.node.id] == nil)
            target.proxy.log.withLock { $0.isLostWithRemovals = false }
            let again = try await target.ask(.put, "/v1/daemon", at: nil, body: Self.message)
            #expect(again.status == .ok, "\(again.text)")
            await target.ended()
        }
    }

    @Test func `a target that is to stay on the map ends without a word to the proxies`()
        async throws
    {
        try await TestTarget.with { target in
            let message = #"{"action":"shutdown","value":{"unregister":false}}"#
            let reply = try await target.ask(.put, "/v1/daemon", at: nil, body: Array(message.utf8))
            #expect(reply.status == .ok)
            await target.ended()
            #expect(target.proxy.state.map[target.daemon.node.id] != nil)
        }
    }

    @Test func `a target that was taken off joins again when it is told to`() async throws {
        try await TestTarget.with { target in
            let id = target.daemon.node.id
            target.proxy.submit(.removeNode(id))
            try await target.proxy.acknowledged(by: "t1")
            let dry = try await target.ask(.post, "/v1/daemon?dry_run=true", at: nil)
            #expect(dry.text.contains("t1 joins the map"), "\(dry.text)")
            #expect(target.proxy.state.map[id] == nil)
            for _ in 1...2 {
                let reply = try await target.ask(.post, "/v1/daemon", at: nil)
                #expect(reply.status == .ok && reply.body.isEmpty, "\(reply.text)")
                #expect(target.daemon.context.publisher.current.state.map[id] != nil)
            }
            #expect(try await target.put("o", "x") == .ok)
            target.proxy.submit(.removeNode(id))
            target.proxy.log.withLock { $0.refusesJoins = true }
            let refused = try await target.ask(.post, "/v1/daemon", at: nil)
            #expect(refused.failure?.code == .addressTaken, "\(refused.text)")
        }
    }

    @Test func `an object that may lie on a target in maintenance is unavailable, not absent`()
        async throws
    {
        try await TestTarget.with { target in
            let other = Node(
                id: try #require(NodeID("t2")), role: .target,
                address: try #require(NodeAddress(host: "127.0.0.1", port: 9)))
            let names = (1...30).map { "o\($0)" }
            let bucket = try #require(Bucket(name: "b"))
            let before = target.proxy.state.map
            target.proxy.submit(.setNode(other))
            let both = target.proxy.state.map
            target.proxy.submit(.setMaintenance(other.id, isOn: true))
            try await target.proxy.acknowledged(by: "t1")
            #expect(before.candidates.count == 1 && both.candidates.count == 2)
            for name in names {
                let digest = ObjectKey(bucket, name).digest
                let reply = try await target.get(name)
                let isThere = both.target(owning: digest)?.id == other.id
                #expect(
                    reply.failure?.code == (isThere ? .targetInMaintenance : .objectNotFound),
                    "\(reply.text)")
                #expect(try await target.put(name, "new") == .ok)
                #expect(try await target.get(name).text == "new")
            }
        }
    }
}

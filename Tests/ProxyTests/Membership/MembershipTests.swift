import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Setting the primary, and taking nodes on the map and off it, by curl's lines.
@Suite(.serialized) struct MembershipTests {
    @Test func `set-primary on any proxy hands over, and says so when it cannot`() async throws {
        try await TestProxies.with(3) { proxies in
            for round in 1...4 {
                let old = try #require(try await proxies.primary(asSeenBy: 1))
                let next = old % 3 + 1
                let asked = (old + round) % 3 + 1
                let reply = try await proxies.ask(asked, .put, "/v1/cluster/proxy/p\(next)")
                #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
                // The reply is given when the new primary has committed, so it takes changes at once.
                #expect(try await proxies.create("r\(round)", through: asked).status == 200)
                let map = try await proxies.ask(asked, .get, "/v1/daemon?what=smap")
                #expect(map.text.contains(#""proxy_si":{"public_net""#))
                #expect(try await proxies.primary(asSeenBy: asked) == next)
            }
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let again = try await proxies.ask(1, .put, "/v1/cluster/proxy/p\(primary)")
            #expect(again.status == 200)
            for bad in ["nobody", "a%20b"] {
                let reply = try await proxies.ask(2, .put, "/v1/cluster/proxy/\(bad)")
                #expect(reply.status == 400 && reply.failure?.code == .badNode, "\(reply.text)")
            }
        }
    }

    @Test func `a primary is not handed to who may not or does not vote`() async throws {
        try await TestProxies.with(1) { proxies in
            try await proxies.start(2, isElectable: false)
            try await proxies.waitUntilReady(2)
            let barred = try await proxies.ask(1, .put, "/v1/cluster/proxy/p2")
            #expect(barred.status == 400 && barred.failure?.code == .badNode, "\(barred.text)")
            let target = try await StubTarget.start(proxies)
            let wrong = try await proxies.ask(1, .put, "/v1/cluster/proxy/t1")
            #expect(wrong.status == 400 && wrong.failure?.code == .badNode, "\(wrong.text)")
            #expect(try await proxies.create("b", through: 1).status == 200)
            await target.stop()
        }
    }

    @Test func `a target is taken off the map and registered again, flat or nested`() async throws {
        try await TestProxies.with(3) { proxies in
            let target = try await StubTarget.start(proxies)
            func isListed() async throws -> Bool {
                try await proxies.ask(2, .get, "/v1/daemon?what=smap").text.contains(#""t1":"#)
            }
            #expect(try await isListed())
            let flat = """
                {"daemon_type":"target","node_ip_addr":"127.0.0.1","daemon_port":"\(target.port)",
                "daemon_id":"t1","direct_url":"http://127.0.0.1:\(target.port)"}
                """
            for body in [flat, target.joinRequest] {
                let removed = try await proxies.ask(3, .delete, "/v1/cluster/daemon/t1")
                #expect(removed.status == 200 && removed.body.isEmpty, "\(removed.text)")
                #expect(removed.header(HeaderName.survives)?.contains("may fail") == true)
                #expect(try await !isListed())
                let gone = try await proxies.ask(1, .delete, "/v1/cluster/daemon/t1")
                #expect(gone.status == 404 && gone.failure?.code == .nodeNotFound)
                let added = try await proxies.ask(2, .post, "/v1/cluster/register", body)
                #expect(added.status == 200 && added.body.isEmpty, "\(added.text)")
                #expect(added.header(HeaderName.survives)?.contains("may fail") == true)
                #expect(try await isListed())
                let again = try await proxies.ask(2, .post, "/v1/cluster/register", body)
                #expect(again.status == 200, "\(again.text)")
            }
            let ips = try await proxies.ask(1, .get, "/v1/cluster?what=target_ips")
            #expect(ips.text == "127.0.0.1,127.0.0.1,127.0.0.1")
            await target.stop()
        }
    }

    @Test func `nobody is registered on the word of others alone`() async throws {
        try await TestProxies.with(1) { proxies in
            let target = try await StubTarget.start(proxies)
            func register(
                _ id: String, _ type: String, _ port: Int
            ) async throws -> TestProxies.Reply {
                try await proxies.ask(
                    1, .post, "/v1/cluster/register",
                    """
                    {"daemon_type":"\(type)","node_ip_addr":"127.0.0.1","daemon_port":"\(port)",
                    "daemon_id":"\(id)"}
                    """)
            }
            let unused = Int(try FreePort.take())
            for (id, type, port) in [
                ("t9", "target", unused), ("t9", "target", target.port),
                ("t1", "proxy", target.port),
            ] {
                let reply = try await register(id, type, port)
                #expect(reply.status == 400, "\(reply.text)")
                #expect(reply.failure?.code == .addressUnreachable, "\(reply.text)")
            }
            // `nel` says that a gateway may not become primary (contract §7.3).
            for path in ["register", "autoreg", "keepalive"] {
                let reply = try await proxies.ask(
                    1, .post, "/v1/cluster/\(path)?nel=true", target.joinRequest)
                #expect(reply.failure?.code == .badQuery, "\(reply.text)")
            }
            let map = try await proxies.ask(1, .get, "/v1/daemon?what=smap")
            #expect(!map.text.contains(#""flags":1"#), "\(map.text)")
            for body in ["", "{}", #"{"daemon_id":"x","daemon_type":"disk"}"#] {
                let reply = try await proxies.ask(1, .post, "/v1/cluster/register", body)
                #expect(reply.status == 400, "\(reply.text)")
            }
            await target.stop()
        }
    }

    @Test func `the primary is not taken off, another proxy is and stays off`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let refused = try await proxies.ask(1, .delete, "/v1/cluster/daemon/p\(primary)")
            #expect(refused.status == 400 && refused.failure?.code == .isPrimary)
            let victim = primary == 3 ? 2 : 3
            let other = [1, 2, 3].first { $0 != primary && $0 != victim } ?? primary
            let removed = try await proxies.ask(other, .delete, "/v1/cluster/daemon/p\(victim)")
            #expect(removed.status == 200, "\(removed.text)")
            // Of a proxy the answer says which failures are survived by as many as there are now.
            #expect(
                removed.text.contains(#""voters":{"now":2,"then":2,"survives_now":0"#),
                "\(removed.text)")
            #expect(
                removed.header(HeaderName.survives)?.hasPrefix("no voting proxy of 2 may fail")
                    == true)
            try await eventually("its member has left") {
                let raft = try await proxies.ask(primary, .get, "/v1/daemon?what=raft").text
                return !raft.contains("\"node\":\"p\(victim)\"")
                    && raft.components(separatedBy: "\"member\":").count == 4
            }
            #expect(try await proxies.create("without", through: other).status == 200)
            let address = try proxies.address(victim)
            let body = """
                {"daemon_type":"proxy","node_ip_addr":"\(address.host)",
                "daemon_port":"\(address.port)","daemon_id":"p\(victim)"}
                """
            let added = try await proxies.ask(other, .post, "/v1/cluster/register", body)
            #expect(added.status == 200, "\(added.text)")
            #expect(added.text.contains(#""then":3,"survives_now":"#), "\(added.text)")
            #expect(added.text.contains(#""survives_then":1"#), "\(added.text)")
            #expect(added.header(HeaderName.survives) != nil)
            try await proxies.waitUntilReady(victim)
            let names = try await proxies.ask(victim, .get, "/v1/buckets/*")
            #expect(names.text.contains("without"))
        }
    }

    /// It has asked for long, and pauses between two attempts: what it finds on the map afterwards is not all that has happened.
    @Test func `a proxy that is taken off as soon as it has joined stays off`() async throws {
        try await TestProxies.with(1) { proxies in
            await proxies.stop(1)
            try await proxies.start(2, isElectable: false)
            // Until it pauses for a second.
            try await Task.sleep(for: .seconds(3))
            try await proxies.start(1)
            try await proxies.waitUntilReady(2)
            let removed = try await proxies.ask(1, .delete, "/v1/cluster/daemon/p2")
            #expect(removed.status == 200, "\(removed.text)")
            let deadline = ContinuousClock.now + .milliseconds(2_500)
            while ContinuousClock.now < deadline {
                let map = try await proxies.ask(1, .get, "/v1/daemon?what=smap").text
                try #require(!map.contains(#""p2":"#), "\(map)")
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}

import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Several proxies: one log.
@Suite(.serialized) struct GroupTests {
    @Test func `three proxies form a group, and what one took all have`() async throws {
        try await TestProxies.with(3) { proxies in
            for number in 1...3 {
                let reply = try await proxies.create("from-p\(number)", through: number)
                #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
                // At once, and wherever one asks.
                for other in 1...3 {
                    let names = try await proxies.ask(other, .get, "/v1/buckets/*")
                    #expect(names.text.contains("from-p\(number)"), "p\(other): \(names.text)")
                }
            }
            let again = try await proxies.create("from-p1", through: 3)
            #expect(again.status == 409 && again.failure?.code == .bucketExists)
            let destroyed = try await proxies.ask(
                2, .delete, "/v1/buckets/from-p1", #"{"action":"destroylb"}"#)
            #expect(destroyed.status == 200)
            let head = try await proxies.ask(3, .head, "/v1/buckets/from-p1")
            #expect(head.status == 404)
        }
    }

    @Test func `without a majority changes are refused by name, and with it they go on`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("before", through: 1).status == 200)
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let others = [1, 2, 3].filter { $0 != primary }
            await proxies.stop(others[0])
            await proxies.stop(others[1])
            try await eventually("the loss is noticed") {
                try await proxies.create("during", through: primary).failure?.code == .noQuorum
            }
            let refused = try await proxies.create("during", through: primary)
            #expect(refused.status == 503 && refused.failure?.code == .noQuorum)
            for other in others {
                #expect(refused.failure?.message.contains("p\(other)") == true)
            }
            #expect(refused.failure?.message.contains("not heard since 20") == true)
            // A proxy alone still shows what it has, and says that it is stale when asked to be sure.
            let map = try await proxies.ask(primary, .get, "/v1/daemon?what=smap")
            #expect(map.status == 200)
            // By what is said of orders a target removes user data: it is certain, unless somebody asks for less.
            for (what, shown, refused) in [
                ("mountpath_events", "", "&consistency=linearizable"),
                ("decommission", "&consistency=stale", ""),
            ] {
                let path = "/v1/cluster?what=\(what)"
                let old = try await proxies.ask(primary, .get, path + shown)
                #expect(old.status == 200, "\(what): \(old.text)")
                #expect(old.header(HeaderName.age) != nil, "\(what)")
                #expect(old.header(HeaderName.position) != nil, "\(what)")
                let certain = try await proxies.ask(primary, .get, path + refused)
                #expect(certain.failure?.code == .noQuorum, "\(what): \(certain.text)")
            }
            let names = try await proxies.ask(primary, .get, "/v1/buckets/*")
            #expect(names.status == 503)
            let stale = try await proxies.ask(primary, .get, "/v1/buckets/*?consistency=stale")
            #expect(stale.status == 200 && stale.text.contains("before"))
            let health = try await proxies.ask(primary, .get, "/v1/health")
            #expect(health.status == 200)

            try await proxies.start(others[0])
            try await eventually("a majority takes changes again") {
                try await proxies.create("after", through: others[0]).status == 200
            }
        }
    }

    @Test func `a primary that ends hands over, and returns as one of the others`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary == 3 ? 1 : primary + 1
            #expect(await proxies.stop(primary) == 0)
            #expect(try await proxies.create("during", through: other).status == 200)
            #expect(try await proxies.primary(asSeenBy: other) != primary)
            try await proxies.start(primary)
            try await proxies.waitUntilReady(primary)
            let names = try await proxies.ask(primary, .get, "/v1/buckets/*")
            #expect(names.text.contains("during"))
        }
    }

    @Test func `all of them stopped and started again have everything`() async throws {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("kept", through: 2).status == 200)
            for number in 1...3 { await proxies.stop(number) }
            for number in 1...3 { try await proxies.start(number) }
            for number in 1...3 { try await proxies.waitUntilReady(number) }
            let names = try await proxies.ask(3, .get, "/v1/buckets/*")
            #expect(names.text.contains("kept"))
        }
    }

    @Test func `a proxy whose disk was replaced comes back as a new member`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let victim = primary == 3 ? 2 : 3
            let before = try await proxies.ask(primary, .get, "/v1/daemon?what=raft").text
            await proxies.stop(victim)
            try FileManager.default.removeItem(atPath: proxies.dataPath(victim))
            try await proxies.start(victim)
            try await proxies.waitUntilReady(victim)
            let after = try await proxies.ask(primary, .get, "/v1/daemon?what=raft").text
            #expect(before != after)
            #expect(after.components(separatedBy: "\"voter\":true").count == 4, "\(after)")
            #expect(!after.contains("\"node\":\"\""), "\(after)")
        }
    }

    @Test(arguments: [[3], [2, 3], [1, 2, 3]])
    func `proxies that come back at other addresses are found again`(moved: [Int]) async throws {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("before", through: 1).status == 200)
            for number in moved { await proxies.stop(number) }
            for number in moved { try proxies.move(number) }
            for number in moved { try await proxies.start(number) }
            for number in 1...3 { try await proxies.waitUntilReady(number) }
            #expect(try await proxies.create("after", through: moved[0]).status == 200)
            for number in 1...3 {
                let map = try await proxies.ask(number, .get, "/v1/daemon?what=smap").text
                for other in 1...3 {
                    #expect(map.contains(":\(try proxies.address(other).port)\""), "\(map)")
                }
            }
        }
    }

    /// CL-07.
    @Test func `a request sent to a proxy that leads no more goes back at once`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary == 3 ? 1 : primary + 1
            let create = #"{"action":"createlb"}"#
            let begun = MonotonicTime.now()
            let reply = try await proxies.ask(
                other, .post, "/v1/buckets/b", create, headers: [("Martlet-Forwarded-By", "p9")])
            #expect(reply.failure?.code == .noPrimary, "\(reply.text)")
            // Also when a majority is missing: the sender may know one.
            for number in 1...3 where number != other { await proxies.stop(number) }
            try await eventually("the loss is noticed") {
                try await proxies.create("b", through: other).failure?.code == .noQuorum
            }
            let alone = try await proxies.ask(
                other, .post, "/v1/buckets/b", create, headers: [("Martlet-Forwarded-By", "p9")])
            #expect(alone.failure?.code == .noPrimary, "\(alone.text)")
            #expect(MonotonicTime.now().since(begun) < 8_000_000_000)
        }
    }

    @Test func `a proxy alone that comes back at another address says so on the map`() async throws
    {
        try await TestProxies.with(1) { proxies in
            await proxies.stop(1)
            try proxies.move(1)
            try await proxies.start(1)
            try await proxies.waitUntilReady(1)
            let map = try await proxies.ask(1, .get, "/v1/daemon?what=smap").text
            #expect(map.contains(":\(try proxies.address(1).port)\""), "\(map)")
        }
    }

    @Test func `a founder whose disk was wiped founds no second cluster`() async throws {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("kept", through: 1).status == 200)
            await proxies.stop(1)
            try FileManager.default.removeItem(atPath: proxies.dataPath(1))
            var settings = ProxySettings(
                id: try #require(NodeID("p1")), listen: try proxies.address(1),
                dataPath: proxies.dataPath(1), founds: true,
                seeds: [try proxies.endpoint(2), try proxies.endpoint(9)])
            await #expect {
                try await ProxyDaemon(settings, stop: Latch())
            } throws: {
                "\($0)".contains("belongs to cluster") && "\($0)".contains("without --found")
            }
            // Nothing was begun: as one that joins, it is let in.
            settings.founds = false
            let stop = Latch()
            let daemon = try await ProxyDaemon(settings, stop: stop)
            let running = Task { await daemon.run() }
            try await proxies.waitUntilReady(1)
            let names = try await proxies.ask(1, .get, "/v1/buckets/*")
            #expect(names.text.contains("kept"))
            stop.open()
            _ = await running.value
        }
    }

    @Test func `a second process on the same directory is refused`() async throws {
        try await TestProxies.with(1) { proxies in
            let settings = ProxySettings(
                id: try #require(NodeID("p1")), listen: try proxies.address(9),
                dataPath: proxies.dataPath(1), founds: true)
            await #expect(throws: (any Error).self) {
                try await ProxyDaemon(settings, stop: Latch())
            }
            #expect(try await proxies.create("unharmed", through: 1).status == 200)
        }
    }

    @Test func `a proxy with nothing to start from says what is missing`() async throws {
        let path = NSTemporaryDirectory() + "martlet-proxy-\(SystemRandom.identifier())"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let settings = ProxySettings(
            id: try #require(NodeID("p1")),
            listen: try #require(NodeAddress(host: "127.0.0.1", port: 1)), dataPath: path)
        await #expect {
            try await ProxyDaemon(settings, stop: Latch())
        } throws: {
            "\($0)".contains("--found") && "\($0)".contains("--join")
        }
    }

    @Test func `a proxy that may not vote learns, and the others do not wait for it`() async throws
    {
        try await TestProxies.with(1) { proxies in
            try await proxies.start(2, isElectable: false)
            try await proxies.waitUntilReady(2)
            let raft = try await proxies.ask(1, .get, "/v1/daemon?what=raft").text
            #expect(raft.components(separatedBy: "\"voter\":true").count == 2, "\(raft)")
            await proxies.stop(2)
            #expect(try await proxies.create("alone", through: 1).status == 200)
        }
    }
}

import API
import Base
import Cluster
import HTTP
import Synchronization
import TestSupport
import Testing

@testable import Target

/// A target and the log: positions of redirects, lost proxies, snapshots, other clusters.
@Suite struct FollowingTests {
    @Test func `a redirect from a later state waits for it`() async throws {
        try await TestTarget.with { target async throws in
            let late = try #require(Bucket(name: "late"))
            target.proxy.hold(true)
            target.proxy.submit(.createBucket(late, BucketProperties()))
            async let reply = target.ask(.put, "/v1/objects/late/o", body: [1])
            try await Task.sleep(for: .milliseconds(50))
            target.proxy.hold(false)
            #expect(try await reply.status == .ok)
        }
    }

    @Test func `when the state does not come in time, the answer says so`() async throws {
        try await TestTarget.with { target async throws in
            // Were all proxies to say how far they are, the answer would be another one.
            target.proxy.log.withLock { $0.isMute = true }
            var far = target.proxy.state.position
            far.index += 100
            let reply = try await target.ask(.get, "/v1/objects/b/o", at: .position(far))
            #expect(reply.failure?.code == .targetBehind)
            #expect(reply.failure?.next != nil)
        }
    }

    @Test func `an object that a later map gives to another target is refused`() async throws {
        try await TestTarget.with { target async throws in
            let before = target.proxy.state.position
            let other = Node(
                id: try #require(NodeID("t2")), role: .target,
                address: try #require(NodeAddress(host: "127.0.0.1", port: 9)))
            let bucket = try #require(Bucket(name: "b"))
            var name = "o"
            let weight = { (id: NodeID) in
                Placement.weight(id.digest, ObjectKey(bucket, name).digest)
            }
            while weight(other.id) <= weight(target.daemon.node.id) { name += "o" }
            #expect(try await target.put(name, "x") == .ok)
            #expect(try await target.get(name).status == .ok)
            target.proxy.submit(.setNode(other))
            try await target.proxy.acknowledged(by: "t1")
            let reply = try await target.ask(
                .get, "/v1/objects/b/\(name)", at: .position(before))
            #expect(reply.failure?.code == .objectElsewhere)
            #expect(reply.failure?.message.contains("t2") == true)
        }
    }

    @Test func `a stream that is cut is taken up where it ended`() async throws {
        try await TestTarget.with { target async throws in
            for number in 0..<5 {
                target.proxy.cut()
                let bucket = try #require(Bucket(name: "n\(number)"))
                target.proxy.submit(.createBucket(bucket, BucketProperties()))
                try await target.proxy.acknowledged(by: "t1")
                #expect(try await target.put("o", "x", bucket: bucket.name) == .ok)
            }
            let hash = target.proxy.log.withLock { $0.acknowledged["t1"]?.hash }
            #expect(hash == target.proxy.state.hash)
        }
    }

    @Test func `a target whose proxy has no news goes on saying where it is`() async throws {
        try await TestTarget.with { target async throws in
            try await target.proxy.acknowledged(by: "t1")
            let before = target.proxy.log.withLock { ($0.acknowledgements, $0.follows) }
            try await eventually("it is acknowledged again") {
                target.proxy.pulse()
                return target.proxy.log.withLock { $0.acknowledgements } > before.0
            }
            #expect(target.proxy.log.withLock { $0.follows } == before.1)
        }
    }

    @Test func `one whose entries are gone gets a snapshot`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        for number in 0..<200 {
            let bucket = try #require(Bucket(name: "n\(number)"))
            proxy.submit(.createBucket(bucket, BucketProperties()))
        }
        proxy.compact()
        let target = try TestTarget(proxy, disks)
        try await target.ready()
        #expect(try await target.put("o", "x", bucket: "n150") == .ok)
        #expect(target.daemon.context.publisher.current.state == proxy.state)
        await target.end()
        await proxy.stop()
    }

    @Test func `a target of one cluster takes nothing from another`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        var target = try TestTarget(proxy, disks)
        try await target.ready()
        await target.end()
        await proxy.stop()
        let stranger = try FakeProxy(clusterID: "another")
        target = try TestTarget(stranger, disks)
        try await eventually("two refusals") { stranger.log.withLock { $0.follows } > 1 }
        #expect(!target.daemon.context.publisher.current.isKnown)
        let health = try await target.ask(.get, "/v1/health?readiness=true", at: nil)
        #expect(health.status == .serviceUnavailable)
        #expect(health.failure?.message.contains("wrong_cluster") == true)
        #expect(try await target.ask(.get, "/v1/health", at: nil).status == .ok)
        await target.end()
        await stranger.stop()
    }

    @Test func `when its proxy dies the target follows another`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let target = try TestTarget(proxy, disks)
        try await target.ready()
        let second = try FakeProxy()
        let node = Node(
            id: try #require(NodeID("p2")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: UInt16(second.port))),
            member: 2)
        proxy.submit(.setNode(node))
        try await proxy.acknowledged(by: "t1")
        second.recover(proxy.state)
        await proxy.stop()
        let bucket = try #require(Bucket(name: "later"))
        second.submit(.createBucket(bucket, BucketProperties()))
        try await second.acknowledged(by: "t1")
        #expect(target.daemon.context.publisher.current.state == second.state)
        await target.end()
        await second.stop()
    }

    /// It shows signs of life, or not even these: neither says that it knows what the others do.
    @Test(arguments: [true, false])
    func `a proxy that does not bring what redirects speak of is left`(isAlive: Bool) async throws {
        try await TestTarget.with { target async throws in
            let second = try FakeProxy()
            let node = Node(
                id: try #require(NodeID("p2")), role: .proxy,
                address: try #require(NodeAddress(host: "127.0.0.1", port: UInt16(second.port))),
                member: 2)
            target.proxy.submit(.setNode(node))
            try await target.proxy.acknowledged(by: "t1")
            second.recover(target.proxy.state)
            second.submit(
                .createBucket(try #require(Bucket(name: "later")), BucketProperties()))
            target.proxy.hold(true)
            let signs = Task {
                while isAlive, !Task.isCancelled {
                    target.proxy.hold(false)
                    try? await Task.sleep(for: .milliseconds(100))
                }
            }
            let put = try await target.ask(
                .put, "/v1/objects/later/o", at: .position(second.state.position), body: [1])
            #expect(put.status == .ok, "\(put.text)")
            signs.cancel()
            await second.stop()
        }
    }

    @Test func `a target says what it has been told, and sends whoever wants more to a proxy`()
        async throws
    {
        try await TestTarget.with { target async throws in
            for path in ["/v1/daemon?what=smap&", "/v1/daemon?what=bmd&", "/v1/buckets?"] {
                let stale = try await target.ask(.get, "\(path)consistency=stale", at: nil)
                #expect(stale.status == .ok, "\(stale.text)")
                let newest = try await target.ask(.get, "\(path)consistency=linearizable", at: nil)
                #expect(newest.failure?.code == .badQuery, "\(newest.text)")
                #expect(newest.failure?.next?.contains("ask a proxy as http://") == true)
                let other = try await target.ask(.get, "\(path)consistency=nonsense", at: nil)
                #expect(other.failure?.code == .badQuery, "\(other.text)")
                #expect(other.failure?.next == "stale or linearizable")
            }
            let head = try await target.ask(
                .head, "/v1/buckets/b?consistency=linearizable", at: nil)
            #expect(head.status == .badRequest)
            let timeout = try await target.ask(
                .get, "/v1/daemon?what=config&timeout=soon", at: nil)
            #expect(timeout.failure?.code == .badQuery, "\(timeout.text)")
        }
    }

    @Test func `presence asks for properties, or only whether something is there`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "x") == .ok)
            for number in 0...4 {
                let head = try await target.ask(.head, "/v1/objects/b/o?presence=\(number)")
                #expect(head.status == .ok)
                let wantsProperties = number == 0 || number == 2
                #expect((head.headers["checksum.value"] != nil) == wantsProperties, "\(number)")
            }
            for (text, status) in [
                ("5", Status.notImplemented), ("6", .badRequest), ("x", .badRequest),
            ] {
                let head = try await target.ask(.head, "/v1/objects/b/o?presence=\(text)")
                #expect(head.status == status, "\(text)")
            }
        }
    }

    @Test func `documents are those of the state`() async throws {
        try await TestTarget.with { target async throws in
            let state = target.proxy.state
            let map = try await target.ask(.get, "/v1/daemon?what=smap", at: nil)
            #expect(map.body == state.map.document)
            for what in ["bmd", "bucketmd"] {
                let buckets = try await target.ask(.get, "/v1/daemon?what=\(what)", at: nil)
                #expect(buckets.body == state.bucketDocument)
            }
            let paths = try await target.ask(.get, "/v1/daemon?what=mountpaths", at: nil)
            #expect(paths.text.hasSuffix(#"],"disabled":[]}"# + "\n"))
            let names = try await target.ask(.get, "/v1/buckets/*", at: nil)
            #expect(names.body == state.bucketNames(provider: nil, namespace: nil))
            let head = try await target.ask(.head, "/v1/buckets/b", at: nil)
            #expect(head.headers["write_policy"] == "durable")
            let node = try await target.ask(.get, "/v1/daemon/?what=snode", at: nil)
            #expect(node.text.contains(#""daemon_id":"t1","flags":0"#))
        }
    }
}

/// Whom to follow, and when to ask again.
@Suite struct ProxyChoiceTests {
    @Test func `a failure moves on to the next, a round of failures slows down`() throws {
        let joins = try (1...3).map { try Endpoint("127.0.0.1:\($0)") }
        var choice = ProxyChoice(node: try #require(NodeID("t1")), joins: joins)
        var asked: [Endpoint] = []
        var pauses: [UInt64] = []
        for _ in 0..<12 {
            let found = choice.next(in: ClusterMap())
            let proxy = try #require(found)
            asked.append(proxy)
            pauses.append(choice.ended(with: proxy, .failed, in: ClusterMap(), at: .zero))
        }
        #expect(Array(asked.prefix(3)) == joins)
        #expect(pauses.prefix(3).allSatisfy { $0 == 20_000_000 })
        #expect(pauses.last == 1_000_000_000)
        #expect(choice.ended(with: joins[0], .worked, in: ClusterMap(), at: .zero) == 20_000_000)
        #expect(choice.next(in: ClusterMap()) == joins[1])
    }

    /// A map of three proxies and so many targets; proxy `primary` leads.
    private func map(primary: Int, targets: Int = 1) throws -> ClusterMap {
        var state = ClusterState()
        var changes: [StateRow.Change] = []
        var index: UInt64 = 0
        func position() -> LogPosition {
            index += 1
            return LogPosition(generation: 1, nonce: 1, term: 1, index: index)
        }
        for number in 1...(3 + targets) {
            let isProxy = number <= 3
            let node = Node(
                id: try #require(NodeID(isProxy ? "p\(number)" : "t\(number)")),
                role: isProxy ? .proxy : .target,
                address: try #require(NodeAddress(host: "127.0.0.1", port: UInt16(number))),
                member: isProxy ? UInt64(number) : 0)
            let command: Command =
                number == 1
                ? .found(clusterID: "c", founder: node, generation: 1, nonce: 1) : .setNode(node)
            _ = state.apply(
                LogRecord(command, actor: "test"), at: position(),
                time: Timestamp(nanoseconds: 1), changes: &changes)
        }
        _ = state.applyLeader(member: UInt64(primary), at: position(), changes: &changes)
        return state.map
    }

    @Test func `a small cluster's targets follow the primary, a large one's spread`() throws {
        let small = (1...8).compactMap { NodeID("t\($0)") }.map { ProxyChoice(node: $0, joins: []) }
        let first = try small.map { try $0.order(in: map(primary: 2)).first?.port }
        #expect(Set(first) == [2])
        let large = try map(primary: 2, targets: TargetLimits.targetsAtPrimaryMax + 1)
        #expect(Set(small.map { $0.order(in: large).first?.port }) == [1, 2, 3])
    }

    @Test func `a target moves to a new primary, and not back to one that has just gone`() throws {
        var choice = ProxyChoice(node: try #require(NodeID("t1")), joins: [])
        let old = try Endpoint("127.0.0.1:1")
        let other = try Endpoint("127.0.0.1:2")
        #expect(try choice.next(in: map(primary: 1)) == old)
        #expect(try !choice.shouldMove(from: old, in: map(primary: 1), at: .zero))
        #expect(try choice.ended(with: old, .worked, in: map(primary: 1), at: .zero) == 20_000_000)
        // It is gone; the map still names it.
        let second = try choice.next(in: map(primary: 1))
        let next = try #require(second)
        #expect(next != old)
        #expect(try !choice.shouldMove(from: next, in: map(primary: 1), at: .zero))
        #expect(
            try choice.shouldMove(from: try Endpoint("127.0.0.1:3"), in: map(primary: 2), at: .zero)
        )
        #expect(try choice.next(in: map(primary: 2)) == other)
        // And it may be primary again.
        #expect(try choice.shouldMove(from: other, in: map(primary: 1), at: .zero))
        // Whatever has failed before, the next one asked is the one it moves for.
        _ = try choice.ended(with: other, .failed, in: map(primary: 2), at: .zero)
        #expect(try choice.shouldMove(from: other, in: map(primary: 1), at: .zero))
        #expect(try choice.next(in: map(primary: 1)) == old)
    }

    @Test(arguments: [ProxyChoice.End.failed, .lagged, .worked])
    func `a primary that was of no use is not gone back to before the map has changed`(
        _ end: ProxyChoice.End
    ) throws {
        var choice = ProxyChoice(node: try #require(NodeID("t1")), joins: [])
        let first = try choice.next(in: map(primary: 1))
        let primary = try #require(first)
        _ = try choice.ended(with: primary, end, in: map(primary: 1), at: .zero)
        let second = try choice.next(in: map(primary: 1))
        let other = try #require(second)
        #expect(other != primary)
        #expect(try !choice.shouldMove(from: other, in: map(primary: 1), at: .zero))
        #expect(try choice.shouldMove(from: other, in: map(primary: 1, targets: 2), at: .zero))
    }

    @Test func `with the primary and another proxy gone, the third is followed on`() throws {
        var choice = ProxyChoice(node: try #require(NodeID("t1")), joins: [])
        let gone = try map(primary: 1)
        var followed: Endpoint?
        for _ in 0..<3 {
            let found = choice.next(in: gone)
            let proxy = try #require(found)
            guard proxy.port != 3 else {
                followed = proxy
                break
            }
            _ = choice.ended(with: proxy, .failed, in: gone, at: .zero)
        }
        let third = try #require(followed)
        let moves = choice.shouldMove(from: third, in: gone, at: .zero)
        #expect(!moves)
    }

    @Test
    func `a primary that only stumbled is gone back to after a while, and less and less often`()
        throws
    {
        var choice = ProxyChoice(node: try #require(NodeID("t1")), joins: [])
        var now = MonotonicTime.zero
        var pauses: [UInt64] = []
        for _ in 0..<8 {
            let first = try choice.next(in: map(primary: 1))
            #expect(first?.port == 1)
            _ = try choice.ended(
                with: try #require(first), .worked, in: map(primary: 1), at: now)
            let found = try choice.next(in: map(primary: 1))
            let other = try #require(found)
            let left = now
            while try !choice.shouldMove(from: other, in: map(primary: 1), at: now) {
                now.nanoseconds += 1_000_000_000
            }
            pauses.append(now.since(left) / 1_000_000_000)
        }
        #expect(pauses == [10, 20, 40, 80, 160, 320, 320, 320])
    }

    @Test func `a cluster that is just being founded is asked for often`() throws {
        let joins = try [Endpoint("127.0.0.1:1"), Endpoint("127.0.0.1:2")]
        var choice = ProxyChoice(node: try #require(NodeID("t1")), joins: joins)
        for _ in 0..<20 {
            let found = choice.next(in: ClusterMap())
            let proxy = try #require(found)
            let pause = choice.ended(with: proxy, .early, in: ClusterMap(), at: .zero)
            #expect(pause <= ProxyChoice.earlyPauseMax)
        }
    }

    @Test func `of several proxies that stay behind, every one is left in turn`() throws {
        var choice = ProxyChoice(node: try #require(NodeID("t1")), joins: [])
        var asked: [Endpoint] = []
        for _ in 0..<6 {
            let found = try choice.next(in: map(primary: 1))
            let proxy = try #require(found)
            asked.append(proxy)
            #expect(
                try choice.ended(with: proxy, .lagged, in: map(primary: 1), at: .zero) == 20_000_000
            )
        }
        #expect(Set(asked.prefix(3)).count == 3 && Set(asked.suffix(3)).count == 3)
        #expect(zip(asked, asked.dropFirst()).allSatisfy { $0 != $1 })
    }
}

extension MonotonicTime {
    fileprivate static let zero = MonotonicTime(nanoseconds: 0)
}

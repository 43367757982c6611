import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Serving the log to targets (docs/formats/follow-stream.md).
@Suite(.serialized) struct FollowTests {
    /// A follower as the format describes one; it acknowledges when told to.
    final class TestFollower: @unchecked Sendable {
        // Safety: used by one test, from one task at a time.
        private let call: ClientCall
        private let response: ClientResponse
        private var buffer = FrameBuffer()
        private var receiver = SnapshotReceiver()
        private(set) var state = ClusterState()
        private(set) var progress: FollowFrame.Progress?
        private(set) var snapshots = 0
        private(set) var entries = 0

        init(
            _ proxies: TestProxies, _ number: Int, id: String = "t9", after: LogPosition = .zero,
            address: NodeAddress? = nil
        ) async throws {
            let at = address.map { "&address=\($0)" } ?? ""
            call = try await proxies.client.open(
                .post, try proxies.endpoint(number),
                "/v1/log/follow?node=\(id)&after=\(after.text)\(at)",
                timeouts: Client.Timeouts(idleSeconds: 20))
            response = try await call.response()
        }

        /// Reads until the state has this bucket.
        func read(until bucket: String) async throws {
            let wanted = try #require(Bucket(name: bucket))
            while state.buckets[wanted] == nil { try await readPiece() }
        }

        func readPiece() async throws {
            buffer.append(try #require(try await response.next()))
            while let body = try buffer.next() {
                switch try FollowFrame(decoding: body) {
                case .progress(let progress): self.progress = progress
                case .snapshot(let piece):
                    if let whole = try receiver.take(piece) {
                        state = whole
                        snapshots += 1
                    }
                case .entry(let entry):
                    entries += 1
                    var changes: [StateRow.Change] = []
                    if entry.kind == .command {
                        _ = state.apply(
                            try LogRecord(decoding: entry.payload), at: entry.position,
                            time: entry.time, changes: &changes)
                    } else if entry.kind == .leader {
                        let member = entry.payload.reversed().reduce(0) { $0 << 8 | UInt64($1) }
                        _ = state.applyLeader(
                            member: member, at: entry.position, changes: &changes)
                    } else {
                        state.advance(to: entry.position)
                    }
                case .acknowledge: Issue.record("acknowledgements travel up")
                }
            }
        }

        func acknowledge(hash: UInt64? = nil) async throws {
            let frame = FollowFrame.acknowledge(position: state.position, hash: hash ?? state.hash)
            try await call.write(frame.encoded)
        }

        func close() { call.close() }
    }

    @Test func `a new follower gets the state, then every change in order`() async throws {
        try await TestProxies.with(1) { proxies in
            #expect(try await proxies.create("one", through: 1).status == 200)
            let follower = try await TestFollower(proxies, 1)
            try await follower.read(until: "one")
            #expect(follower.snapshots == 1 && follower.progress?.primary == "p1")
            #expect(follower.progress?.clusterID == follower.state.map.clusterID)
            for name in ["two", "three"] {
                #expect(try await proxies.create(name, through: 1).status == 200)
            }
            try await follower.read(until: "three")
            #expect(follower.entries == 2 && follower.snapshots == 1)
            follower.close()

            // It continues where it was, by entries alone.
            #expect(try await proxies.create("four", through: 1).status == 200)
            let again = try await TestFollower(proxies, 1, after: follower.state.position)
            try await again.readPiece()
            while again.entries == 0 { try await again.readPiece() }
            #expect(again.snapshots == 0 && again.entries == 1)
            again.close()
        }
    }

    @Test func `another cluster's position leads to the whole state`() async throws {
        try await TestProxies.with(1) { proxies in
            #expect(try await proxies.create("one", through: 1).status == 200)
            let follower = try await TestFollower(
                proxies, 1, after: LogPosition(generation: 1, nonce: 42, term: 1, index: 5_000))
            try await follower.read(until: "one")
            #expect(follower.snapshots == 1)
            follower.close()
        }
    }

    @Test func `a silent follower is waited for as long as the configuration says`() async throws {
        try await TestProxies.with(1) { proxies in
            let follower = try await TestFollower(proxies, 1)
            while follower.snapshots == 0 { try await follower.readPiece() }
            try await follower.acknowledge()
            #expect(try await proxies.create("first", through: 1).status == 200)
            try await follower.read(until: "first")
            try await follower.acknowledge()
            let begun = ContinuousClock.now
            // In effect before its own wait is over: this one, too, waits no longer.
            let set = try await proxies.ask(
                1, .put, "/v1/cluster/setconfig?timeout.cplane_operation=200ms")
            #expect(set.status == 200, "\(set.text)")
            #expect(ContinuousClock.now - begun < .milliseconds(1_900))
            follower.close()
        }
    }

    @Test func `a follower hears from its proxy as often as the configuration says`() async throws {
        try await TestProxies.with(1) { proxies in
            let set = try await proxies.ask(
                1, .put,
                "/v1/cluster/setconfig?keepalivetracker.target.interval=100ms"
                    + "&keepalivetracker.target.factor=50")
            #expect(set.status == 200, "\(set.text)")
            let follower = try await TestFollower(proxies, 1)
            while follower.snapshots == 0 { try await follower.readPiece() }
            let begun = ContinuousClock.now
            for _ in 1...6 { try await follower.readPiece() }
            #expect(ContinuousClock.now - begun < .seconds(4))
            follower.close()
        }
    }

    /// So a client may create a bucket through one proxy and write to it through another at once.
    @Test func `a change is answered when its followers have applied it`() async throws {
        try await TestProxies.with(1) { proxies in
            let follower = try await TestFollower(proxies, 1)
            try await follower.readPiece()
            while follower.snapshots == 0 { try await follower.readPiece() }
            try await follower.acknowledge()
            // A round trip behind the acknowledgement, so that it counts.
            #expect(try await proxies.create("first", through: 1).status == 200)
            try await follower.read(until: "first")
            try await follower.acknowledge()
            let answered = Watched(false)
            async let reply = {
                let reply = try await proxies.create("second", through: 1)
                answered.set(true)
                return reply
            }()
            try await follower.read(until: "second")
            #expect(!answered.value)
            try await follower.acknowledge()
            #expect(try await reply.status == 200)
            follower.close()
        }
    }

    /// A second process that was started with the id of a first, elsewhere.
    @Test func `of two followers with one id the one on the map counts`() async throws {
        try await TestProxies.with(1) { proxies in
            let target = try await StubTarget.start(proxies, "t9")
            let first = try await TestFollower(proxies, 1, address: target.node.address)
            while first.snapshots == 0 { try await first.readPiece() }
            try await first.acknowledge()
            #expect(try await proxies.create("first", through: 1).status == 200)
            try await first.read(until: "first")
            try await first.acknowledge()
            let second = try await TestFollower(proxies, 1, address: try proxies.address(7))
            while second.snapshots == 0 { try await second.readPiece() }
            try await second.acknowledge()

            let answered = Watched(false)
            async let reply = {
                let reply = try await proxies.create("second", through: 1)
                answered.set(true)
                return reply
            }()
            try await second.read(until: "second")
            try await second.acknowledge()
            second.close()
            try await first.read(until: "second")
            // A round trip behind the other's acknowledgement and its end.
            #expect(try await proxies.ask(1, .get, "/v1/health").status == 200)
            #expect(!answered.value)
            try await first.acknowledge()
            #expect(try await reply.status == 200)
            first.close()
            await target.stop()
        }
    }

    @Test func `a follower that stands still is left behind after two seconds, once`() async throws
    {
        try await TestProxies.with(1) { proxies in
            let follower = try await TestFollower(proxies, 1)
            while follower.snapshots == 0 { try await follower.readPiece() }
            try await follower.acknowledge()
            try await eventually("the follower counts") {
                let begun = MonotonicTime.now()
                let name = "b\(begun.nanoseconds)"
                let reply = try await proxies.create(name, through: 1)
                #expect(reply.status == 200)
                return MonotonicTime.now().since(begun) > 1_500_000_000
            }
            let begun = MonotonicTime.now()
            #expect(try await proxies.create("quick", through: 1).status == 200)
            #expect(MonotonicTime.now().since(begun) < 1_500_000_000)
            follower.close()
        }
    }

    @Test func `a follower with another state gets the whole one`() async throws {
        try await TestProxies.with(1) { proxies in
            let follower = try await TestFollower(proxies, 1)
            while follower.snapshots == 0 { try await follower.readPiece() }
            try await follower.acknowledge(hash: 1)
            while follower.snapshots == 1 { try await follower.readPiece() }
            #expect(follower.snapshots == 2)
            follower.close()
        }
    }

    @Test func `what is no frame ends that stream and nothing else`() async throws {
        try await TestProxies.with(1) { proxies in
            let call = try await proxies.client.open(
                .post, try proxies.endpoint(1), "/v1/log/follow?node=t9&after=0-0-0-0")
            let response = try await call.response()
            try await call.write([UInt8](repeating: 0xFF, count: 64))
            await #expect(throws: ClientError.self) {
                while try await response.next() != nil {}
            }
            #expect(try await proxies.create("unharmed", through: 1).status == 200)
        }
    }

    @Test func `any proxy serves followers, and the primary hears of them`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary == 1 ? 2 : 1
            let follower = try await TestFollower(proxies, other)
            while follower.snapshots == 0 { try await follower.readPiece() }
            try await follower.acknowledge()
            // Once the report has arrived, a change waits for the follower.
            let reading = Task {
                while !Task.isCancelled {
                    try await follower.readPiece()
                    try await follower.acknowledge()
                }
            }
            for count in 1...20 {
                let reply = try await proxies.create("n\(count)", through: primary)
                #expect(reply.status == 200)
            }
            try await eventually("the follower has all of it") {
                let last = try #require(Bucket(name: "n20"))
                return follower.state.buckets[last] != nil
            }
            reading.cancel()
            follower.close()
            _ = try? await reading.value
        }
    }
}

import API
import Base
import Cluster
import HTTP
import Synchronization
import TestSupport
import Testing

@testable import Target

/// What a target makes of positions that no log has come to: `at=` is a client's word.
@Suite struct PositionTests {
    private func position(
        _ index: UInt64, term: UInt64 = 3, generation: UInt64 = 1, nonce: UInt64 = 7
    ) -> LogPosition {
        LogPosition(generation: generation, nonce: nonce, term: term, index: index)
    }

    @Test func `what is a little further on is waited for, what is far is not by many`() {
        var horizon = PositionHorizon()
        horizon.note(position(1_000))
        let now = MonotonicTime(nanoseconds: 5_000_000_000)
        #expect(horizon.verdict(position(2_000), at: now) == .waits)
        #expect(horizon.verdict(position(5, term: 4), at: now) == .waits)
        let far = [
            position(10_000_000), position(1_001, term: 1 << 40), position(.max, term: .max),
            position(1_001, generation: 2), position(1_001, nonce: 8),
        ]
        for position in far {
            #expect(horizon.verdict(position, at: now) == .waitsWithFew, "\(position.text)")
        }
        horizon.settle(position(1_100), at: now)
        for position in far {
            #expect(horizon.verdict(position, at: now) == .isUnknown, "\(position.text)")
        }
        #expect(horizon.verdict(position(2_000), at: now) == .waits)
        let later = MonotonicTime(nanoseconds: now.nanoseconds + TargetLimits.horizonNanoseconds)
        #expect(horizon.verdict(far[0], at: later) == .waitsWithFew)
        // A proxy has told of a later generation: that is the one to come.
        horizon.note(position(1_200, generation: 2))
        #expect(horizon.verdict(position(1_201, generation: 2), at: now) == .waits)
    }

    @Test func `a position that no proxy has is refused, and the proxy is not left for it`()
        async throws
    {
        try await TestTarget.with { target async throws in
            let present = target.proxy.state.position
            let follows = target.proxy.log.withLock { $0.follows }
            var forged = [present, present, present, present, present]
            forged[0].index = .max
            forged[1].index += 1
            forged[2].generation += 1
            forged[3].nonce = .max
            forged[4].term = .max
            for position in forged {
                let reply = try await target.ask(
                    .get, "/v1/objects/b/o", at: .position(position))
                #expect(reply.failure?.code == .positionUnknown, "\(reply.text)")
            }
            #expect(target.proxy.log.withLock { $0.follows } == follows)
            #expect(target.proxy.log.withLock { $0.surveys } > 0)
            // Whoever is honest is served meanwhile, and what is committed after all comes.
            #expect(try await target.put("o", "x") == .ok)
            let late = try #require(Bucket(name: "late"))
            target.proxy.submit(.createBucket(late, BucketProperties()))
            #expect(try await target.put("o", "x", bucket: "late") == .ok)
        }
    }

    @Test func `however many make positions up, few wait, and the proxies are asked seldom`()
        async throws
    {
        try await TestTarget.with { target async throws in
            // One that does not say how far it is leaves the question open.
            target.proxy.log.withLock { $0.isMute = true }
            let present = target.proxy.state.position
            let begun = MonotonicTime.now()
            let count = 3 * TargetLimits.positionWaitersOutOfReachMax
            let slow = await withTaskGroup(of: Bool.self) { tasks in
                for number in 1...count {
                    var position = present
                    position.generation += UInt64(number)
                    tasks.addTask { [position] in
                        let begun = MonotonicTime.now()
                        let reply = try? await target.ask(
                            .get, "/v1/objects/b/o", at: .position(position))
                        #expect(reply?.failure?.code == .targetBehind, "\(reply?.text ?? "")")
                        return MonotonicTime.now().since(begun) > 1_500_000_000
                    }
                }
                return await tasks.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            let seconds = Double(MonotonicTime.now().since(begun)) / 1e9
            let rounds = Int(seconds / 2) + 1
            #expect(slow <= rounds * TargetLimits.positionWaitersOutOfReachMax)
            let surveys = target.proxy.log.withLock { $0.surveys }
            #expect(Double(surveys) <= 2 + seconds / 0.7, "\(surveys) in \(seconds) s")
            // Those who come with the position that there is do not wait for any of that.
            #expect(try await target.put("o", "x") == .ok)
        }
    }

    @Test func `what another proxy has is gone over to, though others ask for what nobody has`()
        async throws
    {
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
            var forged = second.state.position
            forged.index += 1_000
            async let refused = target.ask(.get, "/v1/objects/b/o", at: .position(forged))
            let put = try await target.ask(
                .put, "/v1/objects/later/o", at: .position(second.state.position), body: [1])
            #expect(put.status == .ok, "\(put.text)")
            let code = try await refused.failure?.code
            #expect(code == .positionUnknown || code == .targetBehind)
            await second.stop()
        }
    }
}

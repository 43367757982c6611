import Base
import Cluster
import Testing

/// When a node asks to be put on the map.
@Suite struct JoinPolicyTests {
    private func state(
        generation: UInt64 = 1, index: UInt64, listed: Bool
    ) throws -> ClusterState {
        let address = try #require(NodeAddress(host: "h", port: 1))
        let other = try #require(NodeAddress(host: "h", port: 2))
        let founder = Node(
            id: try #require(NodeID("p1")), role: .proxy, address: address, member: 1)
        var state = ClusterState()
        var changes: [StateRow.Change] = []
        func position(_ index: UInt64) -> LogPosition {
            LogPosition(generation: generation, nonce: 1, term: 1, index: index)
        }
        _ = state.apply(
            LogRecord(
                .found(clusterID: "c", founder: founder, generation: generation, nonce: 1),
                actor: "test"),
            at: position(1), time: Timestamp(nanoseconds: 1), changes: &changes)
        if listed {
            let node = Node(id: try target(), role: .target, address: other)
            _ = state.apply(
                LogRecord(.setNode(node), actor: "test"), at: position(index),
                time: Timestamp(nanoseconds: 1), changes: &changes)
        }
        return state
    }

    private func target() throws -> NodeID { try #require(NodeID("t1")) }

    @Test func `a node joins until it is listed, and again when it is listed otherwise`() throws {
        var policy = JoinPolicy()
        let id = try target()
        #expect(policy.next(id, isJoined: false, ClusterState()) == .join)
        #expect(policy.next(id, isJoined: false, try state(index: 2, listed: false)) == .join)
        #expect(policy.next(id, isJoined: true, try state(index: 3, listed: true)) == .wait)
        #expect(policy.next(id, isJoined: false, try state(index: 4, listed: true)) == .join)
    }

    @Test func `one that was taken off stays off, and is told once`() throws {
        var policy = JoinPolicy()
        let id = try target()
        #expect(policy.next(id, isJoined: true, try state(index: 3, listed: true)) == .wait)
        #expect(policy.next(id, isJoined: false, try state(index: 4, listed: false)) == .removed)
        #expect(policy.next(id, isJoined: false, try state(index: 5, listed: false)) == .wait)
        #expect(policy.next(id, isJoined: true, try state(index: 6, listed: true)) == .wait)
        #expect(policy.next(id, isJoined: false, try state(index: 7, listed: false)) == .removed)
    }

    @Test func `one that was taken off before it saw itself listed stays off as well`() throws {
        var policy = JoinPolicy()
        let id = try target()
        let before = try state(index: 2, listed: false)
        #expect(policy.next(id, isJoined: false, before) == .join)
        policy.admitted(at: LogPosition(generation: 1, nonce: 1, term: 1, index: 3))
        #expect(policy.next(id, isJoined: false, try state(index: 4, listed: false)) == .removed)
        #expect(policy.next(id, isJoined: false, try state(index: 5, listed: false)) == .wait)
        // In another generation that says nothing.
        policy.admitted(at: LogPosition(generation: 1, nonce: 1, term: 1, index: 6))
        let recovered = try state(generation: 2, index: 2, listed: false)
        #expect(policy.next(id, isJoined: false, recovered) == .join)
    }

    @Test func `a map of another generation may have forgotten it, so it joins`() throws {
        var policy = JoinPolicy()
        let id = try target()
        #expect(policy.next(id, isJoined: true, try state(index: 3, listed: true)) == .wait)
        let recovered = try state(generation: 2, index: 2, listed: false)
        #expect(policy.next(id, isJoined: false, recovered) == .join)
    }
}

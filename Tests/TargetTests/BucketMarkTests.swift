import Base
import Cluster
import Testing

@testable import Target

/// What becomes of a marked directory, for every relation between mark and state.
@Suite struct BucketMarkTests {
    @Test func `a mark is read as it was written, and no damaged one is`() throws {
        let mark = BucketMark(
            clusterID: "c", incarnation: Incarnation(id: 5, created: 77),
            position: LogPosition(generation: 1, nonce: 2, term: 3, index: 4))
        #expect(try BucketMark(decoding: mark.encoded) == mark)
        for place in mark.encoded.indices {
            var bytes = mark.encoded
            bytes[place] ^= 1
            #expect(throws: DecodingFailure.self) { _ = try BucketMark(decoding: bytes) }
            #expect(throws: DecodingFailure.self) {
                _ = try BucketMark(decoding: Array(mark.encoded[..<place]))
            }
        }
    }

    struct Row: Sendable {
        var cluster = "c"
        var generation: UInt64 = 1
        var markIndex: UInt64 = 5
        /// Of the bucket in the state: the same life, another one, or none.
        var present: UInt64?
        var verdict: BucketMark.Verdict
    }

    @Test(arguments: [
        Row(present: 50, verdict: .belongs(renew: false)),
        Row(generation: 0, present: 50, verdict: .belongs(renew: true)),
        Row(present: 60, verdict: .discard),
        Row(present: nil, verdict: .discard),
        Row(markIndex: 11, present: nil, verdict: .ahead),
        Row(markIndex: 11, present: 60, verdict: .ahead),
        Row(generation: 0, present: nil, verdict: .keep),
        Row(generation: 0, present: 60, verdict: .keep),
        Row(cluster: "d", present: nil, verdict: .keep),
    ])
    func `only what a committed entry destroyed is discarded`(_ row: Row) throws {
        let node = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)))
        var state = ClusterState()
        var changes: [StateRow.Change] = []
        _ = state.apply(
            LogRecord(.found(clusterID: "c", founder: node, generation: 1, nonce: 1), actor: ""),
            at: LogPosition(generation: 1, nonce: 1, term: 1, index: 10),
            time: Timestamp(nanoseconds: 1), changes: &changes)
        let mark = BucketMark(
            clusterID: row.cluster, incarnation: Incarnation(id: 50, created: 0),
            position: LogPosition(
                generation: row.generation, nonce: 1, term: 1, index: row.markIndex))
        var properties: BucketProperties?
        if let id = row.present {
            properties = BucketProperties()
            properties?.id = id
        }
        #expect(mark.verdict(properties, in: state) == row.verdict)
    }
}

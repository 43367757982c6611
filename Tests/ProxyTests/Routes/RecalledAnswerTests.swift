import API
import Base
import Cluster
import Testing

@testable import Proxy

/// Which lines of the history say that a bucket was made or destroyed as a request asked for (decision 0027).
@Suite struct RecalledAnswerTests {
    /// Applies commands in turn, and tells what the history has of each.
    private static func lines(_ commands: [Command]) -> [HistoryEntry?] {
        var state = ClusterState()
        return commands.enumerated().map { number, command in
            let before = state
            var changes: [StateRow.Change] = []
            let record = LogRecord(command, actor: "test")
            let time = Timestamp(nanoseconds: UInt64(number))
            _ = state.apply(
                record,
                at: LogPosition(generation: 1, nonce: 0, term: 1, index: UInt64(number + 1)),
                time: time, changes: &changes)
            return HistoryEntry(record, time: time, changed: changes, before: before, after: state)
        }
    }

    @Test func `a line answers for its own bucket and for what was done to it`() throws {
        let (bucket, other) = (try #require(Bucket(name: "a")), try #require(Bucket(name: "b")))
        let founder = Node(id: Sample.node("p1"), role: .proxy, address: Sample.address(100))
        let lines = Self.lines([
            .found(clusterID: "c", founder: founder, generation: 1, nonce: 0),
            .createBucket(bucket, BucketProperties()),
            .createBucket(bucket, BucketProperties()),
            .batch([.createBucket(other, BucketProperties()), .destroyBucket(bucket)]),
            .destroyBucket(other),
        ])
        // What is refused has no line.
        #expect(lines.map { $0 != nil } == [true, true, false, true, true])
        func told(_ action: Action, _ bucket: Bucket) -> [Bool] {
            lines.map { $0?.has(action, bucket) == true }
        }
        #expect(told(.createBucket, bucket) == [false, true, false, false, false])
        #expect(told(.destroyBucket, bucket) == [false, false, false, true, false])
        #expect(told(.createBucket, other) == [false, false, false, true, false])
        #expect(told(.destroyBucket, other) == [false, false, false, false, true])
    }
}

import API
import Base
import Cluster
import Testing

@testable import Target

/// What a target makes of the frames of a follow stream, without a stream.
@Suite struct LogFollowerTests {
    let now = MonotonicTime(nanoseconds: 1_000_000_000_000)
    let bucket: Bucket
    let proxy: Node

    init() throws {
        bucket = try #require(Bucket(name: "b"))
        proxy = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 8_080)), member: 9)
    }

    @Test func `it takes the cluster's id from the first progress, and remembers it first`() throws
    {
        var follower = LogFollower(record: ClusterRecord())
        follower.begin()
        let effects = try follower.take(progress("c", position(0)), at: now)
        #expect(effects == [.remember(ClusterRecord(clusterID: "c", position: .zero))])
    }

    @Test func `entries in order become the state`() throws {
        var follower = try founded()
        #expect(try follower.take(create(2), at: now) == [.settle(bucket), .publish])
        #expect(follower.state.buckets[bucket] != nil)
        #expect(try follower.take(destroy(3), at: now) == [.settle(bucket), .publish])
        #expect(follower.state.position == position(3))
    }

    @Test func `a gap, a repetition and a wrong generation are refused, the state unchanged`()
        throws
    {
        var follower = try founded()
        let before = follower.state
        #expect(refusal(of: create(3), by: &follower) != nil)
        #expect(refusal(of: create(1), by: &follower) != nil)
        var wrong = position(2)
        wrong.generation = 5
        #expect(refusal(of: entry(.createBucket(bucket, .init()), at: wrong), by: &follower) != nil)
        #expect(follower.state == before)
    }

    @Test func `another cluster is refused`() throws {
        var follower = LogFollower(record: ClusterRecord(clusterID: "c", position: .zero))
        follower.begin()
        #expect(
            refusal(of: progress("d", position(4)), by: &follower, at: now)
                == .wrongCluster(theirs: "d", ours: "c"))
    }

    @Test func `a generation that was left behind is refused`() throws {
        var follower = LogFollower(
            record: ClusterRecord(
                clusterID: "c",
                position: LogPosition(generation: 2, nonce: 8, term: 1, index: 1)))
        follower.begin()
        #expect(
            refusal(of: progress("c", position(9)), by: &follower, at: now)
                == .olderGeneration(
                    theirs: position(9),
                    ours: LogPosition(generation: 2, nonce: 8, term: 0, index: 0)))
    }

    /// FS-06
    @Test func `of two recoveries made at once the one with the higher nonce is followed`() throws {
        let ours = LogPosition(generation: 2, nonce: 8, term: 1, index: 1)
        var follower = LogFollower(record: ClusterRecord(clusterID: "c", position: ours))
        follower.begin()
        let lower = LogPosition(generation: 2, nonce: 7, term: 9, index: 90)
        guard
            case .olderGeneration(lower, _)? = refusal(
                of: progress("c", lower), by: &follower, at: now)
        else {
            Issue.record("the lower one is not refused")
            return
        }
        let higher = LogPosition(generation: 2, nonce: 9, term: 1, index: 1)
        #expect(refusal(of: progress("c", higher), by: &follower, at: now) == nil)
    }

    @Test func `a snapshot replaces the state, and everything is compared with it`() throws {
        var source = try founded()
        _ = try source.take(create(2), at: now)
        var follower = LogFollower(record: ClusterRecord())
        follower.begin()
        _ = try follower.take(progress("c", position(2)), at: now)
        var sender = SnapshotSender(source.state)
        var effects: [LogFollower.Effect] = []
        while let frame = sender.next() { effects += try follower.take(frame, at: now) }
        let record = ClusterRecord(clusterID: "c", position: position(2))
        #expect(effects == [.remember(record), .reconcile, .publish])
        #expect(follower.state == source.state)
    }

    /// A proxy that is behind must not make a restarted target forget a bucket.
    @Test func `a snapshot from before the newest mark on disk is refused`() throws {
        let source = try founded().state
        var follower = LogFollower(
            record: ClusterRecord(clusterID: "c", position: position(1)), floor: position(2))
        follower.begin()
        _ = try follower.take(progress("c", position(1)), at: now)
        var sender = SnapshotSender(source)
        let first = sender.next()
        let frame = try #require(first)
        #expect(
            refusal(of: frame, by: &follower, at: now)
                == .overtaken(position(1)))
    }

    @Test func `a proxy that stays behind is left after two seconds, and not before`() throws {
        var follower = try founded()
        _ = try follower.take(create(2), at: now)
        follower.begin()
        _ = try follower.take(progress("c", position(1)), at: now)
        _ = try follower.take(
            progress("c", position(1)),
            at: MonotonicTime(nanoseconds: now.nanoseconds + 2_000_000_000))
        #expect(
            refusal(
                of: progress("c", position(1)), by: &follower,
                at: MonotonicTime(nanoseconds: now.nanoseconds + 2_000_000_001))
                == .lagging(position(1)))
    }

    @Test func `frames before the first progress are refused`() {
        var follower = LogFollower(record: ClusterRecord())
        follower.begin()
        #expect(refusal(of: create(1), by: &follower) != nil)
    }

    // MARK: The cast

    private func refusal(
        of frame: FollowFrame, by follower: inout LogFollower, at time: MonotonicTime? = nil
    ) -> LogFollower.Refusal? {
        do throws(LogFollower.Refusal) {
            _ = try follower.take(frame, at: time ?? now)
            return nil
        } catch {
            return error
        }
    }

    private func position(_ index: UInt64) -> LogPosition {
        index == 0 ? .zero : LogPosition(generation: 1, nonce: 7, term: 1, index: index)
    }

    private func founded() throws -> LogFollower {
        var follower = LogFollower(record: ClusterRecord())
        follower.begin()
        _ = try follower.take(progress("c", position(1)), at: now)
        let found = Command.found(clusterID: "c", founder: proxy, generation: 1, nonce: 7)
        let effects = try follower.take(entry(found, at: position(1)), at: now)
        #expect(
            effects == [.remember(ClusterRecord(clusterID: "c", position: position(1))), .publish])
        return follower
    }

    private func create(_ index: UInt64) -> FollowFrame {
        entry(.createBucket(bucket, BucketProperties()), at: position(index))
    }

    private func destroy(_ index: UInt64) -> FollowFrame {
        entry(.destroyBucket(bucket), at: position(index))
    }

    private func entry(_ command: Command, at position: LogPosition) -> FollowFrame {
        .entry(
            FollowFrame.LogEntry(
                position: position, time: Timestamp(nanoseconds: position.index), kind: .command,
                payload: LogRecord(command, actor: "test").encoded))
    }

    private func progress(_ cluster: String, _ position: LogPosition) -> FollowFrame {
        .progress(FollowFrame.Progress(clusterID: cluster, committed: position, primary: "p1"))
    }
}

import Base
import Testing

@testable import Cluster

/// Sessions, preconditions and batches, as every replica decides them.
@Suite struct SessionTests {
    private let second: UInt64 = 1_000_000_000

    /// CL-01, CL-02: two copies of one request in the log make the change once and have one answer.
    @Test func `a request that is in the log twice is made once`() throws {
        var log = try SessionLog()
        let session = log.open(lifetime: 60 * second)
        let bucket = try #require(Bucket(name: "abc"))
        let first = log.apply(.createBucket(bucket, BucketProperties()), session, 1)
        #expect(first.result == .success(2))
        _ = log.apply(.destroyBucket(bucket))
        let second = log.apply(.createBucket(bucket, BucketProperties()), session, 1)
        #expect(second == first)
        #expect(log.state.buckets[bucket] == nil)
        // A refusal is an answer as well.
        let refused = log.apply(.destroyBucket(bucket), session, 2)
        _ = log.apply(.createBucket(bucket, BucketProperties()))
        #expect(log.apply(.destroyBucket(bucket), session, 2) == refused)
        #expect(refused.result == .failure(.noSuchBucket(bucket)))
        #expect(log.state.buckets[bucket] != nil)
    }

    /// CL-01: what was refused before the log keeps its number, and does not outrun a copy that was made.
    @Test func `a refusal before the log is the answer only when there is no other`() throws {
        var log = try SessionLog()
        let session = log.open(lifetime: 60 * second)
        let bucket = try #require(Bucket(name: "abc"))
        let refusal = Command.session(.refuse(code: "access_denied", message: "no"))
        let rejection = Rejection.refused(code: "access_denied", message: "no")
        #expect(log.apply(refusal, session, 1).result == .failure(rejection))
        let late = log.apply(.createBucket(bucket, BucketProperties()), session, 1)
        #expect(late.result == .failure(rejection))
        #expect(log.state.buckets[bucket] == nil)
        let made = log.apply(.createBucket(bucket, BucketProperties()), session, 2)
        #expect(log.apply(refusal, session, 2) == made)
    }

    /// CL-03: the table is rows like any other, in order, hashed, stored and sent.
    @Test func `sessions are part of the state, its rows, its hash and its snapshot`() throws {
        var log = try SessionLog()
        let before = log.state.hash
        let sessions = (0..<3).map { _ in log.open(lifetime: 60 * second) }
        #expect(log.state.hash != before)
        let bucket = try #require(Bucket(name: "abc"))
        let made = log.apply(.createBucket(bucket, BucketProperties()), sessions[1], 7)
        var restored = log
        restored.state = try ClusterState(snapshot: log.state.snapshot)
        #expect(restored.state == log.state)
        #expect(restored.state.snapshot == log.state.snapshot)
        #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
        #expect(
            restored.apply(.createBucket(bucket, BucketProperties()), sessions[1], 7) == made)
        _ = restored.apply(.session(.close(sessions[0])))
        _ = restored.apply(.session(.close(sessions[1])))
        _ = restored.apply(.session(.close(sessions[2])))
        #expect(restored.state.sessions.isEmpty)
        #expect(restored.storedRows == Set(restored.state.rows.map(\.hash)))
    }

    /// CL-03, TM-01: the end of a session is where the log's time says, on whichever replica, whenever it applies.
    @Test func `a session ends by the times in the log`() throws {
        var log = try SessionLog()
        let session = log.open(lifetime: 10 * second)
        let bucket = try #require(Bucket(name: "abc"))
        log.time += 10 * second
        #expect(log.apply(.createBucket(bucket, BucketProperties()), session, 1).isSuccess)
        log.time += 10 * second
        #expect(log.apply(.session(.keepAlive(session))).isSuccess)
        log.time += 10 * second + 1
        #expect(
            log.apply(.session(.keepAlive(session))).result == .failure(.sessionExpired(session)))
        #expect(log.state.sessions.isEmpty)
        #expect(log.state.expiredSessions.count == 1)
    }

    @Test func `sessions that aged out are counted, and the count is no part of the state`() throws
    {
        var log = try SessionLog()
        let closed = log.open(lifetime: 10 * second)
        _ = log.apply(.session(.close(closed)))
        #expect(log.state.expiredSessions.count == 0)
        for _ in 0..<3 { _ = log.open(lifetime: 10 * second) }
        log.time += 11 * second
        _ = log.open(lifetime: 10 * second)
        #expect(log.state.expiredSessions.count == 3)
        let read = try ClusterState(rows: log.state.rows, position: log.state.position)
        #expect(read.expiredSessions.count == 0)
        #expect(read == log.state && read.hash == log.state.hash)
    }

    /// CL-04: an expired session's request is refused, even one that was made before.
    @Test func `a request of an expired session is refused and not made`() throws {
        var log = try SessionLog()
        let session = log.open(lifetime: 10 * second)
        let bucket = try #require(Bucket(name: "abc"))
        _ = log.apply(.createBucket(bucket, BucketProperties()), session, 1)
        _ = log.apply(.destroyBucket(bucket))
        log.time += 11 * second
        for _ in 0..<2 {
            let late = log.apply(.createBucket(bucket, BucketProperties()), session, 1)
            #expect(late.result == .failure(.sessionExpired(session)))
        }
        #expect(log.state.buckets[bucket] == nil)
        // A name of another branch of the log is no session here.
        var foreign = session
        foreign.nonce += 1
        #expect(
            log.apply(.destroyBucket(bucket), foreign, 1).result
                == .failure(.sessionExpired(foreign)))
    }

    /// CL-03, CL-04, IN-13: what is kept is bounded, and what was let go is refused.
    @Test func `a session keeps a bounded number of outcomes and refuses older requests`() throws {
        var log = try SessionLog()
        let session = log.open(lifetime: 60 * second)
        let count = UInt64(Session.outcomesMax) + 3
        for sequence in 1...count {
            let bucket = try #require(Bucket(name: "b\(sequence)"))
            #expect(
                log.apply(.createBucket(bucket, BucketProperties()), session, sequence).isSuccess)
        }
        let kept = try #require(log.state.sessions[session])
        #expect(kept.outcomes.map(\.sequence) == Array(4...count))
        let bucket = try #require(Bucket(name: "b3"))
        _ = log.apply(.destroyBucket(bucket))
        #expect(
            log.apply(.createBucket(bucket, BucketProperties()), session, 3).result
                == .failure(.sequenceForgotten(through: 3)))
        #expect(log.state.buckets[bucket] == nil)
    }

    /// CL-03, IN-13.
    @Test func `there is a bounded number of sessions, and ended ones make room`() throws {
        var log = try SessionLog()
        for _ in 0..<Session.countMax { _ = log.open(lifetime: 10 * second) }
        #expect(
            log.apply(.session(.open(lifetime: second))).result
                == .failure(.tooManySessions(Session.countMax)))
        log.time += 11 * second
        #expect(log.apply(.session(.open(lifetime: second))).isSuccess)
        #expect(log.state.sessions.count == 1)
        #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
    }

    /// CL-06: decided where the entry is applied, by the versions there.
    @Test func `a change that rests on a version is refused when the version has passed`() throws {
        var log = try SessionLog()
        let (a, b) = (try #require(Bucket(name: "a")), try #require(Bucket(name: "b")))
        let seen = Precondition(.buckets, version: log.state.buckets.version)
        #expect(log.apply(.createBucket(a, BucketProperties()), on: [seen]).isSuccess)
        let stale = log.apply(.createBucket(b, BucketProperties()), on: [seen])
        #expect(stale.result == .failure(.changedMeanwhile(.buckets, version: 2)))
        #expect(log.state.buckets[b] == nil)
        let now = Precondition(.buckets, version: 2)
        let map = Precondition(.map, version: log.state.map.version + 1)
        #expect(
            log.apply(.createBucket(b, BucketProperties()), on: [now, map]).result
                == .failure(.changedMeanwhile(.map, version: log.state.map.version)))
    }

    /// CL-06: within a session the refusal stays, but not one that only made the proposer work it out anew.
    @Test func `a session keeps the client's refusal and not the proposer's`() throws {
        var log = try SessionLog()
        let session = log.open(lifetime: 60 * second)
        let old = ConfigChange(
            scope: .cluster, base: 9, items: [ConfigChange.Item("stats_time", "7s")])
        var new = old
        new.base = log.state.config.version
        let moved = Rejection.changedMeanwhile(.config, version: new.base)
        #expect(log.apply(.setConfig(old), session, 1).result == .failure(moved))
        #expect(
            log.apply(.batch([.setConfig(old)]), session, 1).result
                == .failure(.inBatch(change: 1, moved)))
        #expect(log.apply(.setConfig(new), session, 1).isSuccess)
        let pinned = [Precondition(.config, version: 9)]
        let refused = log.apply(.setConfig(old), session, 2, on: pinned)
        #expect(log.apply(.setConfig(new), session, 2) == refused)
    }

    /// CL-06, CL-08: all or nothing, in one entry.
    @Test func `a batch is made whole or not at all`() throws {
        var log = try SessionLog()
        let (a, b) = (try #require(Bucket(name: "a")), try #require(Bucket(name: "b")))
        _ = log.apply(.createBucket(a, BucketProperties()))
        let config = ConfigChange(
            scope: .cluster, base: log.state.config.version,
            items: [ConfigChange.Item("stats_time", "7s")])
        let before = log.state
        let bad = log.apply(
            .batch([
                .createBucket(b, BucketProperties()), .setConfig(config),
                .createBucket(a, BucketProperties()),
            ]))
        #expect(bad.result == .failure(.inBatch(change: 3, .bucketExists(a))))
        #expect(log.state.hash == before.hash)
        #expect(log.state.rows == before.rows)
        let good = log.apply(
            .batch([.destroyBucket(a), .createBucket(b, BucketProperties()), .setConfig(config)]))
        #expect(good.isSuccess)
        #expect(log.state.buckets[a] == nil)
        #expect(log.state.buckets[b] != nil)
        #expect(log.state.config.values["stats_time"] == "7s")
        #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
    }

    @Test func `records of sessions, preconditions and batches come back as they were`() throws {
        let bucket = try #require(Bucket(name: "abc"))
        let id = LogPosition(generation: 1, nonce: 2, term: 3, index: 4)
        let commands: [(Command, Command.Kind)] = [
            (.session(.open(lifetime: 5)), .session), (.session(.keepAlive(id)), .session),
            (.session(.close(id)), .session),
            (.session(.refuse(code: "c", message: "m")), .session),
            (.batch([.createBucket(bucket, BucketProperties()), .destroyBucket(bucket)]), .batch),
        ]
        for (command, kind) in commands {
            for call in [nil, SessionCall(id, sequence: 9)] {
                for preconditions in [[], [Precondition(.map, version: 3)]] {
                    let record = LogRecord(
                        command, actor: "p1", call: call, preconditions: preconditions)
                    let bytes = record.encoded
                    #expect(bytes[0] == (call == nil && preconditions.isEmpty ? 1 : 2))
                    #expect(try LogRecord(decoding: bytes) == record)
                    #expect(LogRecord.kind(in: bytes) == kind)
                    for count in bytes.indices {
                        #expect(throws: DecodingFailure.self) {
                            try LogRecord(decoding: Array(bytes.prefix(count)))
                        }
                    }
                }
            }
        }
        for nested in [Command.batch([.batch([])]), .batch([.session(.open(lifetime: 1))])] {
            #expect(throws: DecodingFailure.self) {
                try LogRecord(decoding: LogRecord(nested, actor: "").encoded)
            }
        }
    }

    /// CL-03: whatever the outcome was, a stored session gives it back.
    @Test func `every refusal comes back from a session's row as it was`() throws {
        let bucket = try #require(Bucket(name: "abc"))
        for rejection in Self.rejections(bucket) {
            var writer = ByteWriter()
            rejection.write(to: &writer)
            var reader = ByteReader(writer.bytes)
            #expect(try Rejection(from: &reader) == rejection)
            try reader.finish()
        }
        var nested = ByteWriter()
        Rejection.inBatch(change: 1, .inBatch(change: 1, .notFounded)).write(to: &nested)
        var reader = ByteReader(nested.bytes)
        #expect(throws: DecodingFailure.self) { try Rejection(from: &reader) }
    }

    private static func rejections(_ bucket: Bucket) -> [Rejection] {
        guard let node = NodeID("n"), let address = NodeAddress(host: "h", port: 1) else {
            return []
        }
        return [
            .alreadyFounded(clusterID: "c"), .notFounded, .bucketExists(bucket),
            .noSuchBucket(bucket), .noSuchNode(node), .addressTaken(address, by: node),
            .roleDiffers(node, is: .target), .isPrimary(node),
            .changedMeanwhile(.map, version: 4), .maintenanceIs(true, node), .tooFewTargets(1),
            .sessionExpired(.zero), .tooManySessions(5), .refused(code: "a", message: "b"),
            .inBatch(change: 2, .noSuchBucket(bucket)),
            .notSuccessor(
                RecoveryRecord.Generation(counter: 1, nonce: 2),
                of: RecoveryRecord.Generation(counter: 3, nonce: 4)),
        ]
    }
}

extension Outcome {
    fileprivate var isSuccess: Bool { if case .success = result { true } else { false } }
}

/// A log of one term with a clock that the test moves.
private struct SessionLog {
    var state = ClusterState()
    /// The time of the next entry.
    var time: UInt64 = 1_000_000_000_000
    private var index: UInt64 = 0
    private var rows: [StateRow] = []

    init() throws {
        let founder = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)), member: 1)
        _ = apply(.found(clusterID: "c", founder: founder, generation: 1, nonce: 0))
    }

    var storedRows: Set<UInt64> { Set(rows.map(\.hash)) }

    mutating func open(lifetime: UInt64) -> LogPosition {
        apply(.session(.open(lifetime: lifetime))).position
    }

    mutating func apply(
        _ command: Command, _ session: LogPosition? = nil, _ sequence: UInt64 = 0,
        on preconditions: [Precondition] = []
    ) -> Outcome {
        index += 1
        var changes: [StateRow.Change] = []
        let outcome = state.apply(
            LogRecord(
                command, actor: "test",
                call: session.map { SessionCall($0, sequence: sequence) },
                preconditions: preconditions),
            at: LogPosition(generation: 1, nonce: 0, term: 1, index: index),
            time: Timestamp(nanoseconds: time), changes: &changes)
        for change in changes {
            rows.removeAll { $0.kind == change.kind && $0.key == change.key }
            if let value = change.value {
                rows.append(StateRow(kind: change.kind, key: change.key, value: value))
            }
        }
        return outcome
    }
}

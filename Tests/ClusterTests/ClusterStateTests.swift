import Base
import Cluster
import Testing

/// `apply`: same log, same state, byte for byte; a refusal is a result.
@Suite struct ClusterStateTests {
    @Test func `a bucket is created once and destroyed once`() throws {
        var log = try TestLog.founded()
        let bucket = try #require(Bucket(name: "abc"))
        #expect(log.apply(.createBucket(bucket, BucketProperties())) == .success(2))
        #expect(
            log.apply(.createBucket(bucket, BucketProperties())) == .failure(.bucketExists(bucket)))
        #expect(log.state.buckets[bucket]?.id == (2 as UInt64) | 1 << 63)
        #expect(log.apply(.destroyBucket(bucket)) == .success(3))
        #expect(log.apply(.destroyBucket(bucket)) == .failure(.noSuchBucket(bucket)))
    }

    @Test func `the first entry of a term names the primary and raises the map's version`() throws {
        var log = try TestLog.founded()
        #expect(log.apply(.setNode(try TestLog.proxy("p2", member: 22, port: 2))) == .success(2))
        log.lead(member: 22)
        #expect(log.state.map.primary?.text == "p2")
        #expect(log.state.map.version == 3)
    }

    @Test func `nothing is possible before the founding, and no second founding after it`() throws {
        var log = TestLog()
        let bucket = try #require(Bucket(name: "abc"))
        #expect(log.apply(.createBucket(bucket, BucketProperties())) == .failure(.notFounded))
        log = try TestLog.founded()
        let founder = try TestLog.proxy("p9", member: 9, port: 9)
        #expect(
            log.apply(.found(clusterID: "other", founder: founder, generation: 1, nonce: 0))
                == .failure(.alreadyFounded(clusterID: "cluster-1")))
    }

    @Test func `an address belongs to one node and an id to one role`() throws {
        var log = try TestLog.founded()
        let thief = try TestLog.proxy("p2", member: 2, port: 1)
        #expect(
            log.apply(.setNode(thief))
                == .failure(.addressTaken(thief.address, by: try #require(NodeID("p1")))))
        let target = Node(
            id: try #require(NodeID("p1")), role: .target,
            address: try #require(NodeAddress(host: "h", port: 5)))
        #expect(log.apply(.setNode(target)) == .failure(.roleDiffers(target.id, is: .proxy)))
    }

    /// MB-14: a node is its id. What operators and the group have made of it stays when it moves.
    @Test func `a new address changes nothing else`() throws {
        var log = try TestLog.founded()
        var node = try TestLog.proxy("p2", member: 22, port: 2)
        node.flags = [.nonElectable]
        #expect(log.apply(.setNode(node)) == .success(2))
        #expect(log.apply(.setMaintenance(node.id, isOn: true)) == .success(3))
        log.lead(member: 11)
        let before = log.state
        // It renews what it says of itself; that it is in maintenance it need not know.
        node.address = try #require(NodeAddress(host: "10.0.0.7", port: 99))
        #expect(log.apply(.setNode(node)) == .success(before.map.version + 1))
        let after = try #require(log.state.map[node.id])
        #expect(after.address == node.address)
        #expect(after.flags == [.nonElectable, .maintenance])
        #expect(after.member == 22 && after.role == .proxy)
        #expect(log.state.map.node(member: 22) == after)
        #expect(log.state.map.primary == before.map.primary)
        #expect(log.state.map.nodes.count == before.map.nodes.count)
        #expect(log.state.config == before.config && log.state.buckets == before.buckets)
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `rows and snapshots give back the same state and the same hash`(seed: UInt64) throws {
        var log = try TestLog.founded()
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            let bucket = try #require(Bucket(name: "b\(Int.random(in: 0..<40, using: &random))"))
            _ = log.apply(
                Bool.random(using: &random)
                    ? .createBucket(bucket, BucketProperties()) : .destroyBucket(bucket))
        }
        let rows = try ClusterState(rows: log.state.rows, position: log.state.position)
        #expect(rows == log.state)
        #expect(rows.hash == log.state.hash)
        let restored = try ClusterState(snapshot: log.state.snapshot)
        #expect(restored == log.state)
        #expect(restored.snapshot == log.state.snapshot)
        #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
    }

    @Test func `a snapshot with any byte changed or cut off is refused`() throws {
        let bytes = try TestLog.founded().state.snapshot
        for place in bytes.indices {
            var bad = bytes
            bad[place] ^= 0x40
            #expect(throws: DecodingFailure.self) { try ClusterState(snapshot: bad) }
            #expect(throws: DecodingFailure.self) {
                try ClusterState(snapshot: Array(bytes.prefix(place)))
            }
        }
    }

    @Test func `records come back as they were, and every truncation is refused`() throws {
        let bucket = try #require(
            Bucket(name: "abc", namespace: Namespace(text: "@u#n") ?? .global))
        let node = try TestLog.proxy("p1", member: 7, port: 1)
        let commands: [(Command, Command.Kind)] = [
            (.found(clusterID: "c", founder: node, generation: 1, nonce: 7), .found),
            (.setNode(node), .setNode), (.removeNode(node.id), .removeNode),
            (.createBucket(bucket, BucketProperties()), .createBucket),
            (.destroyBucket(bucket), .destroyBucket),
        ]
        for (command, kind) in commands {
            let record = LogRecord(
                command, actor: "p1", clientAddress: "127.0.0.1:9", requestID: "r", stateIndex: 4,
                stateHash: 5)
            let bytes = record.encoded
            #expect(try LogRecord(decoding: bytes) == record)
            #expect(LogRecord.kind(in: bytes) == kind)
            #expect(LogRecord.kind(in: Array(bytes.prefix(20))) == nil)
            for count in bytes.indices {
                #expect(throws: DecodingFailure.self) {
                    try LogRecord(decoding: Array(bytes.prefix(count)))
                }
            }
        }
    }

    @Test(arguments: ["", "1-2-3", "1-2-3-4-5", "g-0-0-0", "1--1-1", "+1-1-1-1", "1-1-1-1 "])
    func `a position that is not four hexadecimal words is refused`(_ text: String) {
        #expect(LogPosition(text: text) == nil)
    }

    @Test func `positions are ordered by generation, then term, then index`() throws {
        let texts = ["0-0-0-0", "1-0-1-5", "1-0-2-3", "1-1-1-1", "2-0-1-1"]
        let positions = try texts.map { try #require(LogPosition(text: $0)) }
        #expect(positions == positions.sorted())
        #expect(positions.map(\.text) == texts)
    }

    @Test func `a position's text has every digit and no leading zero`() throws {
        var words: [UInt64] = [0, .max, 0xFEDC_BA98_7654_3210]
        for bit in 0..<64 { words += [1 << UInt64(bit), (1 << UInt64(bit)) - 1] }
        for word in words {
            let position = LogPosition(generation: word, nonce: ~word, term: 1, index: word)
            let expected = [word, ~word, 1, word].map { String($0, radix: 16) }
            #expect(position.text == expected.joined(separator: "-"))
            #expect(LogPosition(text: position.text) == position)
        }
    }
}

/// A log of one term that a test writes by hand, with the rows that storage would hold.
struct TestLog {
    var state = ClusterState()
    private var index: UInt64 = 0
    private var term: UInt64 = 1
    /// What the primary's clock is ahead of the index, which is the time otherwise.
    var nanosecondsAhead: UInt64 = 0
    private var rows: [StateRow] = []

    static func founded() throws -> TestLog {
        var log = TestLog()
        _ = log.apply(
            .found(
                clusterID: "cluster-1", founder: try proxy("p1", member: 11, port: 1),
                generation: 1,
                nonce: 0))
        return log
    }

    static func proxy(_ id: String, member: UInt64, port: UInt16) throws -> Node {
        Node(
            id: try #require(NodeID(id)), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: port)), member: member)
    }

    var storedRows: Set<UInt64> { Set(rows.map(\.hash)) }

    mutating func apply(_ command: Command) -> Result<UInt64, Rejection> {
        var changes: [StateRow.Change] = []
        let outcome = state.apply(
            LogRecord(command, actor: "test"), at: next(),
            time: Timestamp(nanoseconds: index + nanosecondsAhead),
            changes: &changes)
        store(changes)
        return outcome.result
    }

    mutating func lead(member: UInt64) {
        var changes: [StateRow.Change] = []
        term += 1
        _ = state.applyLeader(member: member, at: next(), changes: &changes)
        store(changes)
    }

    private mutating func next() -> LogPosition {
        index += 1
        return LogPosition(generation: 1, nonce: 0, term: term, index: index)
    }

    private mutating func store(_ changes: [StateRow.Change]) {
        for change in changes {
            rows.removeAll { $0.kind == change.kind && $0.key == change.key }
            if let value = change.value {
                rows.append(StateRow(kind: change.kind, key: change.key, value: value))
            }
        }
    }
}

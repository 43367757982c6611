import Base
import Cluster
import Testing

/// Orders to targets to remove their user data, as entries of the log (decision 0028).
@Suite struct DecommissionStateTests {
    private static let disks = ["b", "a"].map { String(repeating: $0, count: 32) }

    private static func target(_ id: String, port: UInt16) throws -> Node {
        Node(
            id: try #require(NodeID(id)), role: .target,
            address: try #require(NodeAddress(host: "127.0.0.1", port: port)))
    }

    private static func log() throws -> (log: TestLog, t1: NodeID) {
        var log = try TestLog.founded()
        for number in 1...3 {
            _ = log.apply(.setNode(try target("t\(number)", port: UInt16(100 + number))))
        }
        return (log, try #require(NodeID("t1")))
    }

    private static let order = DecommissionOrder(disks: disks, endsProcess: true)

    @Test func `an order takes a target out of placement, and its end takes it off the map`()
        throws
    {
        var (log, t1) = try Self.log()
        let version = log.state.map.version
        #expect(log.apply(.decommission(t1, Self.order)) == .success(version + 1))
        let record = try #require(log.state.decommissions[t1])
        #expect(record.phase == .removing && record.position == log.state.position)
        #expect(record.order.disks == Self.disks.sorted() && record.order.endsProcess)
        #expect(log.state.map[t1]?.flags == .decommission)
        #expect(log.state.map.candidates.map(\.id.text) == ["t2", "t3"])
        // It is not waited for as one in maintenance is: what it has will be gone.
        for digest in (0..<50).map({ XXH64.digest("\($0)") }) {
            #expect(log.state.map.absentTarget(owning: digest) == nil)
        }
        // It renews its address meanwhile, and cannot get out of it by that, nor by maintenance.
        _ = log.apply(.setNode(try Self.target("t1", port: 300)))
        _ = log.apply(.setMaintenance(t1, isOn: true))
        _ = log.apply(.setMaintenance(t1, isOn: false))
        #expect(log.state.map[t1]?.flags == .decommission)
        let before = log.state.map.version
        let report = DecommissionReport(order: record.position, left: [Self.disks[0]])
        #expect(log.apply(.endDecommission(t1, report)) == .success(before + 1))
        #expect(log.state.map[t1] == nil)
        let done = try #require(log.state.decommissions[t1])
        #expect(done.phase == .done && done.left == [Self.disks[0]])
        #expect(done.ended > done.started)
        // The word may come twice.
        #expect(log.apply(.endDecommission(t1, report)) == .success(before + 1))
        #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
        // Whoever comes under this id begins anew.
        _ = log.apply(.setNode(try Self.target("t1", port: 400)))
        #expect(log.state.decommissions[t1] == nil && log.state.map[t1]?.isActive == true)
        #expect(log.apply(.endDecommission(t1, report)) == .success(before + 2))
        #expect(log.state.map[t1] != nil)
        #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
    }

    /// The report about the first order may be on its way meanwhile, and says nothing of a disk that it did not name.
    @Test func `an order given again names further disks, and is another one then`() throws {
        var (log, t1) = try Self.log()
        _ = log.apply(.decommission(t1, Self.order))
        let first = try #require(log.state.decommissions[t1])
        let version = log.state.map.version
        #expect(log.apply(.decommission(t1, Self.order)) == .success(version))
        #expect(log.state.decommissions[t1] == first)
        let more = DecommissionOrder(
            disks: [String(repeating: "c", count: 32)], endsProcess: false)
        #expect(log.apply(.decommission(t1, more)) == .success(version))
        let second = try #require(log.state.decommissions[t1])
        #expect(second.order.disks.count == 3 && second.started == first.started)
        #expect(second.position == log.state.position && second.position > first.position)
        let late = DecommissionReport(order: first.position, left: more.disks)
        #expect(log.apply(.endDecommission(t1, late)) == .success(version))
        #expect(log.state.decommissions[t1] == second && log.state.map[t1] != nil)
        let report = DecommissionReport(order: second.position, left: [])
        #expect(log.apply(.endDecommission(t1, report)) == .success(version + 1))
        #expect(log.state.decommissions[t1]?.phase == .done)
        #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
    }

    @Test func `taking a target off the map gives its order up`() throws {
        var (log, t1) = try Self.log()
        _ = log.apply(.decommission(t1, Self.order))
        let order = try #require(log.state.decommissions[t1]).position
        _ = log.apply(.removeNode(t1))
        #expect(log.state.decommissions[t1]?.phase == .abandoned)
        let report = DecommissionReport(order: order, left: [])
        _ = log.apply(.endDecommission(t1, report))
        #expect(log.state.decommissions[t1]?.phase == .abandoned)
        _ = log.apply(.setNode(try Self.target("t1", port: 101)))
        #expect(log.state.decommissions[t1] == nil && log.state.map[t1]?.flags == [])
        // The word about an old order does not end a new one.
        _ = log.apply(.decommission(t1, Self.order))
        _ = log.apply(.endDecommission(t1, report))
        #expect(log.state.decommissions[t1]?.phase == .removing && log.state.map[t1] != nil)
    }

    @Test func `only a target of the map can be told`() throws {
        var (log, _) = try Self.log()
        for name in ["p1", "nobody"] {
            let id = try #require(NodeID(name))
            #expect(log.apply(.decommission(id, Self.order)) == .failure(.noSuchNode(id)))
            #expect(log.state.decommissions[id] == nil)
        }
    }

    @Test func `of those that are over, the newest are remembered`() throws {
        var (log, _) = try Self.log()
        for number in 0..<(DecommissionRecord.closedMax + 20) {
            let node = try Self.target("x\(number)", port: UInt16(1_000 + number))
            _ = log.apply(.setNode(node))
            _ = log.apply(.decommission(node.id, Self.order))
            let order = try #require(log.state.decommissions[node.id]).position
            _ = log.apply(.endDecommission(node.id, DecommissionReport(order: order, left: [])))
        }
        #expect(log.state.decommissions.count == DecommissionRecord.closedMax)
        #expect(log.state.decommissions[try #require(NodeID("x0"))] == nil)
        #expect(log.state.decommissions[try #require(NodeID("x119"))] != nil)
        #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
    }

    @Test func `rows, snapshots and records give back what they were made from`() throws {
        var (log, t1) = try Self.log()
        let order = LogPosition(generation: 1, nonce: 2, term: 3, index: 4)
        let commands: [Command] = [
            .decommission(t1, Self.order),
            .endDecommission(t1, DecommissionReport(order: order, left: Self.disks)),
            .removeNode(t1),
        ]
        for command in commands {
            _ = log.apply(command)
            #expect(
                try ClusterState(rows: log.state.rows, position: log.state.position) == log.state)
            let restored = try ClusterState(snapshot: log.state.snapshot)
            #expect(restored == log.state && restored.hash == log.state.hash)
            let record = LogRecord(command, actor: "t1")
            #expect(try LogRecord(decoding: record.encoded) == record)
            for count in record.encoded.indices {
                #expect(throws: DecodingFailure.self) {
                    try LogRecord(decoding: Array(record.encoded.prefix(count)))
                }
            }
        }
    }

    @Test func `orders and removals of one entry are made together, or none is`() throws {
        var (log, t1) = try Self.log()
        let (t2, t3) = (try #require(NodeID("t2")), try #require(NodeID("t3")))
        let version = log.state.map.version
        let p1 = try #require(NodeID("p1"))
        log.lead(member: 11)
        let before = log.state
        #expect(
            log.apply(.batch([.decommission(t1, Self.order), .removeNode(t2), .removeNode(p1)]))
                == .failure(.inBatch(change: 3, .isPrimary(p1))))
        #expect(log.state.hash == before.hash && log.state.map == before.map)
        let batch = Command.batch([
            .decommission(t1, Self.order), .decommission(t3, Self.order), .removeNode(t2),
        ])
        let record = LogRecord(batch, actor: "p1")
        #expect(try LogRecord(decoding: record.encoded) == record)
        #expect((try? log.apply(batch).get()) != nil)
        #expect(log.state.map.version == version + 4 && log.state.map[t2] == nil)
        for id in [t1, t3] {
            #expect(log.state.decommissions[id]?.position == log.state.position)
            #expect(log.state.map[id]?.flags == .decommission)
        }
        // Each ends on its own.
        let report = DecommissionReport(order: log.state.position, left: [])
        #expect((try? log.apply(.endDecommission(t3, report)).get()) != nil)
        #expect(log.state.map[t3] == nil && log.state.decommissions[t1]?.phase == .removing)
        let end = LogRecord(.batch([.endDecommission(t1, report)]), actor: "")
        #expect(throws: DecodingFailure.self) { try LogRecord(decoding: end.encoded) }
    }

    /// The bytes are those of docs/formats/metastore.md: a build that writes others has another state hash than its peers.
    @Test func `commands and rows are these bytes`() throws {
        let t1 = try #require(NodeID("t1"))
        let order = DecommissionOrder(disks: [Self.disks[1]], endsProcess: true)
        let text: [UInt8] = [32, 0, 0, 0] + Array(Self.disks[1].utf8)
        let record = LogRecord(.decommission(t1, order), actor: "")
        let coded = [17, 2, 0, 0, 0] + Array("t1".utf8) + [1, 1, 0, 0, 0] + text
        #expect(Array(record.encoded.suffix(coded.count)) == coded)
        var (log, _) = try Self.log()
        _ = log.apply(.decommission(t1, order))
        let row = try #require(log.state.rows.last { $0.kind == .decommission })
        func word(_ value: UInt64) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian) { Array($0) }
        }
        let index = log.state.position.index
        #expect(row.key == Array("t1".utf8))
        #expect(
            row.value == [1] + word(1) + word(0) + word(1) + word(index) + word(index) + [1]
                + word(0) + [1, 1, 0, 0, 0] + text + [0, 0, 0, 0])
    }
}

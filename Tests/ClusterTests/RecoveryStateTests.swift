import Base
import Testing

@testable import Cluster

/// Forced recoveries as entries of the log.
@Suite struct RecoveryStateTests {
    private static func proxy(_ id: String, port: UInt16) throws -> Node {
        Node(
            id: try #require(NodeID(id)), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: port)),
            member: UInt64(port))
    }

    private static func record(
        _ counter: UInt64, _ nonce: UInt64, after base: LogPosition, dead: [String] = ["p1", "p3"]
    ) throws -> RecoveryRecord {
        RecoveryRecord(
            generation: .init(counter: counter, nonce: nonce), base: base, chain: 77,
            candidate: try #require(NodeID("p2")), survivors: [try #require(NodeID("p2"))],
            dead: dead.compactMap { NodeID($0) }, committed: base.index - 1,
            tail: [.init(index: base.index, term: base.term, command: "create_bucket")],
            token: "t-1")
    }

    private static func state() throws -> ClusterState {
        var log = try TestLog.founded()
        _ = log.apply(.setNode(try proxy("p2", port: 2)))
        _ = log.apply(.setNode(try proxy("p3", port: 3)))
        return log.state
    }

    private static func apply(
        _ command: Command, to state: inout ClusterState, _ changes: inout [StateRow.Change]
    ) throws -> Result<UInt64, Rejection> {
        let record = LogRecord(
            command, actor: "eve", clientAddress: "127.0.0.1:9", requestID: "r-1")
        return try state.apply(
            .command, payload: record.encoded, term: state.position.term + 1,
            index: state.position.index + 1, time: Timestamp(nanoseconds: 5), changes: &changes
        ).result
    }

    /// FS-03, FS-17: the record raises the generation of every position behind it, and stays for later members.
    @Test func `a recovery raises the generation, takes the dead off the map, and is kept`() throws
    {
        var state = try Self.state()
        let base = state.position
        var changes: [StateRow.Change] = []
        let record = try Self.record(base.generation + 1, 9, after: base)
        let version = state.map.version
        #expect(
            try Self.apply(.recover(record), to: &state, &changes) == .success(version + 1))
        #expect(state.position.generation == base.generation + 1 && state.position.nonce == 9)
        #expect(state.position.index == base.index + 1)
        #expect(state.map.nodes(.proxy).map(\.id.text) == ["p2"])
        #expect(state.map.primary?.text == "p2")
        let kept = try #require(state.recoveries.values.first { _ in true })
        #expect(kept.actor == "eve" && kept.clientAddress == "127.0.0.1:9")
        #expect(kept.requestID == "r-1" && kept.time.nanoseconds == 5 && kept.tailCount == 1)
        // The next entry is one of the new generation.
        _ = try Self.apply(.startRebalance, to: &state, &changes)
        #expect(state.position.generation == base.generation + 1 && state.position.nonce == 9)
        let later = try ClusterState(snapshot: state.snapshot)
        #expect(later == state && later.hash == state.hash && later.recoveries.count == 1)
    }

    @Test func `a recovery that raises nothing is refused`() throws {
        var state = try Self.state()
        let base = state.position
        var changes: [StateRow.Change] = []
        _ = try Self.apply(
            .recover(try Self.record(base.generation + 1, 9, after: base)), to: &state, &changes)
        let hash = state.hash
        for (counter, nonce) in [
            (base.generation + 1, 9), (base.generation + 1, 8), (base.generation, base.nonce),
        ] as [(UInt64, UInt64)] {
            let record = try Self.record(counter, nonce, after: base)
            guard
                case .failure(.notSuccessor) = try Self.apply(
                    .recover(record), to: &state, &changes)
            else {
                Issue.record("taken: \(counter) \(nonce)")
                continue
            }
            #expect(state.position.generation == base.generation + 1 && state.position.nonce == 9)
            #expect(state.hash == hash)
        }
    }

    @Test func `the newest hundred records are kept`() throws {
        var state = try Self.state()
        var changes: [StateRow.Change] = []
        let first = state.position.generation
        for step in 1...110 as ClosedRange<UInt64> {
            _ = try Self.apply(
                .recover(try Self.record(first + step, step, after: state.position)), to: &state,
                &changes)
        }
        #expect(state.recoveries.count == RecoveryRecord.keptMax)
        #expect(state.recoveries.values.first { _ in true }?.generation.counter == first + 11)
        #expect(try ClusterState(rows: state.rows, position: state.position) == state)
    }

    @Test func `records, rows and history give back what they were made from`() throws {
        var state = try Self.state()
        let before = state
        var changes: [StateRow.Change] = []
        let record = try Self.record(before.position.generation + 1, .max, after: before.position)
        let entry = LogRecord(.recover(record), actor: "a")
        #expect(try LogRecord(decoding: entry.encoded) == entry)
        #expect(LogRecord.kind(in: entry.encoded) == .recover)
        for count in entry.encoded.indices {
            #expect(throws: DecodingFailure.self) {
                try LogRecord(decoding: Array(entry.encoded.prefix(count)))
            }
        }
        _ = try Self.apply(.recover(record), to: &state, &changes)
        let line = try #require(
            HistoryEntry(
                entry, time: Timestamp(nanoseconds: 5), changed: changes, before: before,
                after: state))
        #expect(try HistoryEntry(decoding: line.encoded) == line)
        #expect(line.command == "recover" && line.subjects.contains(.map))
        let told = try line.changes.contains { change in
            if case .recovery(nil, let after?) = change { return after.dead == record.dead }
            return false
        }
        #expect(told)
    }

    private static func foundation(
        _ id: String, left: [Node] = []
    ) throws -> RecoveryRecord.Foundation {
        RecoveryRecord.Foundation(
            founder: try proxy(id, port: 90), stateHash: 5, source: "http://t1",
            witnesses: ["t1 at 1-2-3-4"], left: left)
    }

    /// FS-17: every proxy is lost, and one with the id of an old one, or of none, begins anew from what a target had.
    @Test(arguments: ["p1", "p9"])
    func `a founder takes the place of all proxies, and targets and settings stay`(
        _ id: String
    ) throws {
        var state = try Self.state()
        var changes: [StateRow.Change] = []
        let target = Node(
            id: try #require(NodeID("t1")), role: .target,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 70)))
        _ = try Self.apply(.setNode(target), to: &state, &changes)
        let base = state.position
        var record = try Self.record(base.generation + 1, 9, after: base, dead: ["p1", "p2", "p3"])
        record.candidate = try #require(NodeID(id))
        record.foundation = try Self.foundation(id, left: state.map.nodes(.proxy))
        changes = []
        guard case .success = try Self.apply(.recover(record), to: &state, &changes) else {
            Issue.record("refused")
            return
        }
        #expect(state.map.nodes(.proxy) == [try Self.proxy(id, port: 90)])
        #expect(state.map.primary?.text == id)
        #expect(state.map.nodes(.target) == [target])
        let kept = try #require(state.recoveries.values.first { _ in true })
        #expect(kept.foundation == record.foundation && kept.actor == "eve")
        let later = try ClusterState(snapshot: state.snapshot)
        #expect(later == state && later.hash == state.hash)
        // What was changed is exactly what differs: whoever stores rows has the same state.
        #expect(
            changes.contains { $0.kind == .node && $0.key == Array(id.utf8) && $0.value != nil })
    }

    @Test func `a founder cannot have the id of a target`() throws {
        var state = try Self.state()
        var changes: [StateRow.Change] = []
        let target = Node(
            id: try #require(NodeID("t1")), role: .target,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 70)))
        _ = try Self.apply(.setNode(target), to: &state, &changes)
        var record = try Self.record(state.position.generation + 1, 9, after: state.position)
        record.foundation = try Self.foundation("t1")
        let hash = state.hash
        #expect(
            try Self.apply(.recover(record), to: &state, &changes)
                == .failure(.roleDiffers(target.id, is: .target)))
        #expect(state.hash == hash && state.recoveries.isEmpty)
    }
}

import Base
import Cluster
import Testing

/// Maintenance, rebalance, and what targets report of their disks, as entries of the log.
@Suite struct OperationStateTests {
    private static func target(_ id: String, port: UInt16) throws -> Node {
        Node(
            id: try #require(NodeID(id)), role: .target,
            address: try #require(NodeAddress(host: "127.0.0.1", port: port)))
    }

    private static func log(targets: Int) throws -> TestLog {
        var log = try TestLog.founded()
        for number in 0..<targets {
            _ = log.apply(.setNode(try target("t\(number + 1)", port: UInt16(100 + number))))
        }
        return log
    }

    @Test func `maintenance takes a target out of placement, and its end puts it back`() throws {
        var log = try Self.log(targets: 3)
        let t2 = try #require(NodeID("t2"))
        let version = log.state.map.version
        let all = log.state.map.candidates
        #expect(log.apply(.setMaintenance(t2, isOn: true)) == .success(version + 1))
        #expect(log.state.map.candidates.map(\.id.text) == ["t1", "t3"])
        #expect(log.state.map[t2]?.flags == .maintenance)
        #expect(
            log.apply(.setMaintenance(t2, isOn: true)) == .failure(.maintenanceIs(true, t2)))
        // It joins anew, by a map from before.
        let joining = try Self.target("t2", port: 300)
        #expect(log.apply(.setNode(joining)) == .success(version + 2))
        #expect(log.state.map[t2]?.flags == .maintenance)
        #expect(log.apply(.setNode(try Self.target("t2", port: 101))) == .success(version + 3))
        #expect(log.apply(.setMaintenance(t2, isOn: false)) == .success(version + 4))
        #expect(log.state.map.candidates == all)
        #expect(
            log.apply(.setMaintenance(t2, isOn: false)) == .failure(.maintenanceIs(false, t2)))
        let p1 = try #require(NodeID("p1"))
        log.lead(member: 11)
        #expect(log.apply(.setMaintenance(p1, isOn: true)) == .failure(.isPrimary(p1)))
        let nobody = try #require(NodeID("nobody"))
        #expect(log.apply(.setMaintenance(nobody, isOn: true)) == .failure(.noSuchNode(nobody)))
    }

    @Test func `an object whose target is in maintenance is known to be there`() throws {
        var log = try Self.log(targets: 3)
        let before = log.state.map
        _ = log.apply(.setMaintenance(try #require(NodeID("t2")), isOn: true))
        for digest in (0..<200).map({ XXH64.digest("\($0)") }) {
            let owner = before.target(owning: digest)
            let absent = log.state.map.absentTarget(owning: digest)
            #expect(absent?.id.text == (owner?.id.text == "t2" ? "t2" : nil))
            #expect(before.absentTarget(owning: digest) == nil)
        }
    }

    @Test func `a rebalance is counted, names its targets, and wants two of them`() throws {
        var log = try Self.log(targets: 1)
        #expect(log.apply(.startRebalance) == .failure(.tooFewTargets(1)))
        #expect(log.apply(.stopRebalance(version: nil)) == .success(0))
        #expect(log.state.rebalance.version == 0)
        _ = log.apply(.setNode(try Self.target("t2", port: 101)))
        #expect(log.apply(.startRebalance) == .success(1))
        #expect(log.state.rebalance.targets.map(\.text) == ["t1", "t2"])
        #expect(log.state.rebalance.status == .notRun && log.state.rebalance.id == "g1")
        let started = log.state.rebalance.started
        #expect(started.nanoseconds > 0)
        #expect(log.apply(.stopRebalance(version: nil)) == .success(1))
        let stopped = log.state.rebalance.stopped
        #expect(stopped > started)
        #expect(log.apply(.stopRebalance(version: nil)) == .success(1))
        #expect(log.state.rebalance.stopped == stopped)
        #expect(log.apply(.startRebalance) == .success(2))
        #expect(log.state.rebalance.stopped.nanoseconds == 0)
        // A word about the one before says nothing of this one.
        #expect(log.apply(.stopRebalance(version: 1)) == .success(2))
        #expect(!log.state.rebalance.wasStopped)
        #expect(log.apply(.stopRebalance(version: 2)) == .success(2))
        #expect(log.state.rebalance.wasStopped)
    }

    @Test func `what became of a rebalance is kept for an hour, and of a bounded number`()
        throws
    {
        var log = try Self.log(targets: 2)
        func ids() -> [String] { log.state.rebalances.map(\.id) }
        #expect(ids().isEmpty)
        _ = log.apply(.startRebalance)
        _ = log.apply(.stopRebalance(version: nil))
        let first = log.state.rebalance
        _ = log.apply(.startRebalance)
        _ = log.apply(.startRebalance)
        #expect(ids() == ["g3", "g2", "g1"])
        #expect(log.state.rebalances.last == first && first.wasStopped)
        // An hour later to the nanosecond it is there, and then it is not. Nothing goes by itself.
        log.nanosecondsAhead = RebalanceRecord.endedNanoseconds - 3
        _ = log.apply(.startRebalance)
        #expect(ids() == ["g4", "g3", "g2", "g1"], "\(log.state.rebalances.map(\.ended))")
        _ = log.apply(.startRebalance)
        #expect(ids() == ["g5", "g4", "g3", "g2"])
        // A primary whose clock is behind takes nothing away.
        log.nanosecondsAhead = 0
        _ = log.apply(.startRebalance)
        #expect(ids() == ["g6", "g5", "g4", "g3", "g2"])
        let before = log
        _ = log.apply(.setNode(try Self.target("t3", port: 900)))
        for _ in 0..<(RebalanceRecord.endedMax + 5) { _ = log.apply(.startRebalance) }
        #expect(log.state.endedRebalances.count == RebalanceRecord.endedMax)
        #expect(ids().count == RebalanceRecord.endedMax + 1 && ids().first == "g311")
        #expect(ids().last == "g11")
        for log in [before, log] {
            #expect(try ClusterState(snapshot: log.state.snapshot) == log.state)
            #expect(
                try ClusterState(rows: log.state.rows, position: log.state.position) == log.state)
            #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
        }
        // One that is refused takes nothing away either.
        _ = log.apply(.removeNode(try #require(NodeID("t3"))))
        _ = log.apply(.removeNode(try #require(NodeID("t2"))))
        log.nanosecondsAhead = 3 * RebalanceRecord.endedNanoseconds
        #expect(log.apply(.startRebalance) == .failure(.tooFewTargets(1)))
        #expect(ids().count == RebalanceRecord.endedMax + 1)
    }

    @Test func `the log of an older build leads to the state that it had`() throws {
        var log = try Self.log(targets: 2)
        // As such a build has written it: the number of the command is its last byte.
        let old = LogRecord(.replaceRebalance, actor: "test").encoded
        #expect(old.last == 11 && LogRecord(.startRebalance, actor: "test").encoded.last == 19)
        for _ in 1...2 { _ = log.apply(try LogRecord(decoding: old).command) }
        #expect(log.state.rebalances.map(\.id) == ["g2"])
        #expect(!log.state.rows.contains { $0.kind == .endedRebalance })
        _ = log.apply(.startRebalance)
        #expect(log.state.rebalances.map(\.id) == ["g3", "g2"])
        let row = try #require(log.state.rows.last)
        #expect(row.kind == .endedRebalance && row.key == [0, 0, 0, 0, 0, 0, 0, 2])
        let other = StateRow(kind: row.kind, key: [0, 0, 0, 0, 0, 0, 0, 1], value: row.value)
        #expect(throws: DecodingFailure.self) {
            try ClusterState(rows: log.state.rows.dropLast() + [other], position: .zero)
        }
    }

    @Test func `the history tells of a rebalance once`() throws {
        var log = try Self.log(targets: 2)
        _ = log.apply(.startRebalance)
        let before = log.state
        var after = before
        var changes: [StateRow.Change] = []
        let record = LogRecord(.startRebalance, actor: "test")
        _ = after.apply(
            record, at: LogPosition(generation: 1, nonce: 0, term: 1, index: 100),
            time: Timestamp(nanoseconds: 100), changes: &changes)
        #expect(changes.map(\.kind).contains(.endedRebalance))
        let entry = try #require(
            HistoryEntry(
                record, time: Timestamp(nanoseconds: 100), changed: changes, before: before,
                after: after))
        #expect(entry.rows.map(\.kind) == [.rebalance] && entry.command == "start_rebalance")
    }

    @Test func `notes of disks are kept one a disk, and bounded`() throws {
        var log = try Self.log(targets: 1)
        let t1 = try #require(NodeID("t1"))
        func note(_ disk: Int, _ isDisabled: Bool = true) -> MountpathNote {
            MountpathNote(
                path: "/mp\(disk)", disk: "\(disk)", isDisabled: isDisabled, reason: "EIO")
        }
        _ = log.apply(.noteMountpath(t1, note(1)))
        _ = log.apply(.noteMountpath(t1, note(2)))
        _ = log.apply(.noteMountpath(t1, note(1, false)))
        let notes = try #require(log.state.mountpathNotes[t1])
        #expect(notes.map(\.disk) == ["2", "1"] && notes.map(\.isDisabled) == [true, false])
        #expect(notes.allSatisfy { $0.time.nanoseconds > 0 })
        for disk in 3...(MountpathNote.perTargetMax + 10) {
            _ = log.apply(.noteMountpath(t1, note(disk)))
        }
        #expect(log.state.mountpathNotes[t1]?.count == MountpathNote.perTargetMax)
        let p1 = try #require(NodeID("p1"))
        #expect(log.apply(.noteMountpath(p1, note(1))) == .failure(.noSuchNode(p1)))
        // A target without disks leaves the map; what it said of them stays, until there is too much of that.
        _ = log.apply(.removeNode(t1))
        #expect(log.state.mountpathNotes[t1] != nil)
        for number in 1...MountpathNote.targetsMax {
            let target = try Self.target("x\(number)", port: UInt16(1_000 + number))
            _ = log.apply(.setNode(target))
            _ = log.apply(.noteMountpath(target.id, note(1)))
        }
        #expect(log.state.mountpathNotes[t1] == nil)
        #expect(log.state.mountpathNotes.count == MountpathNote.targetsMax)
        #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
    }

    @Test func `rows, snapshots and records give back what they were made from`() throws {
        var log = try Self.log(targets: 2)
        let t1 = try #require(NodeID("t1"))
        let note = MountpathNote(path: "/mp", disk: "d", isDisabled: true, reason: "EIO")
        let commands: [Command] = [
            .setMaintenance(t1, isOn: true), .setMaintenance(t1, isOn: false), .replaceRebalance,
            .startRebalance, .startRebalance, .stopRebalance(version: 1),
            .stopRebalance(version: nil), .noteMountpath(t1, note),
        ]
        for command in commands {
            _ = log.apply(command)
            #expect(
                try ClusterState(rows: log.state.rows, position: log.state.position) == log.state)
            let restored = try ClusterState(snapshot: log.state.snapshot)
            #expect(restored == log.state && restored.hash == log.state.hash)
            #expect(log.storedRows == Set(log.state.rows.map(\.hash)))
            let record = LogRecord(command, actor: "t1")
            #expect(try LogRecord(decoding: record.encoded) == record)
            for count in record.encoded.indices {
                #expect(throws: DecodingFailure.self) {
                    try LogRecord(decoding: Array(record.encoded.prefix(count)))
                }
            }
        }
    }
}

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
        #expect(log.apply(.stopRebalance) == .success(0))
        #expect(log.state.rebalance.version == 0)
        _ = log.apply(.setNode(try Self.target("t2", port: 101)))
        #expect(log.apply(.startRebalance) == .success(1))
        #expect(log.state.rebalance.targets.map(\.text) == ["t1", "t2"])
        #expect(log.state.rebalance.status == .notRun && log.state.rebalance.id == "g1")
        let started = log.state.rebalance.started
        #expect(started.nanoseconds > 0)
        #expect(log.apply(.stopRebalance) == .success(1))
        let stopped = log.state.rebalance.stopped
        #expect(stopped > started)
        #expect(log.apply(.stopRebalance) == .success(1))
        #expect(log.state.rebalance.stopped == stopped)
        #expect(log.apply(.startRebalance) == .success(2))
        #expect(log.state.rebalance.stopped.nanoseconds == 0)
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
            .setMaintenance(t1, isOn: true), .setMaintenance(t1, isOn: false), .startRebalance,
            .stopRebalance, .noteMountpath(t1, note),
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

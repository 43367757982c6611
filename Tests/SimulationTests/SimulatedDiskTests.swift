import Base
import Cluster
import Consensus
import MetaStore
import Simulation
import Testing

/// The production store on a disk that loses, tears and reorders what was not flushed (PC-04, ST-01).
@Suite(.serialized) struct SimulatedDiskTests {
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `after a power cut at any operation every acknowledged batch is there, and no half of one`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        let disk = SimulatedDisk(seed: seed)
        let system = SimulatedFileSystem(name: "crash-\(seed)", disk: disk)
        var model: [Entry] = []
        for life in 0..<6 {
            let log = try SQLiteLog(
                path: "/log", newMember: MemberID(seed), vfs: system.name)
            let recovered = try log.load()
            #expect(log.member == MemberID(seed))
            // PC-03: nothing of a term that the member does not know.
            #expect(recovered.hardState.term >= (recovered.termRuns.last?.term ?? .zero))
            let entries = try allEntries(of: log, recovered)
            #expect(entries == model, "life \(life)")
            guard entries == model else { return }
            disk.faults.operationsUntilPowerCut = Int.random(in: 1...60, using: &random)
            model = try run(log, from: model, using: &random, disk: disk, system: system)
        }
    }

    /// FS-11, PC-09: a group is founded on a state that others had, wholly or not at all, and the same act again completes it.
    @Test func `a power cut at any operation of a founding leaves nothing of it, or all of it`()
        throws
    {
        let state = try Self.state()
        let founding: WriteBatch<Catalog> = Founding.batch(
            by: MemberID(5), from: state, at: try #require(Position(state.position.text)),
            as: Generation(counter: 2, nonce: 6), time: 9, record: [1, 2, 3])
        var (begun, whole) = (0, 0)
        for operations in 1...60 {
            let disk = SimulatedDisk(seed: UInt64(operations))
            let system = SimulatedFileSystem(name: "founding-\(operations)", disk: disk)
            func open() throws -> (SQLiteLog, RecoveredState<Catalog>) {
                let log = try SQLiteLog(path: "/log", newMember: MemberID(5), vfs: system.name)
                return (log, try log.load())
            }
            var isWritten = false
            do {
                let (log, _) = try open()
                disk.faults.operationsUntilPowerCut = operations
                try log.write(founding)
                isWritten = true
            } catch {
                #expect(error is DatabaseError)
            }
            disk.cutPower()
            var (log, recovered) = try open()
            if recovered.hardState == .initial {
                #expect(!isWritten && recovered.base == .empty && recovered.lastIndex == .zero)
                begun += 1
                try log.write(founding)
                disk.cutPower()
                (log, recovered) = try open()
            } else {
                whole += 1
            }
            #expect(log.member == MemberID(5))
            #expect(recovered.hardState == founding.hardState)
            #expect(recovered.image == state && recovered.tail == founding.entries)
            #expect(recovered.base == founding.installation?.base)
            disk.killProcess()
        }
        #expect(begun > 5 && whole > 5, "\(begun) of 60 had to be begun again")
    }

    private static func state() throws -> ClusterState {
        let founder = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)), member: 7)
        var commands: [Command] = [
            .found(clusterID: "c", founder: founder, generation: 1, nonce: 9)
        ]
        for number in 0..<30 {
            let bucket = try #require(Bucket(name: "b\(number)"))
            commands.append(.createBucket(bucket, BucketProperties()))
        }
        var state = ClusterState()
        var changes: [StateRow.Change] = []
        for (place, command) in commands.enumerated() {
            _ = try state.apply(
                .command, payload: LogRecord(command, actor: "test").encoded, term: 1,
                index: UInt64(place) + 1, time: Timestamp(nanoseconds: 1), changes: &changes)
        }
        return state
    }

    /// ST-05.
    @Test func `a sync that fails fails the batch, and a restart has the state before or after it`()
        throws
    {
        let disk = SimulatedDisk(seed: 3)
        let system = SimulatedFileSystem(name: "sync", disk: disk)
        let log = try SQLiteLog(path: "/log", newMember: MemberID(1), vfs: system.name)
        _ = try log.load()
        try log.write(batch(entries(after: [], count: 3, term: 1)))
        disk.faults.failsNextSync = true
        #expect(throws: (any Error).self) {
            try log.write(
                batch(entries(after: entries(after: [], count: 3, term: 1), count: 2, term: 1)))
        }
        disk.cutPower()
        let recovered = try SQLiteLog(path: "/log", newMember: MemberID(1), vfs: system.name).load()
        #expect(recovered.lastIndex == Index(3) || recovered.lastIndex == Index(5))
    }

    /// Writes random batches until the power fails; then finds out which side of the last batch is on disk.
    private func run(
        _ log: SQLiteLog, from start: [Entry], using random: inout SeededRandom,
        disk: SimulatedDisk, system: SimulatedFileSystem
    ) throws -> [Entry] {
        var model = start
        while true {
            let keep = Int.random(in: max(0, model.count - 3)...model.count, using: &random)
            let term = (model.last?.term.rawValue ?? 0) + (keep < model.count ? 1 : 0)
            let fresh = entries(
                after: Array(model[..<keep]), count: Int.random(in: 1...5, using: &random),
                term: max(1, term))
            let next = Array(model[..<keep]) + fresh
            do {
                try log.write(batch(fresh))
                model = next
            } catch {
                disk.cutPower()
                let reopened = try SQLiteLog(
                    path: "/log", newMember: MemberID(0), vfs: system.name)
                let found = try allEntries(of: reopened, try reopened.load())
                disk.killProcess()
                #expect(found == model || found == next)
                return found
            }
        }
    }

    private func allEntries(
        of log: SQLiteLog, _ recovered: RecoveredState<Catalog>
    ) throws -> [Entry] {
        recovered.lastIndex == .zero
            ? []
            : try log.entries(from: Index(1), through: recovered.lastIndex, maxBytes: 1 << 20)
    }

    private func entries(after log: [Entry], count: Int, term: UInt64) -> [Entry] {
        (1...count).map {
            Entry(
                index: Index(UInt64(log.count + $0)), term: Term(term), time: 1, kind: .command,
                payload: [UInt8](repeating: UInt8($0), count: 300))
        }
    }

    private func batch(_ entries: [Entry]) -> WriteBatch<Catalog> {
        WriteBatch(
            sequence: .zero,
            hardState: HardState(
                generation: Generation(counter: 1, nonce: 1), term: entries[0].term, vote: nil),
            entries: entries)
    }
}

import Base
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
            let entries = try allEntries(of: log, recovered)
            #expect(entries == model, "life \(life)")
            guard entries == model else { return }
            disk.faults.operationsUntilPowerCut = Int.random(in: 1...60, using: &random)
            model = try run(log, from: model, using: &random, disk: disk, system: system)
        }
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

    /// ST-06, as far as the store is concerned.
    @Test func `a full disk refuses the batch and keeps what was there`() throws {
        let disk = SimulatedDisk(seed: 4)
        let system = SimulatedFileSystem(name: "full", disk: disk)
        let log = try SQLiteLog(path: "/log", newMember: MemberID(1), vfs: system.name)
        _ = try log.load()
        let kept = entries(after: [], count: 4, term: 1)
        try log.write(batch(kept))
        disk.faults.capacityBytes = (disk.size(of: "/log") ?? 0) + (disk.size(of: "/log-wal") ?? 0)
        let error = #expect(throws: DatabaseError.self) {
            try log.write(batch(entries(after: kept, count: 4, term: 1)))
        }
        #expect(error?.kind == .full)
        disk.cutPower()
        let recovered = try SQLiteLog(path: "/log", newMember: MemberID(1), vfs: system.name).load()
        #expect(recovered.tail == kept)
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

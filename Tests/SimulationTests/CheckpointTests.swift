import Consensus
import MetaStore
import Simulation
import Testing

/// The production store's checkpoints, which are made behind a batch that has been acknowledged (PC-04, ST-05).
@Suite(.serialized) struct CheckpointTests {
    @Test func `a power cut at any operation of a checkpoint loses nothing`() throws {
        let whole = try FilledLog("whole")
        let before = whole.size
        whole.log?.tidy()
        #expect(whole.size > before, "there was no checkpoint")
        var cut = 0
        for operations in stride(from: 1, through: 1_200, by: 71) {
            let store = try FilledLog("cut-\(operations)", seed: UInt64(operations))
            store.disk.faults.operationsUntilPowerCut = operations
            store.log?.tidy()
            if store.disk.faults.operationsUntilPowerCut == 0 { cut += 1 }
            store.disk.cutPower()
            try store.reopen()
        }
        #expect(cut > 10, "only \(cut) were cut short")
    }

    @Test func `a checkpoint whose flush fails ends the member with its next write`() throws {
        let store = try FilledLog("sync")
        store.disk.faults.failsNextSync = true
        store.log?.tidy()
        #expect(throws: DatabaseError.self) { try store.write() }
        store.disk.cutPower()
        try store.reopen()
        try store.write()
        let before = store.size
        store.log?.tidy()
        #expect(store.size > before)
        store.disk.killProcess()
        try store.reopen()
    }
}

/// A log whose next `tidy` makes a checkpoint.
private final class FilledLog {
    // Ends first: it is closed through the other two.
    private(set) var log: SQLiteLog?
    let disk: SimulatedDisk
    private let system: SimulatedFileSystem
    private var acknowledged: UInt64 = 0

    private static let files = ["/log", "/log-wal"]
    private static let count: UInt64 = 60
    /// The files of one that lacks the last write, made once.
    nonisolated(unsafe) private static var template: [String: FileImage?]?

    init(_ name: String, seed: UInt64 = 1) throws {
        disk = SimulatedDisk(seed: seed)
        system = SimulatedFileSystem(name: "checkpoint-\(name)", disk: disk)
        if let template = Self.template {
            disk.restore(template)
            acknowledged = Self.count
            try reopen()
        } else {
            log = try SQLiteLog(path: "/log", newMember: MemberID(1), vfs: system.name)
            _ = try log?.load()
            for _ in 1...Self.count { try write() }
            Self.template = disk.copy(Self.files)
        }
        try write()
    }

    /// Eighteen pages of the write-ahead file.
    func write() throws {
        let (index, term) = (Index(acknowledged + 1), Term(1))
        try log?.write(
            WriteBatch(
                sequence: .zero,
                hardState: HardState(
                    generation: Generation(counter: 1, nonce: 1), term: term, vote: nil),
                entries: [
                    Entry(
                        index: index, term: term, time: 1, kind: .command,
                        payload: Self.payload(index))
                ]))
        acknowledged += 1
    }

    private static func payload(_ index: Index) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: index.rawValue), count: 70_000)
    }

    var size: Int { disk.size(of: "/log") ?? 0 }

    /// A new process finds all that was acknowledged.
    func reopen() throws {
        log = nil
        let log = try SQLiteLog(path: "/log", newMember: nil, vfs: system.name)
        self.log = log
        let last = try log.load().lastIndex
        #expect(last >= Index(acknowledged))
        let found = try log.entries(from: Index(1), through: last, maxBytes: 1 << 30)
        for entry in found { #expect(entry.payload == Self.payload(entry.index)) }
        #expect(found.last?.index == last)
        acknowledged = last.rawValue
    }
}

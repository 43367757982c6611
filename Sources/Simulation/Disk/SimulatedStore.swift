import Consensus
import MetaStore
import Synchronization

/// The production store of one member, on a disk of its own.
final class SimulatedStore: LogStorage {
    typealias Machine = Catalog

    let disk: SimulatedDisk
    private let system: SimulatedFileSystem
    private let member: MemberID
    private var log: SQLiteLog?

    /// SQLite knows file systems by name, and simulations run side by side.
    private static let names = Atomic<Int>(0)

    init(seed: UInt64) throws {
        disk = SimulatedDisk(seed: seed)
        member = MemberID(seed)
        let name = Self.names.add(1, ordering: .relaxed).newValue
        system = SimulatedFileSystem(name: "simulated-\(name)", disk: disk)
    }

    /// The file is closed before its file system goes.
    deinit { log = nil }

    /// A new process opens the file.
    func load() throws -> RecoveredState<Catalog> {
        log = nil
        let log = try SQLiteLog(path: "/metadata.db", newMember: member, vfs: system.name)
        self.log = log
        return try log.load()
    }

    func write(_ batch: WriteBatch<Catalog>) throws { try log?.write(batch) }

    func entries(from first: Index, through last: Index, maxBytes: Int) throws -> [Entry] {
        try log?.entries(from: first, through: last, maxBytes: maxBytes) ?? []
    }

    /// The power fails after so many further operations of the job, or after it.
    func crash(during job: StorageJob<Catalog>?, after operations: Int) {
        if let batch = job?.batch, operations > 0 {
            disk.faults.operationsUntilPowerCut = operations
            try? log?.write(batch)
        }
        disk.cutPower()
        log = nil
    }
}

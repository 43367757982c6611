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
    private var floor: SimulatedFloor?
    /// Whether the disk may be full in this run; otherwise nobody looks.
    var watchesSpace = false
    private var capacityBytes: Int?
    /// The planted defect of ``SimulatedFloor``.
    var hasLateFloor = false

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
        let floor = SimulatedFloor(disk, isLate: hasLateFloor)
        self.floor = floor
        guard watchesSpace else {
            let log = try SQLiteLog(
                path: Self.database, newMember: member, floor: floor, vfs: system.name)
            self.log = log
            return try log.load()
        }
        let space = SimulatedSpace(disk)
        return try space.sparing { () throws(DatabaseError) in try open(floor, space) }
    }

    private func open(
        _ floor: SimulatedFloor, _ space: SimulatedSpace
    ) throws(DatabaseError) -> RecoveredState<Catalog> {
        log = nil
        let log = try SQLiteLog(
            path: Self.database, newMember: member, floor: floor, space: space, vfs: system.name,
            spaceLimits: SimulatedSpace.limits)
        self.log = log
        do {
            return try log.load()
        } catch let error as DatabaseError {
            throw error
        } catch {
            throw DatabaseError(kind: .foreign, code: 0, message: "\(error)")
        }
    }

    func space(looks: Bool) -> StorageSpace? { log?.space(looks: looks) }

    /// From now on there is no room but for so many bytes; `nil`: there is.
    func fill(sparing bytes: Int?) {
        capacityBytes = bytes.map { disk.bytesInUse + $0 }
        disk.faults.capacityBytes = capacityBytes
    }

    func write(_ batch: WriteBatch<Catalog>) throws {
        floor?.carryOutPlan()
        try log?.write(batch)
    }

    func tidy() { log?.tidy() }

    private static let database = "/metadata.db"

    /// What the disk does while its member is down, or has done before it went down.
    func forget(_ way: Amnesia, using random: inout Random) {
        log = nil
        switch way {
        case .nothing: break
        case .database: disk.lose([Self.database, Self.database + "-wal"])
        case .backup: disk.restore(backup)
        case .flippedBit:
            let wal = Self.database + "-wal"
            let size = disk.size(of: wal) ?? 0
            guard size > 64 else { return }
            disk.flipBit(of: wal, at: random.next(in: 32...size - 1))
        }
    }

    /// A few milliseconds pass without a write.
    func settle() { floor?.carryOutPlan() }

    /// The files as they are now, for ``Amnesia/backup``.
    func takeBackup() { backup = disk.copy([Self.database, Self.database + "-wal"]) }
    private var backup: [String: FileImage?] = [:]

    func entries(from first: Index, through last: Index, maxBytes: Int) throws -> [Entry] {
        try log?.entries(from: first, through: last, maxBytes: maxBytes) ?? []
    }

    /// The power fails after so many further operations of the job, or after it.
    func crash(during job: StorageJob<Catalog>?, after operations: Int) {
        if let batch = job?.batch, operations > 0 {
            disk.faults.operationsUntilPowerCut = operations
            try? log?.write(batch)
            log?.tidy()
        }
        disk.cutPower()
        disk.faults.capacityBytes = capacityBytes
        log = nil
    }
}

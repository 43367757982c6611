import Base
import Cluster
import Consensus
import Foundation
import MetaStore
import Simulation
import Testing

/// The production store on a disk without room (ST-06), at every amount that is left.
@Suite(.serialized) struct FullDiskTests {
    /// What a member writes when the disk is full.
    enum Step: CaseIterable {
        case append
        case vote
        case snapshot
        case compaction
    }

    @Test(arguments: Step.allCases)
    func `a batch that does not fit is refused, and with room again everything is there`(
        step: Step
    ) throws {
        // With room enough, for comparison.
        let roomy = try FilledStore(name: "full-\(step)")
        let (before, size) = (try roomy.contents(), roomy.bytes)
        try roomy.log.write(try roomy.batch(step))
        let after = try roomy.contents()
        let needed = roomy.bytes - size
        #expect(before != after && needed > 0)

        var (refused, done) = (0, 0)
        for eighths in 0...9 {
            let spare = needed * eighths / 8
            let store = try FilledStore(name: "full-\(step)-\(eighths)")
            store.disk.faults.capacityBytes = store.bytes + spare
            let batch = try store.batch(step)
            var isAcknowledged = false
            do {
                try store.log.write(batch)
                isAcknowledged = true
                done += 1
            } catch {
                refused += 1
                #expect((error as? DatabaseError)?.kind == .full, "\(error)")
            }
            // The process ends then; the power may fail as well. Room is made.
            if eighths.isMultiple(of: 2) { store.disk.cutPower() } else { store.disk.killProcess() }
            store.disk.faults = SimulatedDisk.Faults()
            try store.reopen()
            let found = try store.contents()
            // What was refused may be there all the same, as after any failed flush; but not a part of it.
            #expect(found == after || (!isAcknowledged && found == before), "\(eighths)")
            guard found != after else { continue }
            try store.log.write(batch)
            #expect(try store.contents() == after)
        }
        #expect(refused > 0 && done > 0, "\(refused) refused, \(done) done")
    }

    /// Whatever is left: the reserve makes room for one more batch of every kind, on the same connection, and after a power cut it
    /// is there.
    @Test(arguments: Step.allCases, [false, true])
    func `a batch that does not fit is written with the reserve`(
        step: Step, isQuota: Bool
    ) throws {
        let roomy = try FilledStore(name: "reserve-\(step)-\(isQuota)")
        let size = roomy.bytes
        try roomy.log.write(try roomy.batch(step))
        let after = try roomy.contents()
        let needed = roomy.bytes - size

        var shortened = 0
        for eighths in 0...9 {
            let store = try FilledStore(
                name: "reserve-\(step)-\(eighths)-\(isQuota)", watchesSpace: true)
            let before = try #require(store.log.space(looks: true))
            #expect(!before.isShort && before.reserveBytes == SimulatedSpace.limits.reserveBytes)
            store.disk.faults.capacityBytes = store.bytesWithReserve + needed * eighths / 8
            store.disk.faults.isQuota = isQuota
            try store.log.write(try store.batch(step))
            #expect(try store.contents() == after, "\(eighths)")
            let space = try #require(store.log.space(looks: true))
            #expect(space.isShort)
            if space.reserveBytes == 0 { shortened += 1 }
            // Term and vote go on being written, as often as it takes.
            for term in 10...14 as ClosedRange<UInt64> {
                try store.log.write(FilledStore.vote(in: term))
            }
            if eighths.isMultiple(of: 2) { store.disk.cutPower() } else { store.disk.killProcess() }
            store.disk.faults.capacityBytes = store.bytesWithReserve
            try store.reopen()
            let found = try store.contents()
            #expect(found.hardState.term == Term(14) && found.tail == after.tail)
            #expect(store.log.space(looks: true)?.isShort == true)
            // Not at once, so that a quota that nobody sees does not make it go to and fro.
            store.disk.faults = SimulatedDisk.Faults()
            for _ in 0...2 { _ = store.log.space(looks: true) }
            #expect(
                store.log.space(looks: true)
                    == StorageSpace(
                        isShort: false, freeBytes: UInt64(Int.max / 4),
                        reserveBytes: SimulatedSpace.limits.reserveBytes))
        }
        #expect(shortened > 0 && shortened < 10, "\(shortened)")
    }

    /// The last resort: without room and without a reserve the batch is refused, nothing is there of it, and what this process
    /// knows of the file is still true.
    @Test(arguments: Step.allCases, [false, true])
    func `with the reserve gone a batch is refused and nothing is confused`(
        step: Step, isQuota: Bool
    ) throws {
        let store = try FilledStore(name: "last-\(step)-\(isQuota)", watchesSpace: true)
        let medium = SimulatedSpace(store.disk)
        try medium.release()
        store.disk.faults.capacityBytes = store.bytesWithReserve
        store.disk.faults.isQuota = isQuota
        let before = try store.contents()
        let batch = try store.batch(step)
        let refused = #expect(throws: DatabaseError.self) { try store.log.write(batch) }
        #expect(refused?.kind == .full, "\(String(describing: refused))")
        store.disk.faults = SimulatedDisk.Faults()
        #expect(try store.contents() == before)
        try store.log.write(batch)
        store.disk.cutPower()
        try store.reopen()
        #expect(try store.contents() != before)
    }

    /// Below the one mark it stands back, from the other on it takes part; between them it stays as it is.
    @Test func `what is short has room again only well above the mark`() throws {
        let store = try FilledStore(name: "marks", watchesSpace: true)
        let limits = SimulatedSpace.limits
        func isShort(with free: UInt64) -> Bool? {
            store.disk.faults.capacityBytes = store.bytesWithReserve + Int(free)
            return store.log.space(looks: true)?.isShort
        }
        #expect(isShort(with: limits.highBytes) == false)
        #expect(isShort(with: limits.lowBytes) == false)
        #expect(isShort(with: limits.lowBytes - 1) == true)
        #expect(isShort(with: limits.highBytes - 1) == true)
        #expect(isShort(with: limits.highBytes) == false)
        // Who writes much is looked at without being asked.
        store.disk.faults.capacityBytes = store.bytesWithReserve + Int(limits.lowBytes) + 30_000
        #expect(store.log.space(looks: false) == nil)
        for index in 41...44 as ClosedRange<UInt64> {
            try store.log.write(
                WriteBatch(sequence: .zero, entries: [FilledStore.entry(index, bytes: 900)]))
        }
        #expect(store.log.space(looks: false)?.isShort == true)
    }

    /// A real file system: the blocks are there, and are given back.
    @Test func `the reserve of a directory is allocated and given up`() throws {
        let directory =
            FileManager.default.temporaryDirectory.path + "/reserve-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = "\(directory)/\(ReserveFile.fileName)"
        let bytes = SpaceLimits().reserveBytes
        func blocks() throws -> UInt64 {
            var status = stat()
            #expect(stat(path, &status) == 0)
            return UInt64(status.st_blocks) * 512
        }
        let file = try ReserveFile(path: path)
        #expect(file.reserveBytes == 0)
        try file.reserve(bytes)
        #expect(try blocks() >= bytes)
        #expect(try ReserveFile(path: path).reserveBytes == bytes)
        #expect(try file.freeBytes() > 0)
        try file.release()
        #expect(try blocks() == 0)
        #expect(throws: DatabaseError.self) { try file.reserve(1 << 62) }
        #expect(file.reserveBytes == 0)
    }

    /// A checkpoint moves what is in the write-ahead file into the database, which grows for it.
    @Test func `a checkpoint that finds no room costs nothing that was acknowledged`() throws {
        let store = try FilledStore(name: "full-checkpoint")
        var last: UInt64 = 40
        /// A hundred pages.
        func write() throws {
            last += 1
            try store.log.write(
                WriteBatch(
                    sequence: .zero, entries: [FilledStore.entry(last, bytes: 400_000)]))
            store.log.tidy()
        }
        // The write-ahead file may grow, the database may not.
        let database = try #require(store.disk.size(of: "/log"))
        store.disk.faults.fullFile = "/log"
        for _ in 0..<12 { try write() }
        #expect(store.disk.size(of: "/log") == database)
        store.disk.cutPower()
        try store.reopen()
        let recovered = try store.log.load()
        #expect(recovered.lastIndex == Index(last))
        // With room, what is in the write-ahead file goes where it belongs.
        for _ in 0..<2 { try write() }
        #expect(store.disk.size(of: "/log") ?? 0 > 10 * 400_000)
    }
}

/// A store with forty entries and the state of the first four.
private final class FilledStore {
    // Ends first: it is closed through the other two.
    private(set) var log: SQLiteLog
    let disk = SimulatedDisk(seed: 6)
    private let system: SimulatedFileSystem
    private let founding: [Entry]
    private let watchesSpace: Bool

    init(name: String, watchesSpace: Bool = false) throws {
        self.watchesSpace = watchesSpace
        let system = SimulatedFileSystem(name: name, disk: disk)
        self.system = system
        log = try SQLiteLog(
            path: "/log", newMember: MemberID(7),
            space: watchesSpace ? SimulatedSpace(disk) : nil, vfs: system.name,
            spaceLimits: SimulatedSpace.limits)
        _ = try log.load()
        try log.write(Founding.batch(by: MemberID(7), nonce: 9))
        founding = try Self.founding()
        try log.write(change(founding, upTo: 4, with: (5...40).map { Self.entry($0) }))
    }

    func reopen() throws {
        log = try SQLiteLog(
            path: "/log", newMember: MemberID(8),
            space: watchesSpace ? SimulatedSpace(disk) : nil, vfs: system.name,
            spaceLimits: SimulatedSpace.limits)
    }

    var bytes: Int { ["/log", "/log-wal"].reduce(0) { $0 + (disk.size(of: $1) ?? 0) } }

    var bytesWithReserve: Int { bytes + (disk.size(of: SimulatedSpace.name) ?? 0) }

    static func vote(in term: UInt64) -> WriteBatch<Catalog> {
        var batch = WriteBatch<Catalog>(sequence: .zero)
        batch.hardState = HardState(
            generation: Generation(counter: 1, nonce: 9), term: Term(term), vote: MemberID(3))
        return batch
    }

    struct Contents: Equatable {
        var hardState: HardState
        var base: LogBase
        var applied: LogMark
        var image: ClusterState?
        var tail: [Entry]
    }

    /// All that a start would find.
    func contents() throws -> Contents {
        let recovered = try log.load()
        return Contents(
            hardState: recovered.hardState, base: recovered.base, applied: recovered.applied,
            image: recovered.image, tail: recovered.tail)
    }

    func batch(_ step: FullDiskTests.Step) throws -> WriteBatch<Catalog> {
        let generation = Generation(counter: 1, nonce: 9)
        let configuration = Configuration(voters: [MemberID(7)])
        var batch = WriteBatch<Catalog>(sequence: .zero)
        switch step {
        case .append: batch.entries = (41...60).map { Self.entry($0, bytes: 900) }
        case .vote:
            batch.hardState = HardState(generation: generation, term: Term(9), vote: MemberID(3))
        case .snapshot:
            var catalog = Catalog()
            for entry in founding { _ = try catalog.apply(entry) }
            for number in 0..<60 {
                let bucket = try #require(Bucket(name: "more-\(number)"))
                let record = LogRecord(.createBucket(bucket, BucketProperties()), actor: "test")
                _ = try catalog.apply(
                    Entry(
                        index: Index(UInt64(5 + number)), term: Term(1), time: 1, kind: .command,
                        payload: record.encoded))
            }
            let mark = LogMark(index: Index(64), term: Term(1))
            batch.hardState = HardState(generation: generation, term: Term(2), vote: nil)
            batch.installation = Installation(
                base: LogBase(mark: mark, time: 9, configuration: configuration),
                image: catalog.capture(), keepsTail: false)
        case .compaction:
            batch.change = StateChange(
                applied: LogMark(index: Index(30), term: Term(1)), delta: Catalog.emptyDelta)
            batch.base = LogBase(
                mark: LogMark(index: Index(30), term: Term(1)), time: 30,
                configuration: configuration)
        }
        return batch
    }

    private func change(
        _ entries: [Entry], upTo index: UInt64, with more: [Entry]
    ) throws -> WriteBatch<Catalog> {
        var catalog = Catalog()
        for entry in entries { _ = try catalog.apply(entry) }
        var batch = WriteBatch<Catalog>(sequence: .zero, entries: entries + more)
        batch.hardState = HardState(
            generation: Generation(counter: 1, nonce: 9), term: Term(1), vote: nil)
        batch.change = StateChange(
            applied: LogMark(index: Index(index), term: Term(1)),
            delta: catalog.takeDelta() ?? Catalog.emptyDelta)
        return batch
    }

    static func entry(_ index: UInt64, bytes: Int = 300) -> Entry {
        Entry(
            index: Index(index), term: Term(1), time: index, kind: .command,
            payload: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: bytes))
    }

    private static func founding() throws -> [Entry] {
        let founder = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)), member: 7)
        var commands: [Command] = [
            .found(clusterID: "c", founder: founder, generation: 1, nonce: 9)
        ]
        for name in ["a", "b", "c"] {
            commands.append(
                .createBucket(try #require(Bucket(name: name)), BucketProperties()))
        }
        return commands.enumerated().map { place, command in
            Entry(
                index: Index(UInt64(place) + 1), term: Term(1), time: UInt64(place),
                kind: .command, payload: LogRecord(command, actor: "test").encoded)
        }
    }
}

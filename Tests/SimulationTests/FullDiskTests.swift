import Base
import Cluster
import Consensus
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

    init(name: String) throws {
        let system = SimulatedFileSystem(name: name, disk: disk)
        self.system = system
        log = try SQLiteLog(path: "/log", newMember: MemberID(7), vfs: system.name)
        _ = try log.load()
        try log.write(Founding.batch(by: MemberID(7), nonce: 9))
        founding = try Self.founding()
        try log.write(change(founding, upTo: 4, with: (5...40).map { Self.entry($0) }))
    }

    func reopen() throws {
        log = try SQLiteLog(path: "/log", newMember: MemberID(8), vfs: system.name)
    }

    var bytes: Int { ["/log", "/log-wal"].reduce(0) { $0 + (disk.size(of: $1) ?? 0) } }

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

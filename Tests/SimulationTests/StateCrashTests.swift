import Base
import Cluster
import Consensus
import MetaStore
import Simulation
import Testing

/// The rows of the state and the applied index on a disk that loses, tears and reorders what was not flushed.
@Suite(.serialized) struct StateCrashTests {
    /// PC-05, PC-03, CS-05: entries are appended and applied as the driver does it, one batch behind the other; the power fails at every
    /// operation in turn. What is found is the state of exactly the entries up to the applied index, and the rest is applied once.
    @Test
    func `wherever the power fails, state and applied index agree, and nothing is applied twice`()
        throws
    {
        var ends: Set<UInt64> = []
        for operations in stride(from: 1, through: 70, by: 2) {
            let disk = SimulatedDisk(seed: UInt64(operations))
            let system = SimulatedFileSystem(name: "state-\(operations)", disk: disk)
            let entries = try Self.entries(24)
            var acknowledged = 0
            do {
                let log = try SQLiteLog(path: "/log", newMember: MemberID(7), vfs: system.name)
                _ = try log.load()
                try log.write(Founding.batch(by: MemberID(7), nonce: 9))
                disk.faults.operationsUntilPowerCut = operations
                try Self.run(log, entries) { acknowledged = $0 }
                Issue.record("the power has not failed")
            } catch {
                #expect(error is DatabaseError)
            }
            disk.cutPower()
            let log = try SQLiteLog(path: "/log", newMember: MemberID(7), vfs: system.name)
            let recovered = try log.load()
            let applied = recovered.applied.index.rawValue
            ends.insert(applied)
            #expect(recovered.lastIndex.rawValue >= UInt64(acknowledged))
            #expect(recovered.hardState.term >= (recovered.termRuns.last?.term ?? .zero))
            var expected = Catalog()
            for entry in entries.prefix(Int(applied)) { _ = try expected.apply(entry) }
            #expect((recovered.image ?? ClusterState()) == expected.state)
            // Applying it again would be seen: a bucket that exists is refused, and the hash is another.
            var resumed = Catalog()
            resumed.restore(recovered.image ?? ClusterState())
            for entry in recovered.tail { _ = try resumed.apply(entry) }
            var whole = Catalog()
            for entry in entries.prefix(Int(recovered.lastIndex.rawValue)) {
                _ = try whole.apply(entry)
            }
            #expect(resumed.state == whole.state && resumed.state.hash == whole.state.hash)
            disk.killProcess()
        }
        #expect(ends.count > 5, "\(ends)")
    }

    /// Appends two entries with each batch, of a term of its own every fourth, and stores what the batch before has led to.
    private static func run(
        _ log: SQLiteLog, _ entries: [Entry], _ acknowledge: (Int) -> Void
    ) throws {
        var catalog = Catalog()
        var place = 0
        while true {
            var batch = WriteBatch<Catalog>(sequence: .zero)
            if place > 0 {
                for entry in entries[(place - 2)..<place] { _ = try catalog.apply(entry) }
                batch.change = StateChange(
                    applied: entries[place - 1].mark,
                    delta: catalog.takeDelta() ?? Catalog.emptyDelta)
            }
            // When all are stored, it goes on writing votes until the power fails.
            let next = Array(entries[place..<min(place + 2, entries.count)])
            batch.entries = next
            batch.hardState = HardState(
                generation: Generation(counter: 1, nonce: 9),
                term: next.last?.term ?? Term(99), vote: nil)
            try log.write(batch)
            place += next.count
            acknowledge(place)
            guard !next.isEmpty else {
                while true {
                    try log.write(WriteBatch(sequence: .zero, hardState: batch.hardState))
                }
            }
        }
    }

    private static func entries(_ count: Int) throws -> [Entry] {
        let founder = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)), member: 7)
        return try (0..<count).map { place in
            let command: Command =
                place == 0
                ? .found(clusterID: "c", founder: founder, generation: 1, nonce: 9)
                : .createBucket(try #require(Bucket(name: "b\(place)")), BucketProperties())
            return Entry(
                index: Index(UInt64(place) + 1), term: Term(UInt64(1 + place / 8)),
                time: UInt64(place), kind: .command,
                payload: LogRecord(command, actor: "test").encoded)
        }
    }
}

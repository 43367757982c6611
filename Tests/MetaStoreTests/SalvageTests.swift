import Base
import Cluster
import Consensus
import MetaStore
import Testing

/// Damaged logs, cut where the damage begins.
@Suite struct SalvageTests {
    /// Six entries, of which the first `applied` have their effect stored.
    private func log(applied: Int) throws -> ScratchDirectory {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        try log.write(Sample.founding)
        var catalog = Catalog()
        var entries = try Sample.cluster()
        for name in ["c", "d", "e"] {
            let command = Command.createBucket(
                try #require(Bucket(name: name)), BucketProperties())
            entries.append(
                Entry(
                    index: Index(UInt64(entries.count) + 1), term: Term(1), time: 9,
                    kind: .command, payload: LogRecord(command, actor: "test").encoded))
        }
        for entry in entries.prefix(applied) { _ = try catalog.apply(entry) }
        var batch = WriteBatch<Catalog>(
            sequence: .zero,
            hardState: HardState(
                generation: Generation(counter: 1, nonce: 9), term: Term(1), vote: nil),
            entries: entries)
        batch.change = StateChange(
            applied: entries[applied - 1].mark, delta: catalog.takeDelta() ?? Catalog.emptyDelta)
        try log.write(batch)
        return directory
    }

    struct Row: Sendable {
        var applied: Int
        var damage: String
        var firstBad: UInt64
        var kept: UInt64
        var lost: Int
    }

    /// FS-16: what is lost begins with the first bad entry behind those whose effect is stored.
    @Test(arguments: [
        Row(
            applied: 2, damage: "UPDATE log SET payload = x'00' WHERE idx = 5", firstBad: 5,
            kept: 4, lost: 2),
        Row(
            applied: 2, damage: "UPDATE log SET chain = chain + 1 WHERE idx = 4", firstBad: 4,
            kept: 3, lost: 3),
        Row(applied: 2, damage: "DELETE FROM log WHERE idx = 4", firstBad: 5, kept: 3, lost: 2),
        Row(
            applied: 2, damage: "UPDATE log SET kind = 77 WHERE idx = 6", firstBad: 6, kept: 5,
            lost: 1),
        Row(
            applied: 4, damage: "UPDATE log SET payload = x'00' WHERE idx = 2", firstBad: 2,
            kept: 6, lost: 0),
        Row(
            applied: 4, damage: "UPDATE log SET chain = chain + 1 WHERE idx = 4", firstBad: 4,
            kept: 6, lost: 0),
        Row(applied: 4, damage: "DELETE FROM log WHERE idx = 4", firstBad: 5, kept: 6, lost: 0),
    ])
    func `a log is cut behind the last entry that can be trusted`(_ row: Row) throws {
        let directory = try log(applied: row.applied)
        try directory.run(row.damage)
        #expect(throws: (any Error).self) { try directory.open().load() }
        for cuts in [false, true] {
            let salvage = try #require(try SQLiteLog.salvage(directory.file, cuts: cuts))
            #expect(salvage.firstBad == Index(row.firstBad), "\(salvage.reason)")
            #expect(salvage.kept.index == Index(row.kept) && salvage.lostCount == row.lost)
            if !cuts {
                #expect(throws: (any Error).self) { try directory.open().load() }
            }
        }
        let recovered = try directory.open().load()
        #expect(recovered.lastIndex == Index(row.kept))
        #expect(recovered.applied.index == Index(UInt64(row.applied)))
        #expect(recovered.image?.buckets.buckets.count == row.applied - 1)
        #expect(recovered.tail.count == Int(row.kept) - row.applied)
        #expect(recovered.base.configuration.voters == [MemberID(7)])
        #expect(try SQLiteLog.salvage(directory.file, cuts: true) == nil)
    }

    @Test func `a whole log is left alone, and what is no entry is not repaired`() throws {
        let directory = try log(applied: 3)
        #expect(try SQLiteLog.salvage(directory.file, cuts: true) == nil)
        #expect(try directory.open().load().lastIndex == Index(6))
        try directory.run("UPDATE document SET bytes = x'01' WHERE kind = 4")
        #expect(throws: (any Error).self) {
            try SQLiteLog.salvage(directory.file, cuts: true)
        }
    }
}

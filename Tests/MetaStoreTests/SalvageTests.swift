import Base
import Cluster
import Consensus
import MetaStore
import Testing

/// Damaged logs, cut where the damage begins.
@Suite struct SalvageTests {
    /// Six entries, of which the first `applied` have their effect stored.
    private func log(
        applied: Int, change: (inout [Entry]) -> Void = { _ in }
    ) throws -> ScratchDirectory {
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
        change(&entries)
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

    /// CL-09, FS-16: bytes that are what was written, and that no reader takes.
    @Test(arguments: [false, true])
    func `a log is cut before an entry that cannot be read`(isNewer: Bool) throws {
        let long = LogRecord(.startRebalance, actor: String(repeating: "A", count: 300)).encoded
        let directory = try log(applied: 2) { entries in
            entries[4].payload = isNewer ? [99] + long.dropFirst() : long
        }
        // It may be read by others; the file is as it should be.
        #expect(try directory.open().load().lastIndex == Index(6))
        for cuts in [false, true] {
            let salvage = try #require(try SQLiteLog.salvage(directory.file, cuts: cuts))
            #expect(salvage.firstBad == Index(5), "\(salvage.reason)")
            #expect(salvage.trouble == (isNewer ? .newer : .unreadable))
            #expect(salvage.kept.index == Index(4) && salvage.lostCount == 2)
            #expect(salvage.lost.map(\.index) == [Index(5), Index(6)])
            let recovered = try directory.open().load()
            #expect(recovered.lastIndex == Index(cuts ? 4 : 6))
            #expect(recovered.applied.index == Index(2))
        }
        #expect(try SQLiteLog.salvage(directory.file, cuts: false) == nil)
    }

    /// FS-16: damage that costs nothing is named besides what costs something, and that is what has to be named back.
    @Test func `of damage that costs nothing and an entry that cannot be read, the entry is named`()
        throws
    {
        let directory = try log(applied: 4) { entries in
            entries[5].payload =
                LogRecord(.startRebalance, actor: String(repeating: "A", count: 300)).encoded
        }
        try directory.run("UPDATE log SET payload = x'00' WHERE idx = 2")
        let salvage = try #require(try SQLiteLog.salvage(directory.file, cuts: true))
        #expect(salvage.firstBad == Index(6) && salvage.trouble == .unreadable)
        #expect(
            salvage.reason.contains("log entry 6 cannot be read")
                && salvage.reason.contains("log entry 2 has a checksum"), "\(salvage.reason)")
        #expect(salvage.kept.index == Index(5) && salvage.lostCount == 1)
        #expect(try directory.open().load().lastIndex == Index(5))
    }

    /// CL-09: a kind of entry that only a later version knows.
    @Test func `an entry of an unknown kind asks for a later version`() throws {
        let directory = try log(applied: 2)
        var writer = ByteWriter()
        for number in [6, 1, 9] as [UInt64] { writer.write(number) }
        writer.write(UInt8(77))
        let checksum = Int64(bitPattern: XXH64.digest(writer.bytes + [7]))
        try directory.run(
            "UPDATE log SET kind = 77, payload = x'07', checksum = \(checksum) WHERE idx = 6")
        let refused = #expect(throws: DatabaseError.self) { try directory.open().load() }
        #expect(refused?.message.contains("upgrade this proxy") == true)
        let salvage = try #require(try SQLiteLog.salvage(directory.file, cuts: false))
        #expect(salvage.trouble == .newer && salvage.firstBad == Index(6))
    }

    /// The state is what it was when it was written, and this version cannot read it.
    @Test(arguments: [false, true])
    func `a state row that cannot be read is named, and nothing is touched`(isNewer: Bool) throws {
        let directory = try log(applied: 3)
        // A bucket's properties of another format, with the checksums that belong to it.
        let state = try #require(try directory.open().load().image)
        let row = try #require(state.rows.first { $0.kind == .bucket })
        let value = [isNewer ? 9 : 0] + row.value.dropFirst()
        let hash = StateRow(kind: row.kind, key: row.key, value: value).hash
        var applied = ByteWriter()
        applied.write(UInt8(2))
        for number in [3, 1, state.hash &- row.hash &+ hash] as [UInt64] { applied.write(number) }
        func signed(_ hash: UInt64) -> Int64 { Int64(bitPattern: hash) }
        let key = Hex.text(row.key)
        try directory.run(
            """
            UPDATE state SET value = x'\(Hex.text(value))', checksum = \(signed(hash))
            WHERE kind = 3 AND key = x'\(key)';
            UPDATE document SET bytes = x'\(Hex.text(applied.bytes))',
            checksum = \(signed(XXH64.digest(applied.bytes, seed: 4))) WHERE kind = 4
            """)
        let refused = #expect(throws: DatabaseError.self) {
            try MetadataDirectory.open(directory.path, mayBeginAfresh: true) { MemberID(8) }
        }
        let message = refused?.message ?? ""
        #expect(message.contains("state row 'bucket'"), "\(message)")
        #expect(
            message.contains(isNewer ? "upgrade this proxy" : "move this directory away"),
            "\(message)")
        #expect(!directory.names.contains { $0.contains("damaged") })
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

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
            message.contains(isNewer ? "upgrade this proxy" : "martlet recovery repair"),
            "\(message)")
        #expect(!directory.names.contains { $0.contains("damaged") })
    }

    struct VoterRow: Sendable {
        var applied: Int
        var payload: [UInt8]
        var isNewer = false
    }

    /// CL-09, FS-16: a member that does not know who votes does not start; the entry has no effect on the state, so nothing is lost without it.
    @Test(arguments: [
        VoterRow(applied: 2, payload: [1, 2, 0, 7]),
        VoterRow(applied: 2, payload: [9, 1, 0], isNewer: true),
        VoterRow(applied: 2, payload: []),
        VoterRow(applied: 5, payload: [1, 0, 200]),
        VoterRow(applied: 4, payload: [0, 1, 0]),
    ])
    func `an entry that says who votes is named, and left out`(_ row: VoterRow) throws {
        let directory = try log(applied: row.applied) { entries in
            entries[3].kind = .configuration
            entries[3].payload = row.payload
        }
        let refused = #expect(throws: DatabaseError.self) {
            try MetadataDirectory.open(directory.path, mayBeginAfresh: true) { MemberID(8) }
        }
        let message = refused?.message ?? ""
        #expect(message.contains("log entry 4 of term 1 says who votes"), "\(message)")
        #expect(message.contains("must neither vote nor lead"), "\(message)")
        #expect(
            message.contains(
                row.isNewer
                    ? "upgrade this proxy"
                    : "'martlet recovery repair \(directory.path) --truncate-at 4'"), "\(message)")
        #expect(message.contains("truncate-at") == !row.isNewer)
        #expect(!directory.names.contains { $0.contains("damaged") })
        let before = try directory.open().load()
        #expect(before.unreadableVoters?.entry.index == Index(4))
        for cuts in [false, true] {
            let salvage = try #require(try SQLiteLog.salvage(directory.file, cuts: cuts))
            #expect(salvage.firstBad == Index(4), "\(salvage.reason)")
            #expect(salvage.trouble == (row.isNewer ? .newer : .unreadable))
            #expect(salvage.kept.index == Index(6) && salvage.lostCount == 0)
        }
        let recovered = try directory.open().load()
        #expect(recovered.unreadableVoters == nil)
        #expect(recovered.lastIndex == Index(6))
        let base = max(4, UInt64(row.applied))
        #expect(recovered.applied.index == Index(base) && recovered.base.mark.index == Index(base))
        #expect(recovered.base.configuration.voters == [MemberID(7)])
        // All buckets are there: those of the state, and those of the entries behind it.
        var catalog = Catalog()
        catalog.restore(try #require(recovered.image))
        for entry in recovered.tail { _ = try catalog.apply(entry) }
        #expect(catalog.state.buckets.buckets.count == 4)
        #expect(try SQLiteLog.salvage(directory.file, cuts: true) == nil)
        _ = try MetadataDirectory.open(directory.path, mayBeginAfresh: false) { MemberID(8) }
    }

    /// CL-09, FS-16: behind an entry that says who votes, one that has to be given up is the one that is named.
    @Test func `of voters and a command that cannot be read, the command is named`() throws {
        let directory = try log(applied: 2) { entries in
            entries[3].kind = .configuration
            entries[3].payload = [1, 2, 0, 7]
            entries[4].payload =
                LogRecord(.startRebalance, actor: String(repeating: "A", count: 300)).encoded
        }
        let salvage = try #require(try SQLiteLog.salvage(directory.file, cuts: true))
        #expect(salvage.firstBad == Index(5) && salvage.trouble == .unreadable)
        #expect(salvage.reason.contains("log entry 4 cannot be read"), "\(salvage.reason)")
        #expect(salvage.kept.index == Index(4) && salvage.lostCount == 2)
        let recovered = try directory.open().load()
        #expect(recovered.lastIndex == Index(4) && recovered.applied.index == Index(4))
    }

    /// CL-09, FS-16: who leads is a part of the state, so this one stops a proxy as a command does, and does not keep it from starting.
    @Test func `a log is cut before an entry that names no leader`() throws {
        let directory = try log(applied: 2) { entries in
            entries[4].kind = .leader
            entries[4].payload = [1, 2, 3]
        }
        let opened = try MetadataDirectory.open(directory.path, mayBeginAfresh: false) {
            MemberID(8)
        }
        #expect(opened.recovered.tail.count == 4 && opened.findings.isEmpty)
        withExtendedLifetime(opened) {}
    }

    /// The same, at rest.
    @Test func `an entry that names no leader is cut off`() throws {
        let directory = try log(applied: 2) { entries in
            entries[4].kind = .leader
            entries[4].payload = [1, 2, 3]
        }
        let salvage = try #require(try SQLiteLog.salvage(directory.file, cuts: true))
        #expect(salvage.firstBad == Index(5) && salvage.trouble == .unreadable)
        #expect(salvage.reason.contains("names no leader"), "\(salvage.reason)")
        #expect(salvage.lostCount == 2)
        #expect(try directory.open().load().lastIndex == Index(4))
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

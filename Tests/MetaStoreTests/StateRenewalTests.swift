import Base
import Cluster
import Consensus
import MetaStore
import Testing

/// A stored state that this version cannot read, had again from the log (docs/decisions/0031).
@Suite struct StateRenewalTests {
    /// Three entries, all applied, and a bucket whose properties no reader takes.
    private func log(
        isNewer: Bool = false, base: UInt64 = 0, voters: [UInt64] = [],
        change: (inout [Entry]) throws -> Void = { _ in }
    ) throws -> (directory: ScratchDirectory, state: ClusterState) {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        try log.write(Sample.founding)
        var (catalog, entries) = (Catalog(), try Sample.cluster())
        if !voters.isEmpty {
            let configuration = Configuration(voters: voters.map { MemberID($0) })
            entries.append(
                Entry(
                    index: Index(4), term: Term(1), time: 9, kind: .configuration,
                    payload: configuration.encoded))
        }
        for entry in entries { _ = try catalog.apply(entry) }
        let last = try #require(entries.last)
        try change(&entries)
        var batch = WriteBatch<Catalog>(
            sequence: .zero,
            hardState: HardState(
                generation: Generation(counter: 1, nonce: 9), term: Term(1), vote: nil),
            entries: entries)
        batch.change = StateChange(
            applied: last.mark, delta: catalog.takeDelta() ?? Catalog.emptyDelta)
        try log.write(batch)
        if base > 0 {
            try log.write(
                WriteBatch(
                    sequence: .zero,
                    base: LogBase(
                        mark: LogMark(index: Index(base), term: Term(1)), time: 9,
                        configuration: Configuration(voters: [MemberID(7)]))))
        }
        let row = try #require(catalog.state.rows.first { $0.kind == .bucket })
        let value = [isNewer ? 9 : 0] + row.value.dropFirst()
        var poison = CatalogDelta()
        poison.rows = [StateRow.Change(kind: row.kind, key: row.key, value: value)]
        poison.stateHash =
            catalog.state.hash &- row.hash
            &+ StateRow(kind: row.kind, key: row.key, value: value).hash
        try log.write(
            WriteBatch(sequence: .zero, change: StateChange(applied: last.mark, delta: poison)))
        return (directory, catalog.state)
    }

    /// FS-16
    @Test(arguments: [false, true])
    func `a state that cannot be read is worked out from a log that goes back to its beginning`(
        isNewer: Bool
    ) throws {
        let (directory, state) = try log(isNewer: isNewer)
        #expect(throws: (any Error).self) { try directory.open().load() }
        for writes in [false, true] {
            let renewal = try #require(
                try SQLiteLog.renewState(directory.file, writes: writes))
            #expect(renewal.source == .log && renewal.obstacle == nil)
            #expect(renewal.isNewer == isNewer && renewal.applied.index == Index(3))
            #expect(renewal.reason.contains("bucket"), "\(renewal.reason)")
        }
        let recovered = try directory.open().load()
        #expect(recovered.image == state && recovered.applied.index == Index(3))
        #expect(recovered.lastIndex == Index(3))
        #expect(recovered.hardState.generation == Generation(counter: 1, nonce: 9))
        #expect(try SQLiteLog.renewState(directory.file, writes: true) == nil)
    }

    /// FS-16
    @Test func `a log that begins later does not lead to the state, and others may have it`() throws
    {
        for voters in [[7], [7, 8, 9]] as [[UInt64]] {
            let (directory, _) = try log(base: 2, voters: voters)
            let renewal = try #require(try SQLiteLog.renewState(directory.file, writes: true))
            #expect(renewal.source == (voters.count == 1 ? .nobody : .others))
            #expect(renewal.obstacle == "the log begins behind entry 2")
            // Nothing was written.
            #expect(throws: DecodingFailure.self) { try directory.open().load() }
        }
    }

    /// FS-16, ST-12
    @Test func `a log that tells of another state than it leads to is not believed`() throws {
        let (directory, _) = try log { entries in
            let bucket = try #require(Bucket(name: "b"))
            let record = LogRecord(
                .createBucket(bucket, BucketProperties()), actor: "test", stateIndex: 2,
                stateHash: 99)
            entries[2].payload = record.encoded
        }
        let renewal = try #require(try SQLiteLog.renewState(directory.file, writes: true))
        #expect(renewal.source == .nobody)
        #expect(renewal.obstacle?.contains("log entry 3") == true, "\(renewal.obstacle ?? "")")
        #expect(renewal.obstacle?.contains("another state after entry 2") == true)
        #expect(throws: DecodingFailure.self) { try directory.open().load() }
    }

    /// FS-16
    @Test func `an entry that cannot be read is in the way, and is named`() throws {
        let (directory, _) = try log { entries in
            entries[1].payload =
                LogRecord(.startRebalance, actor: String(repeating: "A", count: 300)).encoded
        }
        let renewal = try #require(try SQLiteLog.renewState(directory.file, writes: true))
        #expect(renewal.source == .nobody)
        #expect(renewal.obstacle?.hasPrefix("log entry 2: ") == true, "\(renewal.obstacle ?? "")")
    }

    @Test func `a state that can be read, or is damaged, is left alone`() throws {
        let (directory, _) = try log()
        _ = try SQLiteLog.renewState(directory.file, writes: true)
        #expect(try SQLiteLog.renewState(directory.file, writes: true) == nil)
        try directory.run("UPDATE state SET value = x'00' WHERE kind = 3")
        #expect(throws: DatabaseError.self) {
            try SQLiteLog.renewState(directory.file, writes: true)
        }
    }
}

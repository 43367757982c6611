import Base
import Cluster
import Consensus
import Glibc
import MetaStore
import Testing

/// What a forced recovery stores, and what it sets aside.
@Suite struct RecoveryTests {
    private static let forced = Generation(counter: 2, nonce: 0xABC)

    /// The cluster of ``Sample``, all applied.
    private static func founded(
        _ directory: ScratchDirectory
    ) throws -> (log: SQLiteLog, catalog: Catalog) {
        let log = try directory.open()
        _ = try log.load()
        try log.write(Sample.founding)
        var catalog = Catalog()
        let entries = try Sample.cluster()
        for entry in entries { _ = try catalog.apply(entry) }
        try log.write(
            batch(
                HardState(
                    generation: Generation(counter: 1, nonce: 9), term: Term(1), vote: MemberID(7)),
                entries, &catalog))
        return (log, catalog)
    }

    private static func batch(
        _ hardState: HardState?, _ entries: [Entry], _ catalog: inout Catalog,
        isApplied: Bool = true
    ) throws -> WriteBatch<Catalog> {
        var batch = WriteBatch<Catalog>(
            sequence: .zero, hardState: hardState, entries: entries)
        if isApplied {
            batch.change = StateChange(
                applied: try #require(entries.last).mark,
                delta: catalog.takeDelta() ?? Catalog.emptyDelta)
        }
        return batch
    }

    private static func opening(after base: LogPosition) throws -> [Entry] {
        let p1 = try #require(NodeID("p1"))
        let record = RecoveryRecord(
            generation: .init(counter: forced.counter, nonce: forced.nonce), base: base, chain: 1,
            candidate: p1, survivors: [p1], dead: [], committed: base.index, tail: [], token: "t")
        let payloads: [(Entry.Kind, [UInt8])] = [
            (.command, LogRecord(.recover(record), actor: "operator").encoded),
            (.configuration, Configuration(voters: [MemberID(7)]).encoded),
            (.leader, [7, 0, 0, 0, 0, 0, 0, 0]),
        ]
        return payloads.enumerated().map { place, content in
            Entry(
                index: Index(base.index + UInt64(place) + 1), term: Term(2), time: 9,
                kind: content.0, payload: content.1)
        }
    }

    /// FS-03, FS-11: the generation of the state is that of its last entry, not that of the member.
    @Test func `a state is of the generation in which its last entry was applied`() throws {
        let directory = try ScratchDirectory()
        var (log, catalog) = try Self.founded(directory)
        let before = catalog.state.position
        #expect(before.generation == 1 && before.nonce == 9)
        let hardState = HardState(
            generation: Self.forced, term: Term(2), vote: MemberID(7),
            origin: Position(
                generation: Generation(counter: 1, nonce: 9), term: Term(before.term),
                index: Index(before.index)))
        let entries = try Self.opening(after: before)
        try log.write(try Self.batch(hardState, entries, &catalog, isApplied: false))

        let torn = try ScratchDirectory(copying: directory).open().load()
        #expect(torn.hardState == hardState && torn.tail == entries)
        #expect(torn.image?.position == before)
        #expect(torn.image == catalog.state)

        // Found by simulation, seed 462000224: more than one recovery may lie behind it, all or none of them in this log.
        let next = HardState(
            generation: Generation(counter: 3, nonce: 5), term: Term(3), vote: MemberID(7),
            origin: Position(
                generation: Self.forced, term: Term(2),
                index: Index(before.index + UInt64(entries.count))))
        do {
            let behind = try ScratchDirectory(copying: directory)
            let log = try behind.open()
            _ = try log.load()
            try log.write(WriteBatch(sequence: .zero, hardState: next))
            let again = try ScratchDirectory(copying: behind).open().load()
            #expect(again.image?.position == before)
        }

        for entry in entries { _ = try catalog.apply(entry) }
        let taken = catalog.takeDelta()
        let delta = try #require(taken)
        let last = try #require(entries.last).mark
        try log.write(
            WriteBatch(sequence: .zero, change: StateChange(applied: last, delta: delta)))
        let whole = try ScratchDirectory(copying: directory).open().load()
        #expect(whole.image == catalog.state)
        #expect(whole.image?.position.generation == Self.forced.counter)
        #expect(whole.image?.position.nonce == Self.forced.nonce)
        #expect(whole.image?.recoveries.count == 1)
        #expect(whole.configurations.last?.configuration?.voters == [MemberID(7)])
    }

    @Test func `that a member was left behind survives a restart`() throws {
        let directory = try ScratchDirectory()
        let (log, _) = try Self.founded(directory)
        for origin in [nil, Position(generation: Self.forced, term: Term(3), index: Index(4))] {
            for higher in [nil, Generation(counter: 9, nonce: .max)] {
                let hardState = HardState(
                    generation: Generation(counter: 1, nonce: 9), term: Term(4), vote: nil,
                    origin: origin, supersededBy: higher)
                try log.write(WriteBatch(sequence: .zero, hardState: hardState))
                let copy = try ScratchDirectory(copying: directory)
                #expect(try copy.open().load().hardState == hardState)
            }
        }
    }

    /// FS-04, FS-06: the loser's branch is a file of its own, complete and readable.
    @Test func `a branch lists what it has behind a base`() throws {
        let directory = try ScratchDirectory()
        do {
            var (log, catalog) = try Self.founded(directory)
            let open = Entry(
                index: Index(4), term: Term(1), time: 8, kind: .command,
                payload: LogRecord(
                    .destroyBucket(try #require(Bucket(name: "a"))), actor: "eve",
                    clientAddress: "10.0.0.9:4", requestID: "r-9"
                ).encoded)
            try log.write(try Self.batch(nil, [open], &catalog, isApplied: false))
            #expect(throws: DatabaseError.self) { try Branch.setAside(in: directory.path) }
        }
        let path = try Branch.setAside(in: directory.path)
        #expect(path == "\(directory.path)/branches/1-9-4.db")
        #expect(access(directory.file, F_OK) != 0 && access(directory.file + "-wal", F_OK) != 0)
        #expect(access(path + "-wal", F_OK) != 0)
        #expect(Branch.files(in: directory.path) == [path])

        let branch = try Branch(path: path)
        #expect(branch.hardState.generation == Generation(counter: 1, nonce: 9))
        #expect(branch.last == LogMark(index: Index(4), term: Term(1)))
        #expect(branch.applied.index == Index(3) && branch.state?.buckets.buckets.count == 2)
        #expect(branch.configuration.voters == [MemberID(7)])
        let page = try branch.items(after: Index(2))
        #expect(page.items.map(\.command) == ["create_bucket", "destroy_bucket"])
        #expect(page.items.map(\.entry.index.rawValue) == [3, 4] && !page.hasMore)
        // What was applied has a line of history; what was not has none, and says who wanted it.
        #expect(page.items[0].history?.command == "create_bucket")
        #expect(page.items[1].history == nil)
        #expect(page.items[1].record?.actor == "eve" && page.items[1].record?.requestID == "r-9")
        #expect(try branch.items(after: Index(4)).items.isEmpty)
        #expect(try branch.items(after: Index(0)).items.count == 4)

        // A second one of the same name stands beside it; the next start is that of a fresh member.
        #expect(try directory.open(member: 8).member == MemberID(8))
        let second = try Branch.setAside(in: directory.path)
        #expect(second == "\(directory.path)/branches/0-0-0.db")
        #expect(try Branch(path: second).state == nil)
        _ = try directory.open(member: 9)
        #expect(try Branch.setAside(in: directory.path).hasSuffix("/branches/0-0-0-2.db"))
        for path in Branch.files(in: directory.path) { unlink(path) }
        rmdir(directory.path + "/branches")
    }

    @Test func `what is no branch is refused and left alone`() throws {
        let directory = try ScratchDirectory()
        #expect(throws: DatabaseError.self) { try Branch.setAside(in: directory.path) }
        #expect(throws: DatabaseError.self) { try Branch(path: directory.file) }
        #expect(access(directory.file, F_OK) != 0)
        try directory.fill(Array("no database at all, but long enough to be read as one".utf8))
        let bytes = directory.contents
        #expect(throws: DatabaseError.self) { try Branch(path: directory.file) }
        #expect(directory.contents == bytes)
    }

    @Test func `reading a branch changes nothing in it`() throws {
        let directory = try ScratchDirectory()
        _ = try Self.founded(directory)
        let path = try Branch.setAside(in: directory.path)
        defer {
            unlink(path)
            rmdir(directory.path + "/branches")
        }
        let before = try #require(ScratchDirectory.read(path))
        #expect(try Branch(path: path).items(after: .zero).items.count == 3)
        let log = try SQLiteLog(readingOnly: path)
        _ = try log.load()
        #expect(throws: DatabaseError.self) {
            try log.write(Sample.batch(entries: 4...5, term: 1))
        }
        #expect(ScratchDirectory.read(path) == before)
    }

    /// Rows are stored later than entries are applied; who proposes an entry says how far that was.
    @Test func `a branch counts as applied what a later entry tells of, and knows what it did`()
        throws
    {
        let directory = try ScratchDirectory()
        do {
            var (log, catalog) = try Self.founded(directory)
            let names = ["c", "d", "e"]
            let entries = try names.enumerated().map { place, name in
                let index = UInt64(4 + place)
                return Entry(
                    index: Index(index), term: Term(1), time: index, kind: .command,
                    payload: LogRecord(
                        .createBucket(try #require(Bucket(name: name)), BucketProperties()),
                        actor: "test",
                        // Whoever proposed the last one had applied the one before it.
                        stateIndex: index == 6 ? 5 : 3, stateHash: 1
                    ).encoded)
            }
            try log.write(try Self.batch(nil, entries, &catalog, isApplied: false))
            #expect(try log.load().knownCommit == LogMark(index: Index(5), term: Term(1)))
        }
        let path = try Branch.setAside(in: directory.path)
        defer {
            unlink(path)
            rmdir(directory.path + "/branches")
        }
        let branch = try Branch(path: path)
        #expect(branch.applied == LogMark(index: Index(5), term: Term(1)))
        #expect(branch.state?.buckets.buckets.count == 4)
        let page = try branch.items(after: Index(3))
        #expect(page.items.map(\.entry.index.rawValue) == [4, 5, 6])
        #expect(page.items.map { $0.history?.command } == ["create_bucket", "create_bucket", nil])
    }

    @Test func `a branch whose beginning is compacted says how much is missing`() throws {
        let directory = try ScratchDirectory()
        do {
            let (log, _) = try Self.founded(directory)
            try log.write(
                WriteBatch(
                    sequence: .zero,
                    base: LogBase(
                        mark: LogMark(index: Index(2), term: Term(1)), time: 1,
                        configuration: Configuration(voters: [MemberID(7)]))))
        }
        let path = try Branch.setAside(in: directory.path)
        defer {
            unlink(path)
            rmdir(directory.path + "/branches")
        }
        let page = try Branch(path: path).items(after: Index(1))
        #expect(page.compacted == 1 && page.items.map(\.entry.index.rawValue) == [3])
    }
}

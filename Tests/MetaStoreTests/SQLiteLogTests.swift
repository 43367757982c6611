import Base
import CSQLite
import Cluster
import Consensus
import Foundation
import Testing

@testable import MetaStore

/// The durable half: what a batch wrote is there after a restart, and what is damaged is refused.
@Suite struct SQLiteLogTests {
    @Test func `an empty file holds nothing and keeps its member`() throws {
        let directory = try ScratchDirectory()
        let first = try directory.open(member: 7)
        #expect(try first.load().lastIndex == .zero)
        #expect(first.member == MemberID(7))
        let copy = try ScratchDirectory(copying: directory)
        #expect(try copy.open(member: 8).member == MemberID(7))
    }

    /// As after a first start that was killed: who looks at it gives it no name, which its proxy would bear from then on.
    @Test func `a file that is only looked at stays nobody's`() throws {
        let directory = try ScratchDirectory()
        for _ in 1...2 {
            let refused = #expect(throws: DatabaseError.self) {
                try SQLiteLog(path: directory.file, newMember: nil)
            }
            #expect(refused?.message.contains("nobody's log yet") == true)
        }
        #expect(try directory.open(member: 7).member == MemberID(7))
        #expect(try SQLiteLog(path: directory.file, newMember: nil).member == MemberID(7))
    }

    @Test func `a batch comes back whole after a restart`() throws {
        let directory = try ScratchDirectory()
        let written = try directory.open()
        _ = try written.load()
        try written.write(Sample.founding)
        try written.write(Sample.batch(entries: 1...5, term: 1))
        let copy = try ScratchDirectory(copying: directory)
        let recovered = try copy.open().load()
        #expect(recovered.hardState.generation == Generation(counter: 1, nonce: 9))
        #expect(recovered.base.configuration.voters == [MemberID(7)])
        #expect(recovered.tail == Sample.entries(1...5, term: 1))
        #expect(recovered.termRuns == [TermRun(first: Index(1), term: Term(1))])
    }

    /// ST-13: until another state is installed, in whatever batch the word of it comes.
    @Test func `that a state is wrong is known after a restart`() throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        try log.write(Sample.founding)
        try log.write(Sample.batch(entries: 1...5, term: 1))
        func wrong() throws -> Index? {
            try ScratchDirectory(copying: directory).open().load().stateWrongFrom
        }
        #expect(try wrong() == nil)
        var word = WriteBatch<Catalog>(sequence: .zero)
        word.stateWrongFrom = Index(4)
        try log.write(word)
        try log.write(Sample.batch(entries: 6...6, term: 1))
        #expect(try wrong() == Index(4))
        var batch = WriteBatch<Catalog>(sequence: .zero)
        batch.installation = Installation(
            base: LogBase(
                mark: LogMark(index: Index(9), term: Term(1)), time: 1,
                configuration: Configuration(voters: [MemberID(7)])),
            image: Catalog().capture(), keepsTail: false)
        batch.stateWrongFrom = Index(9)
        try log.write(batch)
        #expect(try wrong() == Index(9), "of the state that was just installed")
        batch.stateWrongFrom = nil
        try log.write(batch)
        #expect(try wrong() == nil)
        for (index, known) in [(4, Index(4)), (0, nil)] as [(UInt64, Index?)] {
            word.stateWrongFrom = Index(index)
            try log.write(word)
            #expect(try wrong() == known)
        }
    }

    /// A commit that made it longer would have to flush its length as well.
    @Test func `the write-ahead file has its length from the start, through checkpoints`() throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        let name = SQLiteLog.fileName + "-wal"
        let length = try #require(directory.read(name)).count
        #expect(length > 4_000_000)
        for index in 1...2_500 as ClosedRange<UInt64> {
            try log.write(Sample.batch(entries: index...index, term: 1))
            log.tidy()
            guard index.isMultiple(of: 500) else { continue }
            #expect(directory.read(name)?.count == length)
            let copy = try ScratchDirectory(copying: directory)
            #expect(try copy.open().load().lastIndex == Index(index))
        }
    }

    /// A checkpoint takes milliseconds: no client waits for it, and of three members no two make theirs at once.
    @Test(arguments: [true, false])
    func `a checkpoint is made behind a batch, soonest behind one with rows of the state`(
        hasChanges: Bool
    ) throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        func file() -> [UInt8]? { directory.read(SQLiteLog.fileName) }
        var checkpoints: [UInt64] = []
        for index in 1...1_000 as ClosedRange<UInt64> {
            let before = file()
            var batch = Sample.batch(entries: index...index, term: 1)
            if hasChanges, index.isMultiple(of: 100) {
                batch.change = StateChange(
                    applied: LogMark(index: Index(index), term: Term(1)), delta: CatalogDelta())
            }
            try log.write(batch)
            #expect(file() == before, "the checkpoint is part of write \(index)")
            log.tidy()
            if file() != before { checkpoints.append(index) }
        }
        #expect(!checkpoints.isEmpty)
        #expect(checkpoints.allSatisfy { $0.isMultiple(of: 100) } == hasChanges)
        #expect(log.database.logPages < 1_000)
    }

    @Test func `of a row that many entries change only the last value is written`() throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        var delta = CatalogDelta()
        func change(_ key: UInt8, _ value: UInt8?) {
            delta.rows.append(
                StateRow.Change(kind: .node, key: [key], value: value.map { [$0] }))
        }
        for round in 1...9 as ClosedRange<UInt8> { change(1, round) }
        change(2, 1)
        change(2, nil)
        change(3, nil)
        change(3, 7)
        #expect(
            delta.lastRows.map { [$0.key, $0.value ?? []] } == [
                [[1], [9]], [[2], []], [[3], [7]],
            ])
        try log.write(Sample.founding)
        try log.write(Sample.batch(entries: 1...1, term: 1))
        var batch = WriteBatch<Catalog>(sequence: .zero)
        batch.change = StateChange(applied: LogMark(index: Index(1), term: Term(1)), delta: delta)
        try log.write(batch)
        let rows = try log.database.prepare("SELECT count(*), sum(length(value)) FROM state")
            .first { ($0.int64(0), $0.int64(1)) }
        #expect(rows?.0 == 2 && rows?.1 == 2)
    }

    /// RE-03, PC-04.
    @Test func `entries from a conflict on are replaced in one step`() throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        try log.write(Sample.batch(entries: 1...6, term: 1))
        try log.write(Sample.batch(entries: 4...5, term: 2))
        let recovered = try ScratchDirectory(copying: directory).open().load()
        #expect(
            recovered.tail == Sample.entries(1...3, term: 1) + Sample.entries(4...5, term: 2))
        #expect(try log.entries(from: Index(2), through: Index(5), maxBytes: 10_000).count == 4)
        #expect(try log.entries(from: Index(2), through: Index(5), maxBytes: 1).count == 1)
    }

    /// Found by simulation on disk, seed 191: more than one entry beyond the limit was taken for a gap.
    @Test(arguments: [1, 49, 50, 99, 100, 101, 200, 10_000])
    func `a read ends where its limit is`(maxBytes: Int) throws {
        let log = try ScratchDirectory().open()
        _ = try log.load()
        let entries = Sample.entries(1...60, term: 1)
        try log.write(Sample.batch(entries: 1...60, term: 1))
        let found = try log.entries(from: Index(3), through: Index(60), maxBytes: maxBytes)
        #expect(found.count == max(1, min(58, maxBytes / 50)))
        #expect(found == Array(entries[2..<2 + found.count]))
    }

    /// PC-05.
    @Test func `state rows and the applied index are stored together`() throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        try log.write(Sample.founding)
        var catalog = Catalog()
        let entries = try Sample.cluster()
        for entry in entries { _ = try catalog.apply(entry) }
        var batch = WriteBatch<Catalog>(sequence: .zero, entries: entries)
        batch.change = StateChange(
            applied: try #require(entries.last).mark,
            delta: catalog.takeDelta() ?? Catalog.emptyDelta)
        try log.write(batch)
        let recovered = try ScratchDirectory(copying: directory).open().load()
        #expect(recovered.image == catalog.capture())
        #expect(recovered.image?.hash == catalog.state.hash)
        #expect(recovered.tail.isEmpty)
    }

    @Test func `compaction keeps the rest of the log and its chain`() throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        try log.write(Sample.batch(entries: 1...6, term: 1))
        var batch = WriteBatch<Catalog>(sequence: .zero)
        batch.change = StateChange(
            applied: LogMark(index: Index(4), term: Term(1)), delta: Catalog.emptyDelta)
        batch.base = LogBase(
            mark: LogMark(index: Index(4), term: Term(1)), time: 4,
            configuration: Configuration(voters: [MemberID(7)]))
        try log.write(batch)
        try log.write(Sample.batch(entries: 7...7, term: 1))
        let recovered = try ScratchDirectory(copying: directory).open().load()
        #expect(recovered.base.mark.index == Index(4))
        #expect(recovered.tail.map(\.index.rawValue) == [5, 6, 7])
    }

    /// SN-09.
    @Test func `an installed snapshot replaces state and log`() throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        _ = try log.load()
        try log.write(Sample.batch(entries: 1...6, term: 1))
        var catalog = Catalog()
        for entry in try Sample.cluster() { _ = try catalog.apply(entry) }
        let base = LogBase(
            mark: LogMark(index: Index(catalog.state.position.index), term: Term(1)), time: 3,
            configuration: Configuration(voters: [MemberID(7)]))
        var batch = WriteBatch<Catalog>(sequence: .zero)
        batch.hardState = HardState(
            generation: Generation(counter: 1, nonce: 9), term: Term(1), vote: nil)
        batch.installation = Installation(
            base: base, image: try Catalog.decode(Catalog.encode(catalog.capture())),
            keepsTail: false)
        try log.write(batch)
        let recovered = try ScratchDirectory(copying: directory).open().load()
        #expect(recovered.image == catalog.capture())
        #expect(recovered.lastIndex == base.mark.index)
        #expect(recovered.termRuns.isEmpty)
    }

    /// PC-07, PC-08, ST-04, ST-09: refused; fetching it again from others is another matter.
    @Test(arguments: [
        "UPDATE log SET payload = x'00' WHERE idx = 3",
        "UPDATE log SET term = 9 WHERE idx = 3",
        "UPDATE log SET chain = chain + 1 WHERE idx = 3",
        "UPDATE log SET kind = 77 WHERE idx = 3",
        "DELETE FROM log WHERE idx = 2",
        "UPDATE document SET bytes = x'01' WHERE kind = 2",
        "UPDATE document SET checksum = checksum + 1 WHERE kind = 3",
        "UPDATE state SET value = x'00' WHERE kind = 1",
        "UPDATE state SET kind = 99 WHERE kind = 3",
        "PRAGMA user_version = 5",
        "PRAGMA application_id = 5",
    ])
    func `a damaged, missing or unknown record is refused at start`(_ damage: String) throws {
        let directory = try ScratchDirectory()
        do {
            let log = try directory.open()
            _ = try log.load()
            try log.write(Sample.founding)
            var catalog = Catalog()
            let entries = try Sample.cluster()
            for entry in entries.prefix(2) { _ = try catalog.apply(entry) }
            var batch = WriteBatch<Catalog>(sequence: .zero, entries: entries)
            batch.change = StateChange(
                applied: entries[1].mark, delta: catalog.takeDelta() ?? Catalog.emptyDelta)
            try log.write(batch)
        }
        try directory.run(damage)
        #expect(throws: (any Error).self) { try directory.open().load() }
    }

    /// PC-11: of one directory on one machine; a copy of it is another matter.
    @Test func `a second opening of the same file is refused`() throws {
        let directory = try ScratchDirectory()
        let first = try directory.open()
        #expect(throws: DatabaseError.self) { try directory.open() }
        #expect(first.member == MemberID(7))
    }

    /// ST-10: SQLite's defect takes a second connection that checkpoints or writes. Neither in this process nor in another can there be one,
    /// from the first moment, and before anything was written as well.
    @Test(arguments: [false, true])
    func `no second connection can read, write or checkpoint`(hasWritten: Bool) throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        if hasWritten {
            _ = try log.load()
            try log.write(Sample.founding)
            try log.write(Sample.batch(entries: 1...20, term: 1))
        }
        // By another process: closing the file in this one would take the log's locks away.
        let names = "'\(directory.file)' '\(directory.file)-wal'"
        let before = try Self.run("cat \(names) | sha256sum").output
        let statements = [
            "SELECT count(*) FROM log", "DELETE FROM log", "PRAGMA wal_checkpoint(RESTART)",
        ]
        for statement in statements {
            var handle: OpaquePointer?
            #expect(sqlite3_open(directory.file, &handle) == SQLITE_OK)
            let code = sqlite3_exec(handle, statement, nil, nil, nil)
            #expect(code == SQLITE_BUSY, "\(statement): \(code)")
            sqlite3_close(handle)
        }
        for statement in statements {
            #expect(try Self.runElsewhere(statement, on: directory.file) == SQLITE_BUSY)
        }
        #expect(throws: DatabaseError.self) { try directory.open() }
        #expect(try Self.run("cat \(names) | sha256sum").output == before)
        if hasWritten { try log.write(Sample.batch(entries: 21...22, term: 1)) }
    }

    /// Runs a statement in a process of its own; the result code.
    private static func runElsewhere(_ statement: String, on path: String) throws -> Int32 {
        let script =
            "import sqlite3,sys\n"
            + "try: sqlite3.connect(sys.argv[1],timeout=0,isolation_level=None).execute(sys.argv[2]).fetchall()\n"
            + "except sqlite3.OperationalError as e: sys.exit(5 if 'locked' in str(e) else 1)"
        return try run("python3 -c \"\(script)\" '\(path)' '\(statement)'").status
    }

    private static func run(_ line: String) throws -> (status: Int32, output: String) {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", line]
        process.standardOutput = pipe
        try process.run()
        let output = String(
            decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    /// ST-10.
    @Test func `an older library than was tested is refused, and this one is none`() throws {
        try Database.refuseLibrary(Database.libraryVersionMin)
        try Database.refuseLibrary(sqlite3_libversion_number())
        for version in [3_040_000, 3_022_000, 0] as [Int32] {
            let error = #expect(throws: DatabaseError.self) {
                try Database.refuseLibrary(version)
            }
            #expect(error?.message.contains("3.40.1 or later is required") == true)
        }
    }

    @Test func `a file that is no database is refused and left as it is`() throws {
        let directory = try ScratchDirectory()
        try directory.fill("this is not a database, it is a letter to a friend".utf8)
        #expect(throws: DatabaseError.self) { try directory.open() }
        #expect(directory.contents?.starts(with: "this is not".utf8) == true)
    }

    /// ST-11: whoever weakens the file, it is opened in WAL mode, flushed in full, or not at all.
    @Test func `a weaker journal does not survive an opening`() throws {
        let directory = try ScratchDirectory()
        try directory.open().write(Sample.founding)
        try directory.run("PRAGMA journal_mode = DELETE")
        #expect(directory.contents?[18] == 1)
        _ = try directory.open().load()
        #expect(directory.contents?[18] == 2)
    }

    @Test func `snapshots that are damaged or cut short are refused`() throws {
        var catalog = Catalog()
        for entry in try Sample.cluster() { _ = try catalog.apply(entry) }
        let bytes = Catalog.encode(catalog.capture())
        for place in bytes.indices {
            #expect(throws: DecodingFailure.self) { try Catalog.decode(Array(bytes[..<place])) }
        }
    }
}

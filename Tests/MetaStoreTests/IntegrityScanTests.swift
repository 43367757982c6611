import Cluster
import Consensus
import Glibc
import TestSupport
import Testing

@testable import MetaStore

/// The walk over all rows finds what nobody reads, and is not misled by what changes meanwhile.
@Suite struct IntegrityScanTests {
    /// A log of forty entries whose first three have made a state with two buckets.
    private func filled(_ directory: ScratchDirectory) throws -> SQLiteLog {
        let log = try directory.open()
        _ = try log.load()
        try log.write(Sample.founding)
        try log.write(try batch(entries: 40))
        return log
    }

    private func batch(entries count: UInt64) throws -> WriteBatch<Catalog> {
        var catalog = Catalog()
        let first = try Sample.cluster()
        for entry in first { _ = try catalog.apply(entry) }
        var batch = WriteBatch<Catalog>(
            sequence: .zero, entries: first + Sample.entries(4...count, term: 1))
        batch.hardState = HardState(
            generation: Generation(counter: 1, nonce: 9), term: Term(1), vote: nil)
        batch.change = StateChange(
            applied: first[2].mark, delta: catalog.takeDelta() ?? Catalog.emptyDelta)
        return batch
    }

    private func walk(_ log: SQLiteLog, rowsMax: Int = 7) throws -> IntegrityScan {
        var scan = IntegrityScan()
        while try !scan.advance(in: log, rowsMax: rowsMax) {}
        return scan
    }

    @Test(arguments: [1, 7, 40, 1_000]) func `a walk looks at every row`(rowsMax: Int) throws {
        let directory = try ScratchDirectory()
        let scan = try walk(try filled(directory), rowsMax: rowsMax)
        #expect(scan.walks == 1)
        #expect(scan.rows >= 44)
    }

    /// A commit writes a frame that begins and ends within a page: without the page in memory it waits for a read.
    @Test func `a walk leaves the write-ahead file in memory for the commits after it`() throws {
        let directory = try ScratchDirectory()
        let log = try filled(directory)
        let file = open("\(log.database.path)-wal", O_RDONLY | O_CLOEXEC)
        try #require(file >= 0)
        defer { close(file) }
        var status = stat()
        try #require(fstat(file, &status) == 0)
        let mapped = try #require(
            mmap(nil, Int(status.st_size), PROT_READ, MAP_SHARED, file, 0))
        defer { munmap(mapped, Int(status.st_size)) }
        var pages = [UInt8](repeating: 0, count: (Int(status.st_size) + 4095) / 4096)
        _ = try walk(log)
        try waitUntil("the file is back in memory", within: 5) {
            mincore(mapped, Int(status.st_size), &pages) == 0 && pages.allSatisfy { $0 & 1 == 1 }
        }
        #expect(pages.count > 1_000)
    }

    /// ST-12, ST-04, ST-09: a changed row, a row that is another's, one that is gone, and one of an earlier time.
    @Test(arguments: [
        "UPDATE log SET payload = x'00' WHERE idx = 39",
        "UPDATE log SET chain = chain + 1 WHERE idx = 20",
        "DELETE FROM log WHERE idx = 30",
        "DELETE FROM log WHERE idx = 40",
        "UPDATE state SET value = x'00' WHERE kind = 3",
        "DELETE FROM state WHERE kind = 3",
    ])
    func `a bad row is found, and what is in memory takes its place`(_ damage: String) throws {
        let directory = try ScratchDirectory()
        var log = try filled(directory)
        let kept = try #require(try log.load().image)
        try log.damage(damage)
        let error = #expect(throws: DatabaseError.self) { try walk(log) }
        #expect(error?.kind == .corrupt)

        // As the pipeline mends it: the state, and all that follows it.
        let base = LogBase(
            mark: LogMark(index: Index(3), term: Term(1)), time: 2,
            configuration: Configuration(voters: [MemberID(7)]))
        try log.write(
            WriteBatch(
                sequence: .zero,
                installation: Installation(base: base, image: kept, keepsTail: false),
                entries: Sample.entries(4...40, term: 1)))
        _ = try walk(log)
        log = try ScratchDirectory(copying: directory).open()
        let recovered = try log.load()
        #expect(recovered.lastIndex == Index(40) && recovered.image == kept)
    }

    /// ST-12: in the write-ahead file, and in the database's own.
    @Test(arguments: [false, true])
    func `damage on the disk is found although the page is in memory`(isCheckpointed: Bool) throws {
        let directory = try ScratchDirectory()
        let log = try filled(directory)
        let payload = Array("an entry that nobody reads".utf8)
        let entry = Entry(
            index: Index(41), term: Term(1), time: 41, kind: .command, payload: payload)
        try log.write(WriteBatch(sequence: .zero, entries: [entry]))
        if isCheckpointed { try log.damage("PRAGMA wal_checkpoint(TRUNCATE)") }
        _ = try walk(log)

        let file = directory.file + (isCheckpointed ? "" : "-wal")
        let bytes = try #require(ScratchDirectory.read(file))
        let places = bytes.indices.filter { bytes[$0...].starts(with: payload) }
        #expect(!places.isEmpty)
        // It stays open: closing it would take the log's lock away.
        let descriptor = open(file, O_WRONLY)
        var other: UInt8 = 0x20
        for place in places { #expect(pwrite(descriptor, &other, 1, off_t(place)) == 1) }

        let error = #expect(throws: DatabaseError.self) { try walk(log) }
        #expect(error?.kind == .corrupt && error?.message.contains("log entry 41") == true)
        close(descriptor)
    }

    @Test func `entries that are replaced during a walk are no damage`() throws {
        let directory = try ScratchDirectory()
        let log = try filled(directory)
        var scan = IntegrityScan()
        #expect(try !scan.advance(in: log, rowsMax: 30))
        try log.write(Sample.batch(entries: 20...60, term: 2))
        while try !scan.advance(in: log, rowsMax: 7) {}
        #expect(try !scan.advance(in: log, rowsMax: 30))
        var compaction = WriteBatch<Catalog>(sequence: .zero)
        compaction.change = StateChange(
            applied: LogMark(index: Index(50), term: Term(2)), delta: Catalog.emptyDelta)
        compaction.base = LogBase(
            mark: LogMark(index: Index(50), term: Term(2)), time: 50,
            configuration: Configuration(voters: [MemberID(7)]))
        try log.write(compaction)
        while try !scan.advance(in: log, rowsMax: 7) {}
        #expect(scan.walks == 2)
    }
}

extension SQLiteLog {
    /// Changes rows behind the log's back.
    func damage(_ sql: String) throws { try database.run(sql) }
}

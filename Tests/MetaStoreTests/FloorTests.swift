import Cluster
import Consensus
import FoundationEssentials
import Testing

@testable import MetaStore

/// The floor beside the database: what was promised is known, whatever the database has lost.
@Suite struct FloorTests {
    private static let database = SQLiteLog.fileName
    private static let floor = FloorFile.fileName

    private func open(
        _ directory: ScratchDirectory, member: UInt64 = 7, mayBeginAfresh: Bool = true
    ) throws -> MetadataDirectory.Opened {
        try MetadataDirectory.open(directory.path, mayBeginAfresh: mayBeginAfresh) {
            MemberID(member)
        }
    }

    /// A member that has confirmed eight entries, of two terms, and given a vote in the second; as a crash leaves it.
    private func grown() throws -> ScratchDirectory {
        let directory = try ScratchDirectory()
        let log = try open(directory).log
        try log.write(Sample.founding)
        try log.write(Sample.batch(entries: 1...5, term: 1))
        try log.write(Sample.batch(entries: 6...6, term: 2))
        for index in 7...8 as ClosedRange<UInt64> {
            try log.write(
                WriteBatch(
                    sequence: .zero, entries: Sample.entries(index...index, term: 2)))
        }
        return try ScratchDirectory(copying: directory)
    }

    private let promised = LogMark(index: Index(8), term: Term(2))

    @Test func `a member that lost nothing owes nothing`() throws {
        let opened = try open(try grown(), member: 9)
        #expect(opened.log.member == MemberID(7))
        #expect(opened.recovered.floor == nil && opened.findings == [])
        #expect(opened.recovered.lastIndex == Index(8))
    }

    /// ST-03: SQLite drops the frame with the flipped bit and all that follow, and says nothing.
    @Test(arguments: [0.3, 0.6, 0.95])
    func `a flipped bit in the write-ahead file is noticed`(place: Double) throws {
        let directory = try grown()
        var bytes = try #require(directory.read(Self.database + "-wal"))
        // Behind what was written, the file is filled with zeros.
        let written = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
        bytes[Int(Double(written) * place)] ^= 4
        try directory.write(bytes, to: Self.database + "-wal")
        let opened = try open(directory)
        #expect(opened.recovered.lastIndex < Index(8))
        #expect(opened.recovered.floor == promised)
        #expect(opened.recovered.hardState.term == Term(2))
        #expect(opened.recovered.hardState.vote == MemberID(7))
        #expect(opened.log.member == MemberID(7))
        #expect(opened.findings.count == 1)
    }

    /// PC-12.
    @Test func `an older copy of the database is noticed, and the promise outlives restarts`()
        throws
    {
        let old = try ScratchDirectory()
        let log = try open(old).log
        try log.write(Sample.founding)
        try log.write(Sample.batch(entries: 1...4, term: 1))
        let copy = try ScratchDirectory(copying: old)
        try log.write(Sample.batch(entries: 5...9, term: 3))
        let restored = try ScratchDirectory(copying: copy)
        try restored.write(try #require(old.read(Self.floor)), to: Self.floor)

        var (directory, end) = (restored, LogMark(index: Index(9), term: Term(3)))
        for index in [5, 6] as [UInt64] {
            let opened = try open(directory)
            #expect(opened.recovered.floor == end)
            #expect(opened.recovered.hardState.term == Term(3))
            try opened.log.write(
                WriteBatch(sequence: .zero, entries: Sample.entries(index...index, term: 1)))
            directory = try ScratchDirectory(copying: directory)
        }
        // An entry of the promised term at the promised place, and the member has caught up.
        let last = try open(directory)
        try last.log.write(
            WriteBatch(sequence: .zero, entries: Sample.entries(7...9, term: 3)))
        end = LogMark(index: Index(9), term: Term(3))
        let caughtUp = try open(try ScratchDirectory(copying: directory))
        #expect(caughtUp.recovered.floor == nil)
        #expect(caughtUp.recovered.lastIndex == end.index)
    }

    /// ST-03, found by simulation on disk, seed 370001200: a member that had written its log anew, and lost that again by a flipped
    /// bit, took what it had before for something else than it had promised.
    @Test func `a log that was written anew is still the one that was confirmed`() throws {
        let directory = try ScratchDirectory()
        let log = try open(directory).log
        try log.write(Sample.batch(entries: 1...8, term: 1))
        let before = try ScratchDirectory(copying: directory)
        let base = LogBase(
            mark: LogMark(index: Index(3), term: Term(1)), time: 3,
            configuration: Configuration(voters: [MemberID(7)]))
        try log.write(
            WriteBatch(
                sequence: .zero,
                installation: Installation(
                    base: base, image: Catalog().capture(), keepsTail: false),
                entries: Sample.entries(4...8, term: 1)))
        try before.write(try #require(directory.read(Self.floor)), to: Self.floor)
        let opened = try open(before)
        #expect(opened.recovered.floor == nil && opened.findings == [])
        #expect(opened.recovered.lastIndex == Index(8))
    }

    /// ST-03: a power loss takes the floor's newest word; the next start says it again, before anything else can go wrong.
    @Test func `a floor behind its database is brought up at the start`() throws {
        let grown = try ScratchDirectory()
        let log = try open(grown).log
        try log.write(Sample.founding)
        try log.write(Sample.batch(entries: 1...4, term: 1))
        let stale = try #require(try ScratchDirectory(copying: grown).read(Self.floor))
        try log.write(Sample.batch(entries: 5...9, term: 3))
        let directory = try ScratchDirectory(copying: grown)
        try directory.write(stale, to: Self.floor)
        do { #expect(try open(directory).recovered.floor == nil) }
        directory.remove(Self.database)
        directory.remove(Self.database + "-wal")
        let opened = try open(directory)
        #expect(opened.recovered.floor == LogMark(index: Index(9), term: Term(3)))
    }

    /// ST-03, found by simulation on disk, seed 16: a vote without an entry is such a word as well.
    @Test func `a floor behind its database in term and vote is brought up at the start`() throws {
        let grown = try ScratchDirectory()
        let log = try open(grown).log
        try log.write(Sample.founding)
        try log.write(Sample.batch(entries: 1...4, term: 1))
        let stale = try #require(try ScratchDirectory(copying: grown).read(Self.floor))
        let generation = try #require(Sample.founding.hardState).generation
        let voted = HardState(generation: generation, term: Term(7), vote: MemberID(2))
        try log.write(WriteBatch(sequence: WriteSequence(9), hardState: voted))
        let directory = try ScratchDirectory(copying: grown)
        try directory.write(stale, to: Self.floor)
        do { #expect(try open(directory).recovered.hardState == voted) }
        directory.remove(Self.database)
        directory.remove(Self.database + "-wal")
        #expect(try open(directory).recovered.hardState == voted)
    }

    /// ST-02 (a).
    @Test func `a member whose database is gone is still itself, and owes what it promised`() throws
    {
        let directory = try grown()
        directory.remove(Self.database)
        directory.remove(Self.database + "-wal")
        let opened = try open(directory, member: 9)
        #expect(opened.log.member == MemberID(7))
        #expect(opened.recovered.floor == promised)
        #expect(opened.recovered.hardState.term == Term(2))
        #expect(opened.recovered.lastIndex == .zero && opened.recovered.image == nil)
    }

    /// ST-02 (b), PC-10: who has nothing left is another member.
    @Test func `without database and floor another member begins`() throws {
        let directory = try grown()
        for name in directory.names { directory.remove(name) }
        let opened = try open(directory, member: 9)
        #expect(opened.log.member == MemberID(9))
        #expect(opened.recovered.floor == nil && opened.recovered.hardState == .initial)
    }

    @Test func `without its floor a database is not believed`() throws {
        let directory = try grown()
        directory.remove(Self.floor)
        let error = #expect(throws: DatabaseError.self) {
            try open(directory, mayBeginAfresh: false)
        }
        #expect(error?.kind == .floorMissing)
        #expect(!directory.names.contains { $0.contains("damaged") })
        let opened = try open(directory, member: 9)
        #expect(opened.log.member == MemberID(9))
        #expect(opened.recovered.hardState == .initial)
        #expect(directory.names.contains(Self.database + ".damaged-1"))
    }

    @Test func `a database of an older build gets a floor`() throws {
        let directory = try ScratchDirectory()
        do {
            let log = try directory.open()
            _ = try log.load()
            try log.write(Sample.founding)
            try log.write(Sample.batch(entries: 1...3, term: 1))
        }
        #expect(try open(directory).recovered.floor == nil)
        #expect(directory.names.contains(Self.floor))
        directory.remove(Self.floor)
        #expect(throws: DatabaseError.self) { try open(directory, mayBeginAfresh: false) }
    }

    /// ST-04, ST-09: what is damaged is set aside, never served, and the member catches up from others.
    @Test(arguments: [
        "UPDATE log SET payload = x'00' WHERE idx = 3",
        "UPDATE log SET kind = 77 WHERE idx = 3",
        "UPDATE log SET chain = chain + 1 WHERE idx = 3",
        "DELETE FROM log WHERE idx = 3",
        "UPDATE log SET payload = (SELECT payload FROM log WHERE idx = 2) WHERE idx = 4",
        "UPDATE document SET bytes = x'01' WHERE kind = 2",
    ])
    func `a damaged row sets the database aside`(_ damage: String) throws {
        let directory = try grown()
        _ = try open(directory)
        try directory.run(damage)
        let opened = try open(directory)
        #expect(opened.log.member == MemberID(7))
        #expect(opened.recovered.floor == promised)
        #expect(opened.recovered.hardState.vote == MemberID(7))
        #expect(opened.recovered.lastIndex == .zero)
        #expect(directory.names.contains(Self.database + ".damaged-1"))
        #expect(opened.findings.contains { $0.contains("kept as") })
    }

    /// ST-04: the same of a row of the state.
    @Test(arguments: [
        "UPDATE state SET value = x'00' WHERE kind = 1",
        "UPDATE state SET kind = 99 WHERE kind = 3",
        "UPDATE document SET checksum = checksum + 1 WHERE kind = 4",
    ])
    func `a damaged row of the state sets the database aside`(_ damage: String) throws {
        let directory = try ScratchDirectory()
        do {
            let log = try open(directory).log
            try log.write(Sample.founding)
            var catalog = Catalog()
            let entries = try Sample.cluster()
            for entry in entries { _ = try catalog.apply(entry) }
            var batch = WriteBatch<Catalog>(sequence: .zero, entries: entries)
            batch.hardState = HardState(
                generation: Generation(counter: 1, nonce: 9), term: Term(1), vote: nil)
            batch.change = StateChange(
                applied: entries[2].mark, delta: catalog.takeDelta() ?? Catalog.emptyDelta)
            try log.write(batch)
        }
        try directory.run(damage)
        let opened = try open(directory)
        #expect(opened.recovered.floor == LogMark(index: Index(3), term: Term(1)))
        #expect(opened.recovered.image == nil)
        #expect(directory.names.contains(Self.database + ".damaged-1"))
    }

    /// PC-07, PC-08, PC-09: what is whole and not understood, or does not belong together, is not touched.
    @Test(arguments: [
        "PRAGMA user_version = 99",
        "PRAGMA application_id = 5",
        "DELETE FROM log WHERE idx = 1",
    ])
    func `what is no damage is refused and left as it is`(_ change: String) throws {
        let directory = try grown()
        _ = try open(directory)
        try directory.run(change)
        let before = directory.read(Self.database)
        #expect(throws: DatabaseError.self) { try open(directory) }
        #expect(directory.read(Self.database) == before)
        #expect(!directory.names.contains { $0.contains("damaged") })
    }

    /// PC-09.
    @Test func `the floor of another member is refused`() throws {
        let (one, other) = (try grown(), try ScratchDirectory())
        _ = try open(other, member: 8)
        try one.write(try #require(other.read(Self.floor)), to: Self.floor)
        let error = #expect(throws: DatabaseError.self) { try open(one) }
        #expect(error?.message.contains("member") == true)
    }

    /// A database of an earlier generation is from before a forced recovery that this member took part in.
    @Test func `a database of an earlier generation is set aside`() throws {
        let directory = try grown()
        let later = try ScratchDirectory(copying: directory)
        try open(later).log.write(
            WriteBatch(
                sequence: .zero,
                hardState: HardState(
                    generation: Generation(counter: 2, nonce: 5), term: Term(3), vote: nil)))
        try directory.write(try #require(later.read(Self.floor)), to: Self.floor)
        let opened = try open(directory)
        #expect(opened.recovered.hardState.generation == Generation(counter: 2, nonce: 5))
        #expect(opened.recovered.floor == promised && opened.recovered.lastIndex == .zero)
        #expect(directory.names.contains(Self.database + ".damaged-1"))
    }

    @Test func `a floor with one bad slot is a floor`() throws {
        let directory = try grown()
        let bytes = try #require(directory.read(Self.floor))
        for slot in 0..<3 {
            var torn = bytes
            for place in slot * 4_096..<min(slot * 4_096 + 512, torn.count) { torn[place] = 0xA5 }
            try directory.write(torn, to: Self.floor)
            let opened = try open(try ScratchDirectory(copying: directory))
            #expect(opened.log.member == MemberID(7) && opened.recovered.floor == nil)
        }
    }
}

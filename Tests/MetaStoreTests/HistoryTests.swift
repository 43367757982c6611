import Base
import Cluster
import Consensus
import MetaStore
import Testing

/// The history beside the state: written with it, bounded, and the same wherever the log was applied.
@Suite struct HistoryTests {
    /// A log that creates buckets, one entry each, an hour apart; applied and stored entry by entry.
    private struct Writer {
        var catalog = Catalog()
        let log: SQLiteLog
        var index: UInt64 = 0

        init(_ log: SQLiteLog) throws {
            self.log = log
            _ = try log.load()
            try log.write(Sample.founding)
            for entry in try Sample.cluster() { try append(entry) }
        }

        mutating func append(_ entry: Entry) throws {
            index = entry.index.rawValue
            _ = try catalog.apply(entry)
            var batch = WriteBatch<Catalog>(sequence: .zero, entries: [entry])
            batch.change = StateChange(
                applied: entry.mark, delta: catalog.takeDelta() ?? Catalog.emptyDelta)
            try log.write(batch)
        }

        mutating func create(_ name: String) throws {
            let bucket = try #require(Bucket(name: name))
            let record = LogRecord(
                .createBucket(bucket, BucketProperties()), actor: "someone", requestID: name)
            let next = index + 1
            try append(
                Entry(
                    index: Index(next), term: Term(1), time: next * 3_600_000_000_000,
                    kind: .command, payload: record.encoded))
        }
    }

    private func page(_ log: SQLiteLog, before: UInt64 = .max, count: Int = 1_000) throws
        -> HistoryPage
    {
        try log.history(before: before, about: .all, count: count)
    }

    @Test func `an entry tells what was there before and after, and who changed it`() throws {
        let directory = try ScratchDirectory()
        let log = try directory.open()
        var writer = try Writer(log)
        try writer.create("new")
        let newest = try #require(try page(log).entries.first)
        #expect(newest.command == "create_bucket" && newest.actor == "someone")
        #expect(newest.position == writer.catalog.state.position)
        let bucket = try #require(Bucket(name: "new"))
        let after = writer.catalog.state.buckets[bucket]
        #expect(try newest.changes.contains(.bucket(bucket, before: nil, after: after)))
        #expect(try HistoryEntry(decoding: newest.encoded) == newest)
        for count in newest.encoded.indices {
            #expect(throws: DecodingFailure.self) {
                try HistoryEntry(decoding: Array(newest.encoded.prefix(count)))
            }
        }
        // A copy of the file, as a crash leaves it, has the same.
        let copy = try ScratchDirectory(copying: directory).open()
        #expect(try page(copy).entries == page(log).entries)
        #expect(try page(log).applied == writer.index)
    }

    @Test func `the oldest entries go when there are too many, and those that are too old`() throws
    {
        var limits = HistoryLimits()
        limits.entriesMax = 20
        limits.slack = 5
        limits.ageNanosecondsMax = 15 * 3_600_000_000_000
        let log = try ScratchDirectory().open(historyLimits: limits)
        var writer = try Writer(log)
        for number in 1...60 {
            try writer.create("b\(number)")
            let kept = try page(log).entries
            #expect(kept.count <= 25)
            #expect(kept.first?.position.index == writer.index)
            if let last = kept.last, let first = kept.first {
                #expect(first.time.nanoseconds - last.time.nanoseconds <= limits.ageNanosecondsMax)
            }
        }
        #expect(try page(log).oldest ?? 0 > 10)
    }

    @Test func `by count alone the newest are kept`() throws {
        var limits = HistoryLimits()
        limits.entriesMax = 20
        limits.slack = 5
        let log = try ScratchDirectory().open(historyLimits: limits)
        var writer = try Writer(log)
        for number in 1...60 { try writer.create("b\(number)") }
        let kept = try page(log).entries.map(\.position.index)
        #expect((20...25).contains(kept.count))
        #expect(kept == Array((0..<UInt64(kept.count)).map { writer.index - $0 }))
        let two = try page(log, before: writer.index, count: 2)
        #expect(two.entries.map(\.position.index) == [writer.index - 1, writer.index - 2])
        #expect(two.hasMore)
    }

    @Test func `a state that replaces the log keeps the older lines and drops the newer`() throws {
        let log = try ScratchDirectory().open()
        var writer = try Writer(log)
        for number in 1...5 { try writer.create("b\(number)") }
        let before = try page(log).entries
        var batch = WriteBatch<Catalog>(sequence: .zero)
        batch.installation = Installation(
            base: LogBase(
                mark: LogMark(index: Index(writer.index - 2), term: Term(2)), time: 9,
                configuration: Configuration(voters: [MemberID(7)])),
            image: writer.catalog.capture(), keepsTail: false)
        try log.write(batch)
        #expect(try page(log).entries == Array(before.dropFirst(2)))
        #expect(try page(log).floor == writer.index - 2)
    }

    /// RD-11: what is behind the floor is all there is.
    @Test func `what follows a place comes oldest first, and the floor tells where it is whole`()
        throws
    {
        var limits = HistoryLimits()
        limits.entriesMax = 20
        limits.slack = 5
        let directory = try ScratchDirectory()
        do {
            let log = try directory.open(historyLimits: limits)
            var writer = try Writer(log)
            for number in 1...5 { try writer.create("b\(number)") }
            let two = try log.history(after: writer.index - 3, about: .buckets, count: 2)
            #expect(two.entries.map(\.position.index) == [writer.index - 2, writer.index - 1])
            #expect(two.hasMore && two.floor == 0)
            #expect(try log.history(after: 0, about: .all, count: 1).entries[0].isFounding)
            for number in 6...60 { try writer.create("b\(number)") }
            let kept = try log.history(after: 0, about: .all, count: 100)
            let first = try #require(kept.entries.first?.position.index)
            #expect(kept.floor == first - 1 && !kept.hasMore)
            #expect(kept.entries.map(\.position.index) == Array(first...writer.index))
            // A state from further on, with entries that are not known here before it.
            var batch = WriteBatch<Catalog>(sequence: .zero)
            batch.installation = Installation(
                base: LogBase(
                    mark: LogMark(index: Index(writer.index + 9), term: Term(2)), time: 9,
                    configuration: Configuration(voters: [MemberID(7)])),
                image: writer.catalog.capture(), keepsTail: false)
            try log.write(batch)
            #expect(try page(log).floor == writer.index + 9)
            #expect(try page(log).entries.count == kept.entries.count)
        }
        let again = try directory.open(historyLimits: limits)
        _ = try again.load()
        #expect(try page(again).floor > 60)
    }

    /// A file of format 1 has no history; it gets the table, and keeps everything else.
    @Test func `a file of the first format is brought forward`() throws {
        let directory = try ScratchDirectory()
        var state: ClusterState
        do {
            let log = try directory.open()
            var writer = try Writer(log)
            try writer.create("new")
            state = writer.catalog.state
        }
        try directory.run("DROP TABLE history")
        try directory.run("PRAGMA user_version = 1")
        let log = try directory.open()
        #expect(try log.load().image == state)
        #expect(try page(log).entries.isEmpty)
    }

    @Test func `a damaged line is not shown`() throws {
        let directory = try ScratchDirectory()
        do {
            var writer = try Writer(try directory.open())
            try writer.create("new")
        }
        try directory.run("UPDATE history SET entry = x'01' WHERE idx > 1")
        let log = try directory.open()
        _ = try log.load()
        #expect(throws: DatabaseError.self) { try page(log) }
    }
}

import API
import Base
import Cluster
import Testing

/// What a target has cached of the state is brought back as it was, up to where it can be read, or refused.
@Suite struct CachedStateTests {
    /// A log of a few entries, the states it leads to, and the file that a target makes of it.
    struct Sample {
        var states: [ClusterState] = []
        var entries: [CachedStateFile.Entry] = []
        var bytes: [UInt8] = []
        /// Where each entry ends in the file.
        var ends: [Int] = []

        init(buckets: Int = 4, links: (Int, ClusterState) -> UInt64 = { $1.hash }) throws {
            let founder = Node(
                id: try #require(NodeID("p1")), role: .proxy,
                address: try #require(NodeAddress(host: "127.0.0.1", port: 8_080)), member: 9)
            var state = ClusterState()
            var changes: [StateRow.Change] = []
            let found = Command.found(clusterID: "c", founder: founder, generation: 1, nonce: 7)
            _ = try state.apply(
                .command, payload: LogRecord(found, actor: "p1").encoded, term: 1, index: 1,
                time: Timestamp(nanoseconds: 1), changes: &changes)
            states = [state]
            let start = CachedStateFile.beginning(
                state, node: "t1", written: Timestamp(nanoseconds: 5))
            var checksum = start.checksum
            bytes = start.bytes
            ends = [bytes.count]
            for number in 0..<buckets {
                let bucket = try #require(Bucket(name: "b\(number)"))
                let record = LogRecord(
                    .createBucket(bucket, BucketProperties()), actor: "user",
                    stateIndex: state.position.index, stateHash: links(number, state))
                let frame = FollowFrame.LogEntry(
                    position: LogPosition(
                        generation: 1, nonce: 7, term: 1, index: UInt64(number) + 2),
                    time: Timestamp(nanoseconds: UInt64(number) + 2), kind: .command,
                    payload: record.encoded)
                _ = try state.apply(
                    try frame.stateKind, payload: frame.payload, term: 1,
                    index: frame.position.index, time: frame.time, changes: &changes)
                let entry = CachedStateFile.Entry(frame, hash: state.hash)
                states.append(state)
                entries.append(entry)
                bytes += CachedStateFile.bytes(of: entry, after: &checksum)
                ends.append(bytes.count)
            }
        }
    }

    @Test func `the state comes back with its position, its hash and its links`() throws {
        let sample = try Sample()
        let cached = try CachedState(decoding: sample.bytes)
        #expect(cached.state == sample.states.last)
        #expect(cached.node == "t1" && cached.clusterID == "c" && cached.leftover == nil)
        #expect(cached.base == sample.states[0].position)
        #expect(cached.points.map(\.hash) == sample.states.map(\.hash))
        #expect(cached.links == 4 && cached.lastTime == Timestamp(nanoseconds: 5))
    }

    @Test func `cut at any byte, what is there is an earlier state or nothing`() throws {
        let sample = try Sample()
        for count in 0..<sample.bytes.count {
            let cut = Array(sample.bytes[..<count])
            let whole = sample.ends.lastIndex { $0 <= count }
            guard let whole else {
                #expect(throws: DecodingFailure.self, "\(count)") {
                    _ = try CachedState(decoding: cut)
                }
                continue
            }
            let cached = try CachedState(decoding: cut)
            #expect(cached.state == sample.states[whole], "\(count)")
            #expect((cached.leftover == nil) == (sample.ends[whole] == count), "\(count)")
        }
    }

    @Test func `a flipped bit costs what is behind it, and never makes another state`() throws {
        let sample = try Sample(buckets: 3)
        for place in sample.bytes.indices {
            var damaged = sample.bytes
            damaged[place] ^= 1 << UInt8(place % 8)
            guard let cached = try? CachedState(decoding: damaged) else {
                #expect(place < sample.ends[0], "\(place)")
                continue
            }
            let whole = try #require(sample.ends.lastIndex { $0 <= place })
            #expect(cached.state == sample.states[whole], "\(place)")
            #expect(cached.leftover != nil, "\(place)")
        }
    }

    @Test func `entries of an earlier file behind a new snapshot are not taken for its own`() throws
    {
        let sample = try Sample()
        let start = CachedStateFile.beginning(
            sample.states[0], node: "t1", written: Timestamp(nanoseconds: 6))
        let mixed = start.bytes + sample.bytes[sample.ends[0]...]
        let cached = try CachedState(decoding: mixed)
        #expect(cached.state == sample.states[0] && cached.leftover != nil)
    }

    /// Checksums say that bytes are as they were written; the chain, that they are the cluster's.
    @Test func `an entry that follows another state than the one here proves it wrong`() throws {
        let sample = try Sample { number, state in number == 2 ? state.hash &+ 1 : state.hash }
        let failure = #expect(throws: DecodingFailure.self) {
            _ = try CachedState(decoding: sample.bytes)
        }
        #expect(failure?.description.contains("follows a state with hash") == true)
    }

    @Test func `an entry that leads elsewhere than the target was proves it wrong`() throws {
        let sample = try Sample()
        var checksum = try CachedStateFile(
            decoding: Array(sample.bytes[..<sample.ends[0]])
        ).checksum
        var entry = sample.entries[0]
        entry.hash &+= 1
        let bytes =
            sample.bytes[..<sample.ends[0]]
            + CachedStateFile.bytes(of: entry, after: &checksum)
        #expect(throws: DecodingFailure.self) { _ = try CachedState(decoding: Array(bytes)) }
    }

    /// Files outlive the build that has written them.
    @Test func `the bytes are those of the format's page`() throws {
        let state = try Sample(buckets: 0).states[0]
        let start = CachedStateFile.beginning(
            state, node: "t1", written: Timestamp(nanoseconds: 0x0102)
        ).bytes
        #expect(Array(start[..<9]) == Array("MRTLSTAT".utf8) + [1])
        #expect(
            Array(start[9..<28]) == [2, 0, 0, 0] + Array("t1".utf8) + [1, 0, 0, 0] + Array("c".utf8)
                + [2, 1, 0, 0, 0, 0, 0, 0])
        #expect(Array(start[28..<36]) == [1, 0, 0, 0, 0, 0, 0, 0])
        var checksum: UInt64 = 0x1122
        let frame = FollowFrame.LogEntry(
            position: LogPosition(generation: 1, nonce: 2, term: 3, index: 4),
            time: Timestamp(nanoseconds: 5), kind: .configuration, payload: [9])
        let bytes = CachedStateFile.bytes(of: .init(frame, hash: 6), after: &checksum)
        let body: [UInt8] =
            [48, 0, 0, 0, 1, 2] + [1, 2, 3, 4, 5].flatMap { [$0, 0, 0, 0, 0, 0, 0, 0] } + [2]
            + [1, 0, 0, 0, 9] + [6, 0, 0, 0, 0, 0, 0, 0]
        #expect(Array(bytes.dropLast(8)) == body)
        #expect(checksum == XXH64.digest(body, seed: 0x1122))
        #expect(Array(bytes.suffix(8)) == withUnsafeBytes(of: checksum.littleEndian) { Array($0) })
    }

    @Test func `another format and other files are refused`() throws {
        var bytes = try Sample().bytes
        bytes[8] = 2
        #expect(throws: DecodingFailure.self) { _ = try CachedStateFile(decoding: bytes) }
        for other in [[], Array("MRTL".utf8), [UInt8](repeating: 0, count: 4_096)] {
            #expect(throws: DecodingFailure.self) { _ = try CachedStateFile(decoding: other) }
        }
    }

    @Test func `a target's word about its cache is read as it was written`() throws {
        var document = CachedStateDocument()
        document.describe(try CachedState(decoding: try Sample().bytes))
        document.followed = LogPosition(generation: 1, nonce: 7, term: 0, index: 0)
        document.problem = "the disk is full"
        let read = try CachedStateDocument(decoding: document.encoded)
        #expect(read.node == "t1" && read.cluster == "c" && read.followed == document.followed)
        #expect(read.end?.position == document.end?.position && read.problem == document.problem)
    }
}

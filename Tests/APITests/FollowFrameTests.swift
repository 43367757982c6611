import API
import Base
import Cluster
import Testing

/// The frames of the follow stream (docs/formats/follow-stream.md).
@Suite struct FollowFrameTests {
    static let position = LogPosition(generation: 1, nonce: 0xAB, term: 3, index: 9)
    static let frames: [FollowFrame] = [
        .progress(.init(clusterID: "c1", committed: position, primary: "p1")),
        .entry(
            .init(
                position: position, time: Timestamp(nanoseconds: 5), kind: .leader,
                payload: [1, 2])),
        .snapshot(
            .init(
                position: position, encoding: .zstd, plainCount: 10, encodedCount: 4, offset: 0,
                bytes: [7, 8])),
        .acknowledge(position: position, hash: 0x1122),
    ]

    @Test func `bytes are those of the format`() {
        let position = "0100000000000000ab0000000000000003000000000000000900000000000000"
        let golden = [
            "2e000000" + "01" + "03" + "020000006331" + position + "020000007031",
            "31000000" + "01" + "02" + position + "0500000000000000" + "01" + "020000000102",
            "41000000" + "01" + "01" + position + "01" + "0a00000000000000" + "0400000000000000"
                + "0000000000000000" + "020000000708",
            "2a000000" + "01" + "10" + position + "2211000000000000",
        ]
        #expect(Self.frames.map { Hex.text($0.encoded) } == golden)
    }

    @Test(arguments: frames)
    func `a frame comes back as it was, and never when cut short`(_ frame: FollowFrame) throws {
        let bytes = frame.encoded
        #expect(try FollowFrame(decoding: bytes[4...]) == frame)
        for end in 4..<bytes.count {
            #expect(throws: DecodingFailure.self) {
                try FollowFrame(decoding: bytes[4..<end])
            }
        }
        #expect(throws: DecodingFailure.self) { try FollowFrame(decoding: bytes[4...] + [0]) }
    }

    @Test(arguments: [1, 2, 3, 7, 1_000])
    func `frames are found however the network cut the stream`(step: Int) throws {
        let stream = Self.frames.flatMap(\.encoded)
        var buffer = FrameBuffer()
        var found: [FollowFrame] = []
        var start = 0
        while start < stream.count {
            let end = min(start + step, stream.count)
            buffer.append(stream[start..<end])
            while let body = try buffer.next() { found.append(try FollowFrame(decoding: body)) }
            start = end
        }
        #expect(found == Self.frames)
        #expect(!buffer.isInsideFrame)
    }

    @Test func `a length beyond the limit ends the stream`() {
        var buffer = FrameBuffer(frameBytesMax: 100)
        buffer.append([101, 0, 0, 0])
        #expect(throws: DecodingFailure.self) { try buffer.next() }
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `damaged frames are refused or are other frames, and nothing traps`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for frame in Self.frames {
            var bytes = Array(frame.encoded[4...])
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            if let other = try? FollowFrame(decoding: bytes[...]) {
                #expect(Array(other.encoded[4...]) == bytes)
            }
        }
    }

    // MARK: snapshots

    private static func state(buckets: Int) throws -> ClusterState {
        var state = ClusterState()
        var changes: [StateRow.Change] = []
        let founder = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 8080)), member: 7)
        var index: UInt64 = 0
        func apply(_ command: Command) {
            index += 1
            _ = state.apply(
                LogRecord(command, actor: "test"),
                at: LogPosition(generation: 1, nonce: 2, term: 1, index: index),
                time: Timestamp(nanoseconds: index), changes: &changes)
        }
        apply(.found(clusterID: "c1", founder: founder, generation: 1, nonce: 0))
        // Names without a pattern: compressed they still take several pieces.
        var random = SeededRandom(seed: 1)
        for _ in 0..<buckets {
            let name = (0..<6).map { _ in Hex.padded(random.next()) }.joined()
            let bucket = try #require(Bucket(name: name))
            apply(.createBucket(bucket, BucketProperties()))
        }
        return state
    }

    @Test(arguments: [0, 3, 20_000])
    func `a state arrives as it was sent, in pieces`(buckets: Int) throws {
        let state = try Self.state(buckets: buckets)
        var sender = SnapshotSender(state)
        var receiver = SnapshotReceiver()
        var received: ClusterState?
        while let frame = sender.next() {
            #expect(received == nil)
            guard case .snapshot(let piece) = frame else { break }
            received = try receiver.take(piece)
        }
        #expect(received == state)
    }

    @Test func `a missing, repeated or damaged piece is noticed`() throws {
        var sender = SnapshotSender(try Self.state(buckets: 20_000))
        var pieces: [FollowFrame.SnapshotPiece] = []
        while case .snapshot(let piece)? = sender.next() { pieces.append(piece) }
        try #require(pieces.count > 2)
        var receiver = SnapshotReceiver()
        _ = try receiver.take(pieces[0])
        #expect(throws: DecodingFailure.self) { _ = try receiver.take(pieces[2]) }
        _ = try receiver.take(pieces[0])
        _ = try receiver.take(pieces[1])
        #expect(throws: DecodingFailure.self) { _ = try receiver.take(pieces[1]) }
        pieces[1].bytes[100] ^= 1
        #expect(throws: DecodingFailure.self) {
            for piece in pieces { _ = try receiver.take(piece) }
        }
    }

    @Test func `a snapshot that claims to be huge is not allocated`() {
        var receiver = SnapshotReceiver()
        let piece = FollowFrame.SnapshotPiece(
            position: Self.position, encoding: .zstd, plainCount: .max, encodedCount: 4, offset: 0,
            bytes: [1, 2, 3, 4])
        #expect(throws: DecodingFailure.self) { _ = try receiver.take(piece) }
    }
}

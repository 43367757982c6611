import Testing

@testable import Consensus

/// Frames on the wire: what is written comes back, and what is not what it should be is refused.
@Suite struct FrameTests {
    static let configuration = Configuration(voters: [1, 2].map { MemberID($0) })
    static let messages: [Message] = [
        .preVoteRequest(round: 3, last: LogMark(index: Index(4), term: Term(2))),
        .preVoteReply(round: 3, granted: true),
        .voteRequest(last: LogMark(index: Index(4), term: Term(2)), isTransfer: true),
        .voteReply(granted: false),
        .append(
            previous: LogMark(index: Index(4), term: Term(2)),
            entries: [
                Entry(index: Index(5), term: Term(2), time: 9, kind: .command, payload: [1, 2, 3]),
                Entry(
                    index: Index(6), term: Term(3), time: 9, kind: .configuration,
                    payload: configuration.encoded),
            ], commit: Index(4)),
        .appendAccepted(match: Index(6)),
        .appendRejected(
            rejected: LogMark(index: Index(4), term: Term(2)),
            hint: LogMark(index: Index(3), term: Term(1))),
        .heartbeat(round: 8, commit: LogMark(index: Index(4), term: Term(2))),
        .heartbeatReply(round: 8, last: Index(4)), .appendHeld(match: Index(3)),
        .heartbeatReply(round: 8, last: Index(4), isShort: true),
        .promised(LogMark(index: Index(9), term: Term(2))), .snapshotWanted(from: Index(5)),
        .stateDigests([StatePoint(index: Index(3), digest: 77)]), .stateDigests([]),
        .snapshotChunk(
            SnapshotChunk(
                base: LogBase(
                    mark: LogMark(index: Index(4), term: Term(2)), time: 7,
                    configuration: configuration),
                byteCount: 10, checksum: 5, offset: 4, bytes: [1, 2])),
        .snapshotProgress(last: LogMark(index: Index(4), term: Term(2)), nextOffset: 6),
        .snapshotRefused(last: LogMark(index: Index(4), term: Term(2))),
        .timeoutNow(),
        .readIndexRequest(token: 12),
        .readIndexReply(token: 12, index: Index(4)),
        .readIndexReply(token: 12, index: nil),
        .staleTerm,
        .superseded,
        .removed,
    ]

    private static func frame(_ message: Message) -> Frame {
        .message(
            Envelope(
                from: MemberID(1), to: MemberID(2), generation: Generation(counter: 1, nonce: 2),
                term: Term(3), message: message))
    }

    @Test(arguments: messages) func `a message comes back as it was`(message: Message) throws {
        let frame = Self.frame(message)
        var reader = FrameReader()
        reader.append(frame.encoded)
        #expect(try reader.next() == frame)
        #expect(try reader.next() == nil)
    }

    @Test func `frames come out whole, wherever the stream was cut`() throws {
        let bytes = Self.messages.flatMap { Self.frame($0).encoded }
        for size in [1, 2, 3, 7, 64, 1_000] {
            var reader = FrameReader()
            var found: [Frame] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                reader.append(bytes[start..<min(start + size, bytes.count)])
                while let frame = try reader.next() { found.append(frame) }
            }
            #expect(found == Self.messages.map(Self.frame))
        }
    }

    /// NW-07: every single flipped bit and every cut is found, and nothing traps.
    @Test(arguments: messages) func `a damaged frame is refused`(message: Message) {
        let bytes = Array(Self.frame(message).encoded.dropFirst(4))
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1 << UInt8(place % 8)
            #expect(throws: WireFailure.self) { try Frame(decoding: damaged[...]) }
            #expect(throws: WireFailure.self) { try Frame(decoding: bytes[..<place]) }
        }
    }

    /// NW-07, NW-10: what another version would send is refused by its first byte.
    @Test func `another version, another kind and a hostile length are refused`() throws {
        var bytes = Array(Self.frame(.timeoutNow()).encoded.dropFirst(4))
        bytes[0] = 3
        Self.seal(&bytes)
        #expect(throws: WireFailure.unknownVersion(3)) { try Frame(decoding: bytes[...]) }
        bytes[0] = 2
        bytes[1] = 9
        Self.seal(&bytes)
        #expect(throws: WireFailure.unknownKind(9)) { try Frame(decoding: bytes[...]) }
        var reader = FrameReader()
        reader.append([255, 255, 255, 255])
        #expect(throws: WireFailure.tooLarge) { try reader.next() }
    }

    /// NW-07, NW-08, FS-03, FS-04: wrong recipient, wrong sender, lower generation: no term changes.
    @Test func `an envelope for somebody else changes nothing`() {
        var group = Group(voters: 3)
        group.elect(1)
        let before = group[2].replica.hardState
        for (from, to) in [(3, 9), (2, 2)] as [(UInt64, UInt64)] {
            let envelope = Envelope(
                from: MemberID(from), to: MemberID(to), generation: Group.generation,
                term: Term(50), message: .heartbeat(round: 1, commit: .zero))
            group.feed(MemberID(2), [.received(envelope)])
        }
        group.wire = []
        group.inject(
            .voteRequest(last: LogMark(index: Index(90), term: Term(9)), isTransfer: true),
            from: 3, to: 2, term: 50, generation: Generation(counter: 0, nonce: 9))
        #expect(group[2].replica.hardState == before)
        #expect(group.wire.map(\.message) == [.superseded])
    }

    /// FS-04, FS-18: who hears of a higher generation stops taking part.
    @Test func `a higher generation ends the old one`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.inject(
            .heartbeat(round: 1, commit: .zero), from: 3, to: 1, term: 1,
            generation: Generation(counter: 2, nonce: 0))
        #expect(group[1].replica.roleName == .follower)
        #expect(group[1].replica.supersededBy == Generation(counter: 2, nonce: 0))
        group.wire = []
        group.tick(100, [1])
        #expect(group[1].replica.roleName == .follower)
    }

    /// RE-15: only entries and pieces of snapshots are bulk; everything else overtakes them.
    @Test func `heartbeats and votes are not bulk`() {
        let bulk = Self.messages.filter(\.isBulk)
        #expect(bulk.count == 2)
        #expect(
            !Message.append(previous: .zero, entries: [], commit: .zero).isBulk)
    }

    private static func seal(_ bytes: inout [UInt8]) {
        let sum = Checksum.of(bytes.dropLast(8))
        for place in 0..<8 {
            bytes[bytes.count - 8 + place] = UInt8(truncatingIfNeeded: sum >> (8 * UInt64(place)))
        }
    }
}

import Testing

@testable import Consensus

/// Frames whose checksum is right and whose fields are not what any member would send: whatever is read from them, nothing traps.
@Suite struct HostileFrameTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return mixed ^ mixed >> 31
        }
    }

    private static func seal(_ body: [UInt8]) -> [UInt8] {
        let sum = Checksum.of(body[...])
        return body + (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt64($0))) }
    }

    /// A frame without its length, damaged and sealed again.
    private static func damaged(_ message: Message, _ random: inout Random) -> [UInt8] {
        let frame = Frame.message(
            Envelope(
                from: MemberID(2), to: MemberID(1), generation: Group.generation, term: Term(1),
                message: message))
        var body = Array(frame.encoded.dropFirst(4).dropLast(8))
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            // Behind version and kind: those are refused at once.
            let place = Int.random(in: 2..<body.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: body[place] = UInt8.random(in: 0...255, using: &random)
            case 1: body[place] = 255
            case 2: body[place] = 0
            case 3: if body.count > 12 { body.remove(at: place) }
            default: body.insert(UInt8.random(in: 0...255, using: &random), at: place)
            }
            if body.count < 4 { break }
        }
        return seal(body)
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `a frame with hostile fields is refused, or read as what it says`(seed: UInt64) {
        var random = Random(state: seed)
        for message in FrameTests.messages {
            for _ in 0..<20 {
                let bytes = Self.damaged(message, &random)
                guard let frame = try? Frame(decoding: bytes[...]) else { continue }
                #expect(Array(frame.encoded.dropFirst(4)) == bytes)
            }
        }
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `bytes at random end a stream without more than a frame in memory`(seed: UInt64) {
        var random = Random(state: seed)
        var reader = FrameReader()
        var bytes: [UInt8] = []
        for _ in 0..<200 { bytes.append(UInt8.random(in: 0...255, using: &random)) }
        // A length that may be, so that there is a frame to look into.
        if seed.isMultiple(of: 2) { bytes.replaceSubrange(0..<4, with: [60, 0, 0, 0]) }
        reader.append(bytes)
        do {
            while let frame = try reader.next() { Issue.record("read \(frame)") }
            // Then more would have been needed.
            let count = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
            #expect(count > bytes.count - 4 && count <= WireLimits.frameBytesMax)
        } catch {}
    }

    /// A member whose log is committed is sent what no honest member sends; it may stop, and must not trap or lose a
    /// committed entry.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `a member that gets hostile messages keeps what is committed`(seed: UInt64) {
        var random = Random(state: seed)
        for target in [UInt64(1), 2] {
            var group = Group(voters: 3)
            group.elect(1)
            for text in ["a", "b", "c"] { group.propose(text, at: 1) }
            group.settle()
            let committed = group[target].replica.commit
            for message in FrameTests.messages {
                for _ in 0..<3 {
                    let bytes = Self.damaged(message, &random)
                    guard case .message(let envelope)? = try? Frame(decoding: bytes[...]) else {
                        continue
                    }
                    let sent = Envelope(
                        from: MemberID(3), to: MemberID(target), generation: Group.generation,
                        term: envelope.term, message: envelope.message)
                    group.wire = []
                    group.feed(MemberID(target), [.received(sent)])
                    group.flushAll(target)
                    guard group.members[MemberID(target)]?.pipeline != nil else { return }
                }
            }
            #expect(group[target].replica.commit >= committed)
        }
    }
}

// Bodies of frames. The codes are part of the format: never reuse one.
extension WireWriter {
    mutating func hello(_ hello: Hello) {
        blob(hello.cluster)
        generation(hello.generation)
        number(hello.sender.rawValue)
        number(hello.recipient.rawValue)
        blob(Array(hello.senderURL.utf8))
    }

    mutating func envelope(_ envelope: Envelope) {
        number(envelope.from.rawValue)
        number(envelope.to.rawValue)
        generation(envelope.generation)
        number(envelope.term.rawValue)
        message(envelope.message)
    }

    private mutating func generation(_ generation: Generation) {
        number(generation.counter)
        number(generation.nonce)
    }

    private mutating func message(_ message: Message) {
        byte(message.code)
        switch message {
        case .preVoteRequest(let round, let last):
            number(round)
            mark(last)
        case .preVoteReply(let round, let granted):
            number(round)
            byte(granted ? 1 : 0)
        case .voteRequest(let last, let isTransfer):
            mark(last)
            byte(isTransfer ? 1 : 0)
        case .voteReply(let granted): byte(granted ? 1 : 0)
        case .append(let previous, let entries, let commit):
            mark(previous)
            number(commit.rawValue)
            number(UInt32(entries.count))
            for entry in entries { self.entry(entry) }
        case .appendAccepted(let match), .appendHeld(let match): number(match.rawValue)
        case .appendRejected(let rejected, let hint):
            mark(rejected)
            mark(hint)
        case .heartbeat(let round, let commit):
            number(round)
            mark(commit)
        case .heartbeatReply(let round, let last, _):
            number(round)
            number(last.rawValue)
        case .promised(let mark): self.mark(mark)
        case .stateDigests(let points):
            number(UInt32(points.count))
            for point in points {
                number(point.index.rawValue)
                number(point.digest)
            }
        case .snapshotWanted(let index): number(index.rawValue)
        case .snapshotChunk(let chunk): self.chunk(chunk)
        case .snapshotProgress(let last, let nextOffset):
            mark(last)
            number(nextOffset)
        case .snapshotRefused(let last): mark(last)
        case .readIndexRequest(let token): number(token)
        case .readIndexReply(let token, let index):
            number(token)
            byte(index == nil ? 0 : 1)
            if let index { number(index.rawValue) }
        case .timeoutNow(let note): if !note.isEmpty { blob(note) }
        case .staleTerm, .superseded, .removed: break
        }
    }

    private mutating func entry(_ entry: Entry) {
        mark(entry.mark)
        number(entry.time)
        byte(entry.kind.rawValue)
        blob(entry.payload)
    }

    private mutating func chunk(_ chunk: SnapshotChunk) {
        mark(chunk.base.mark)
        number(chunk.base.time)
        blob(chunk.base.configuration.encoded)
        number(chunk.byteCount)
        number(chunk.checksum)
        number(chunk.offset)
        blob(chunk.bytes)
    }
}

extension WireReader {
    mutating func hello() throws(WireFailure) -> Hello {
        let cluster = try blob(max: WireLimits.clusterBytesMax)
        let generation = try generation()
        let sender = MemberID(try number64())
        let recipient = MemberID(try number64())
        let bytes = try blob(max: WireLimits.urlBytesMax)
        guard let url = String(validating: bytes, as: UTF8.self) else { throw .malformed }
        return Hello(
            cluster: cluster, generation: generation, sender: sender, recipient: recipient,
            senderURL: url)
    }

    mutating func envelope() throws(WireFailure) -> Envelope {
        Envelope(
            from: MemberID(try number64()), to: MemberID(try number64()),
            generation: try generation(), term: Term(try ordinal()), message: try message())
    }

    private mutating func generation() throws(WireFailure) -> Generation {
        Generation(counter: try number64(), nonce: try number64())
    }

    private mutating func message() throws(WireFailure) -> Message {
        let code = try byte()
        switch code {
        case 0: return .preVoteRequest(round: try number64(), last: try mark())
        case 1: return .preVoteReply(round: try number64(), granted: try flag())
        case 2: return .voteRequest(last: try mark(), isTransfer: try flag())
        case 3: return .voteReply(granted: try flag())
        case 4: return try append()
        case 5: return .appendAccepted(match: try index())
        case 6: return .appendRejected(rejected: try mark(), hint: try mark())
        case 7: return .heartbeat(round: try number64(), commit: try mark())
        case 8: return .heartbeatReply(round: try number64(), last: try index())
        case 9: return .snapshotChunk(try chunk())
        case 10: return .snapshotProgress(last: try mark(), nextOffset: try number64())
        case 11: return .snapshotRefused(last: try mark())
        case 12: return .timeoutNow()
        case 13: return .readIndexRequest(token: try number64())
        case 14:
            let token = try number64()
            return .readIndexReply(token: token, index: try flag() ? try index() : nil)
        case 15: return .staleTerm
        case 16: return .superseded
        case 17: return .removed
        case 18: return .appendHeld(match: try index())
        case 19: return .promised(try mark())
        case 20: return try stateDigests()
        case 21: return .snapshotWanted(from: try index())
        case 22: return .timeoutNow(note: try blob(max: Entry.noteBytesMax))
        case 23: return .heartbeatReply(round: try number64(), last: try index(), isShort: true)
        default: throw .unknownKind(code)
        }
    }

    private mutating func stateDigests() throws(WireFailure) -> Message {
        let count = Int(try number32())
        guard count <= WireLimits.statePointsMax else { throw .tooLarge }
        var points: [StatePoint] = []
        for _ in 0..<count {
            points.append(StatePoint(index: try index(), digest: try number64()))
        }
        return .stateDigests(points)
    }

    private mutating func index() throws(WireFailure) -> Index { Index(try ordinal()) }

    /// Entries must follow `previous` and one another: a log has no holes.
    private mutating func append() throws(WireFailure) -> Message {
        let previous = try mark()
        let commit = try index()
        let count = Int(try number32())
        guard count <= WireLimits.entriesMax else { throw .tooLarge }
        var entries: [Entry] = []
        var last = previous
        for _ in 0..<count {
            let entry = try entry()
            guard last.index.rawValue < .max, entry.index == last.index.next,
                entry.term >= last.term
            else { throw .malformed }
            last = entry.mark
            entries.append(entry)
        }
        return .append(previous: previous, entries: entries, commit: commit)
    }

    private mutating func entry() throws(WireFailure) -> Entry {
        let mark = try mark()
        let time = try number64()
        let code = try byte()
        guard let kind = Entry.Kind(rawValue: code) else { throw .unknownKind(code) }
        return Entry(
            index: mark.index, term: mark.term, time: time, kind: kind,
            payload: try blob(max: WireLimits.frameBytesMax))
    }

    private mutating func chunk() throws(WireFailure) -> SnapshotChunk {
        let mark = try mark()
        let time = try number64()
        let encoded = try blob(max: WireLimits.configurationBytesMax)
        guard let configuration = Configuration(decoding: encoded) else { throw .malformed }
        return SnapshotChunk(
            base: LogBase(mark: mark, time: time, configuration: configuration),
            byteCount: try number64(), checksum: try number64(), offset: try number64(),
            bytes: try blob(max: WireLimits.frameBytesMax))
    }
}

extension Message {
    fileprivate var code: UInt8 {
        switch self {
        case .preVoteRequest: 0
        case .preVoteReply: 1
        case .voteRequest: 2
        case .voteReply: 3
        case .append: 4
        case .appendAccepted: 5
        case .appendRejected: 6
        case .heartbeat: 7
        case .heartbeatReply(_, _, let isShort): isShort ? 23 : 8
        case .snapshotChunk: 9
        case .snapshotProgress: 10
        case .snapshotRefused: 11
        // Without a note as it has always been.
        case .timeoutNow(let note): note.isEmpty ? 12 : 22
        case .readIndexRequest: 13
        case .readIndexReply: 14
        case .staleTerm: 15
        case .superseded: 16
        case .removed: 17
        case .appendHeld: 18
        case .promised: 19
        case .stateDigests: 20
        case .snapshotWanted: 21
        }
    }
}

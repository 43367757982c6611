import Base
import Consensus

/// The small records beside the log, each one row of `document`, coded and with a checksum.
enum Document: Int64 {
    case member = 1
    case hardState = 2
    case base = 3
    case applied = 4
    /// That a floor is kept beside the file: without it, nobody knows what was promised.
    case floorNote = 5
    /// From which entry on the stored state is known not to be that of most other members; none: nothing is known against it.
    case wrongState = 6
}

/// What is stored of the log's beginning: the core's base, and the hash chain up to it.
struct StoredBase: Equatable {
    var base: LogBase
    var chain: UInt64
}

// Each document begins with its format: 1, but for hard states of forced recoveries and the applied entry.
let documentFormat: UInt8 = 1

private func begin(format: UInt8 = documentFormat) -> ByteWriter {
    var writer = ByteWriter()
    writer.write(format)
    return writer
}

private func open(_ bytes: [UInt8]) throws(DecodingFailure) -> ByteReader {
    var reader = ByteReader(bytes)
    let format = try reader.readUInt8()
    guard format == documentFormat else { throw DecodingFailure("format \(format)", at: 0) }
    return reader
}

private func coded(_ number: UInt64) -> [UInt8] {
    var writer = begin()
    writer.write(number)
    return writer.bytes
}

private func number(in bytes: [UInt8]) throws(DecodingFailure) -> UInt64 {
    var reader = try open(bytes)
    let number = try reader.read(UInt64.self)
    try reader.finish()
    return number
}

extension MemberID {
    var document: [UInt8] { coded(rawValue) }

    init(document bytes: [UInt8]) throws(DecodingFailure) { self.init(try number(in: bytes)) }
}

extension Index {
    var document: [UInt8] { coded(rawValue) }

    init(document bytes: [UInt8]) throws(DecodingFailure) { self.init(try number(in: bytes)) }
}

extension HardState {
    /// Format 1 while no forced recovery has touched the member, so that an older build can still read it.
    var document: [UInt8] {
        let isRecovered = origin != nil || supersededBy != nil
        var writer = begin(format: isRecovered ? 2 : 1)
        generation.write(to: &writer)
        writer.write(term.rawValue)
        writer.write(vote != nil)
        writer.write(vote?.rawValue ?? 0)
        if isRecovered {
            writer.write(origin != nil)
            (origin ?? .zero).write(to: &writer)
            writer.write(supersededBy != nil)
            (supersededBy ?? .none).write(to: &writer)
        }
        return writer.bytes
    }

    init(document bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard format == 1 || format == 2 else { throw DecodingFailure("format \(format)", at: 0) }
        let generation = try Generation(from: &reader)
        let term = Term(try reader.read(UInt64.self))
        let hasVote = try reader.readBool()
        let vote = MemberID(try reader.read(UInt64.self))
        self.init(generation: generation, term: term, vote: hasVote ? vote : nil)
        if format == 2 {
            let hasOrigin = try reader.readBool()
            let origin = try Position(from: &reader)
            let isSuperseded = try reader.readBool()
            let higher = try Generation(from: &reader)
            self.origin = hasOrigin ? origin : nil
            supersededBy = isSuperseded ? higher : nil
        }
        try reader.finish()
    }
}

extension Generation {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(counter)
        writer.write(nonce)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(counter: try reader.read(UInt64.self), nonce: try reader.read(UInt64.self))
    }
}

extension Position {
    fileprivate func write(to writer: inout ByteWriter) {
        generation.write(to: &writer)
        writer.write(term.rawValue)
        writer.write(index.rawValue)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            generation: try Generation(from: &reader), term: Term(try reader.read(UInt64.self)),
            index: Index(try reader.read(UInt64.self)))
    }
}

/// The last applied entry, and the hash of the state after it; `nil` in files of older builds.
struct StoredApplied: Equatable {
    var mark: LogMark
    var stateHash: UInt64?
    /// Of the state, which may be behind that of the member by more than one recovery; `nil` while there was none, or in files of
    /// older builds: the hard state tells it.
    var generation: Generation?

    /// Format 3 when a forced recovery has touched the member, and 2 otherwise; 1 in files of builds that knew no hash.
    var document: [UInt8] {
        var writer = ByteWriter()
        writer.write(generation != nil ? 3 : stateHash != nil ? 2 : documentFormat)
        writer.write(mark.index.rawValue)
        writer.write(mark.term.rawValue)
        if let generation {
            writer.write(stateHash != nil)
            writer.write(stateHash ?? 0)
            generation.write(to: &writer)
        } else if let stateHash {
            writer.write(stateHash)
        }
        return writer.bytes
    }

    init(mark: LogMark, stateHash: UInt64?, generation: Generation? = nil) {
        self.mark = mark
        self.stateHash = stateHash
        self.generation = generation
    }

    init(document bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard (1...3).contains(format) else { throw DecodingFailure("format \(format)", at: 0) }
        mark = LogMark(
            index: Index(try reader.read(UInt64.self)), term: Term(try reader.read(UInt64.self)))
        if format == 2 { stateHash = try reader.read(UInt64.self) }
        if format == 3 {
            let (hasHash, hash) = (try reader.readBool(), try reader.read(UInt64.self))
            stateHash = hasHash ? hash : nil
            generation = try Generation(from: &reader)
        }
        try reader.finish()
    }
}

extension StoredBase {
    var document: [UInt8] {
        var writer = begin()
        writer.write(base.mark.index.rawValue)
        writer.write(base.mark.term.rawValue)
        writer.write(base.time)
        writer.write(block: base.configuration.encoded)
        writer.write(chain)
        return writer.bytes
    }

    init(document bytes: [UInt8]) throws(DecodingFailure) {
        var reader = try open(bytes)
        let mark = LogMark(
            index: Index(try reader.read(UInt64.self)), term: Term(try reader.read(UInt64.self)))
        let time = try reader.read(UInt64.self)
        guard let configuration = Configuration(decoding: try reader.readBlock(limit: 8_192)) else {
            throw DecodingFailure("not a configuration", at: reader.offset)
        }
        self.init(
            base: LogBase(mark: mark, time: time, configuration: configuration),
            chain: try reader.read(UInt64.self))
        try reader.finish()
    }
}

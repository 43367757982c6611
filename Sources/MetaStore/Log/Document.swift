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
}

/// What is stored of the log's beginning: the core's base, and the hash chain up to it.
struct StoredBase: Equatable {
    var base: LogBase
    var chain: UInt64
}

// Each document begins with its format, 1.
let documentFormat: UInt8 = 1

private func begin() -> ByteWriter {
    var writer = ByteWriter()
    writer.write(documentFormat)
    return writer
}

private func open(_ bytes: [UInt8]) throws(DecodingFailure) -> ByteReader {
    var reader = ByteReader(bytes)
    let format = try reader.readUInt8()
    guard format == documentFormat else { throw DecodingFailure("format \(format)", at: 0) }
    return reader
}

extension MemberID {
    var document: [UInt8] {
        var writer = begin()
        writer.write(rawValue)
        return writer.bytes
    }

    init(document bytes: [UInt8]) throws(DecodingFailure) {
        var reader = try open(bytes)
        self.init(try reader.read(UInt64.self))
        try reader.finish()
    }
}

extension HardState {
    var document: [UInt8] {
        var writer = begin()
        writer.write(generation.counter)
        writer.write(generation.nonce)
        writer.write(term.rawValue)
        writer.write(vote != nil)
        writer.write(vote?.rawValue ?? 0)
        return writer.bytes
    }

    init(document bytes: [UInt8]) throws(DecodingFailure) {
        var reader = try open(bytes)
        let generation = Generation(
            counter: try reader.read(UInt64.self), nonce: try reader.read(UInt64.self))
        let term = Term(try reader.read(UInt64.self))
        let hasVote = try reader.readBool()
        let vote = MemberID(try reader.read(UInt64.self))
        try reader.finish()
        self.init(generation: generation, term: term, vote: hasVote ? vote : nil)
    }
}

/// The last applied entry, and the hash of the state after it; `nil` in files of older builds.
struct StoredApplied: Equatable {
    var mark: LogMark
    var stateHash: UInt64?

    var document: [UInt8] {
        var writer = ByteWriter()
        writer.write(stateHash == nil ? documentFormat : 2)
        writer.write(mark.index.rawValue)
        writer.write(mark.term.rawValue)
        if let stateHash { writer.write(stateHash) }
        return writer.bytes
    }

    init(mark: LogMark, stateHash: UInt64?) {
        self.mark = mark
        self.stateHash = stateHash
    }

    init(document bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard format == documentFormat || format == 2 else {
            throw DecodingFailure("format \(format)", at: 0)
        }
        mark = LogMark(
            index: Index(try reader.read(UInt64.self)), term: Term(try reader.read(UInt64.self)))
        stateHash = format == 2 ? try reader.read(UInt64.self) : nil
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

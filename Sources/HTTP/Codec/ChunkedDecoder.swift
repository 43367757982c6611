/// Undoes the chunked transfer coding (RFC 9112 §7.1), in any pieces. Trailers are checked and dropped.
package struct ChunkedDecoder: Sendable {
    private enum State: Equatable {
        /// Reading a chunk size; `digits` of it so far.
        case size(digits: Int)
        /// In a chunk extension, which means nothing to us.
        case chunkExtension
        case sizeFeed
        case data
        case dataReturn
        case dataFeed
        /// At the start of a trailer line, or of the empty line that ends the body.
        case trailerStart
        case trailer
        case trailerFeed
        case endFeed
        case end
    }

    /// What one step found.
    package enum Step: Equatable {
        /// `count` bytes at `offset` are body; carry on behind them.
        case data(offset: Int, count: Int)
        /// All bytes are used up, and more are needed.
        case more
        /// The body ended before `consumed`; what follows is the next message.
        case end
    }

    private var state = State.size(digits: 0)
    private var remaining: UInt64 = 0
    private var overheadBytes = 0

    /// Size lines and trailers of one chunk; a client has no reason to send more.
    private static let overheadBytesMax = 8 * 1024

    package init() {}

    package var isAtEnd: Bool { state == .end }

    /// Goes through `bytes` up to the next piece of body.
    ///
    /// - Parameters:
    ///   - bytes: what has come and is not dropped yet.
    ///   - consumed: how much of `bytes` is used up; moved forward.
    /// - Returns: a piece, that more bytes are needed, or the end.
    /// - Throws: when the body is not chunked as RFC 9112 §7.1 has it.
    package mutating func next(
        _ bytes: UnsafeBufferPointer<UInt8>, consumed: inout Int
    ) throws(RequestError) -> Step {
        while state != .end {
            if state == .data {
                guard consumed < bytes.count else { return .more }
                return takeData(bytes.count, &consumed)
            }
            guard consumed < bytes.count else { return .more }
            let byte = bytes[consumed]
            consumed += 1
            overheadBytes += 1
            guard overheadBytes <= Self.overheadBytesMax else { throw .badChunk }
            state = try next(byte)
        }
        return .end
    }

    /// Tells the decoder that `count` bytes of the current chunk went elsewhere, unseen.
    mutating func skipData(_ count: Int) {
        remaining -= UInt64(count)
        if remaining == 0 { state = .dataReturn }
    }

    /// How many bytes of body follow in the current chunk for certain.
    var dataRemaining: Int { state == .data ? Int(remaining) : 0 }

    private mutating func takeData(_ available: Int, _ consumed: inout Int) -> Step {
        let count = Int(min(remaining, UInt64(available - consumed)))
        let offset = consumed
        consumed += count
        skipData(count)
        return .data(offset: offset, count: count)
    }

    private mutating func next(_ byte: UInt8) throws(RequestError) -> State {
        switch state {
        case .size(let digits): return try size(byte, digits)
        case .chunkExtension:
            if byte == 0x0D { return .sizeFeed }
            guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { throw .badChunk }
            return .chunkExtension
        case .sizeFeed:
            guard byte == 0x0A else { throw .badChunk }
            if remaining == 0 { return .trailerStart }
            overheadBytes = 0
            return .data
        case .dataReturn:
            guard byte == 0x0D else { throw .badChunk }
            return .dataFeed
        case .dataFeed:
            guard byte == 0x0A else { throw .badChunk }
            return .size(digits: 0)
        case .trailerStart:
            if byte == 0x0D { return .endFeed }
            guard byte > 0x20 && byte != 0x7F else { throw .badChunk }
            return .trailer
        case .trailer:
            if byte == 0x0D { return .trailerFeed }
            guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { throw .badChunk }
            return .trailer
        case .trailerFeed:
            guard byte == 0x0A else { throw .badChunk }
            return .trailerStart
        case .endFeed:
            guard byte == 0x0A else { throw .badChunk }
            return .end
        case .data, .end:
            preconditionFailure("no framing byte is due in \(state)")
        }
    }

    private mutating func size(_ byte: UInt8, _ digits: Int) throws(RequestError) -> State {
        if let digit = hexValue(byte) {
            // 15 digits stay below 2^60: no sum of sizes can overflow.
            guard digits < 15 else { throw .badChunk }
            remaining = (digits == 0 ? 0 : remaining << 4) | UInt64(digit)
            return .size(digits: digits + 1)
        }
        guard digits > 0 else { throw .badChunk }
        switch byte {
        case 0x0D: return .sizeFeed
        case 0x3B: return .chunkExtension
        default: throw .badChunk
        }
    }
}

public import Base

/// A place in the one ordered log of metadata: (generation, term, index).
///
/// Any two states of a cluster are ordered by this and by nothing else; map versions are for people.
/// The generation is a counter raised by a forced recovery, with a random part that tells two
/// recoveries apart which were made at once.
public struct LogPosition: Hashable, Sendable {
    public var generation: UInt64
    public var nonce: UInt64
    public var term: UInt64
    public var index: UInt64

    /// Before the first entry of any log.
    public static let zero = LogPosition(generation: 0, nonce: 0, term: 0, index: 0)

    public init(generation: UInt64, nonce: UInt64, term: UInt64, index: UInt64) {
        self.generation = generation
        self.nonce = nonce
        self.term = term
        self.index = index
    }

    /// Reads the form in which redirects and followers carry a position: `counter-nonce-term-index`,
    /// each in lower-case hexadecimal.
    public init?(text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var words: [UInt64] = []
        for part in parts {
            guard !part.isEmpty, part.first != "+", let word = UInt64(part, radix: 16) else {
                return nil
            }
            words.append(word)
        }
        self.init(generation: words[0], nonce: words[1], term: words[2], index: words[3])
    }

    public var text: String {
        String(unsafeUninitializedCapacity: 4 * 16 + 3) { bytes in
            var count = 0
            func append(_ byte: UInt8) {
                bytes[count] = byte
                count += 1
            }
            for word in [generation, nonce, term, index] {
                if count > 0 { append(UInt8(ascii: "-")) }
                var shift = max(0, 60 - word.leadingZeroBitCount & ~3)
                while shift >= 0 {
                    let digit = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
                    append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                    shift -= 4
                }
            }
            return count
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        generation = try reader.read(UInt64.self)
        nonce = try reader.read(UInt64.self)
        term = try reader.read(UInt64.self)
        index = try reader.read(UInt64.self)
    }

    public func write(to writer: inout ByteWriter) {
        writer.write(generation)
        writer.write(nonce)
        writer.write(term)
        writer.write(index)
    }
}

extension LogPosition {
    /// Whether a forced recovery has left this generation behind for the other's: by counter, then by nonce.
    public func isOfGeneration(before other: LogPosition) -> Bool {
        (generation, nonce) < (other.generation, other.nonce)
    }

    /// Counter and nonce as people meet them.
    public var generationText: String {
        "\(String(generation, radix: 16))-\(String(nonce, radix: 16))"
    }
}

extension LogPosition: Comparable {
    public static func < (left: LogPosition, right: LogPosition) -> Bool {
        (left.generation, left.nonce, left.term, left.index)
            < (right.generation, right.nonce, right.term, right.index)
    }
}

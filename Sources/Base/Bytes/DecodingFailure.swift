/// Why bytes are not what their format says.
public struct DecodingFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public let reason: String
    /// Where in the input, in bytes from its start.
    public let offset: Int
    /// Whether the input is of a format or a kind that only a later version can have written.
    public let isNewer: Bool

    public init(_ reason: String, at offset: Int, isNewer: Bool = false) {
        self.reason = reason
        self.offset = offset
        self.isNewer = isNewer
    }

    /// A format other than those that are known: a later one was written by a later version.
    ///
    /// - Parameters:
    ///   - format: the one that was met.
    ///   - thing: what has it, without an article.
    ///   - known: the latest that is known.
    ///   - offset: where it stands.
    /// - Returns: a failure that names both.
    public static func unknownFormat(
        _ format: UInt8, of thing: String, known: UInt8, at offset: Int
    ) -> DecodingFailure {
        DecodingFailure(
            "\(thing) of format \(format), known is \(known)", at: offset, isNewer: format > known)
    }

    /// The same of a kind: codes are never used again, so that one behind all that are known is of a later version.
    public static func unknownKind(
        _ code: UInt8, of thing: String, known: UInt8, at offset: Int
    ) -> DecodingFailure {
        DecodingFailure(
            "\(thing) of unknown kind \(code), known are those up to \(known)", at: offset,
            isNewer: code > known)
    }

    /// The same failure, met within something larger.
    public func within(_ thing: String) -> DecodingFailure {
        DecodingFailure("\(thing): \(reason)", at: offset, isNewer: isNewer)
    }

    public var description: String { "\(reason) (at byte \(offset))" }
}

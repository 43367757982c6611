/// Why bytes are not what their format says.
public struct DecodingFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public let reason: String
    /// Where in the input, in bytes from its start.
    public let offset: Int

    public init(_ reason: String, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    public var description: String { "\(reason) (at byte \(offset))" }
}

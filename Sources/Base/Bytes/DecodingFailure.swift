/// Why bytes are not what their format says.
package struct DecodingFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package let reason: String
    /// Where in the input, in bytes from its start.
    package let offset: Int

    package init(_ reason: String, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String { "\(reason) (at byte \(offset))" }
}

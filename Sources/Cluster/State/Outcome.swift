/// What a committed entry did.
public struct Outcome: Equatable, Sendable {
    /// Where the log stood after the entry.
    public let position: LogPosition
    /// The new version of the map the command concerns, or why nothing changed.
    public let result: Result<UInt64, Rejection>

    public init(position: LogPosition, result: Result<UInt64, Rejection>) {
        self.position = position
        self.result = result
    }
}

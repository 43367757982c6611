/// What a committed entry did.
package struct Outcome: Equatable, Sendable {
    /// Where the log stood after the entry.
    package let position: LogPosition
    /// The new version of the map the command concerns, or why nothing changed.
    package let result: Result<UInt64, Rejection>

    package init(position: LogPosition, result: Result<UInt64, Rejection>) {
        self.position = position
        self.result = result
    }
}

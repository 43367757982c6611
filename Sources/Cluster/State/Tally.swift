/// What the process that applies a log has counted on the way. It is no part of the state: two states that differ in nothing else
/// are equal, and one that was read from rows begins at 0.
public struct Tally: Equatable, Sendable {
    public internal(set) var count: UInt64 = 0

    init() {}

    public static func == (left: Tally, right: Tally) -> Bool { true }
}

/// What the state was after an entry: equal on all members that have applied the same log.
public struct StatePoint: Hashable, Sendable {
    public var index: Index
    public var digest: UInt64

    public init(index: Index, digest: UInt64) {
        self.index = index
        self.digest = digest
    }
}

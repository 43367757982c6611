internal import Synchronization

/// A number of places, of which each can be taken by one at a time: a bound on what waits.
public final class Places: Sendable {
    private let count: Int
    private let taken = Atomic<Int>(0)

    public init(_ count: Int) {
        self.count = count
    }

    /// - Returns: whether there was a place; then it is to be given back.
    public func take() -> Bool {
        if taken.add(1, ordering: .relaxed).newValue <= count { return true }
        giveBack()
        return false
    }

    /// How many are taken now.
    public var inUse: Int { min(taken.load(ordering: .relaxed), count) }

    public func giveBack() {
        taken.subtract(1, ordering: .relaxed)
    }
}

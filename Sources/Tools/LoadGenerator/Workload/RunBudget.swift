import Synchronization

/// How much a run may still do; shared by its workers.
final class RunBudget: Sendable {
    private let left: Atomic<Int>
    private let end: ContinuousClock.Instant?

    init(count: UInt64?, duration: Duration?) {
        left = Atomic(count.map { Int(clamping: $0) } ?? Int.max)
        end = duration.map { .now + $0 }
    }

    /// Asks for one more request.
    func take() -> Bool {
        if let end, ContinuousClock.now >= end { return false }
        return left.subtract(1, ordering: .relaxed).oldValue > 0
    }
}

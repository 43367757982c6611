package import API
import Base
package import HTTP

/// Answers that wait until there is something to answer: a bounded number of them, and none longer than it must.
package struct LongPoll: Sendable {
    private let places = Places(StatisticsLimits.waitersMax)

    package init() {}

    /// How many wait now.
    package var waiting: Int { places.inUse }

    /// Calls `next` with slices of the time until it has a value. It waits for so many seconds at most, and heeds
    /// cancellation.
    ///
    /// - Returns: `nil` when the time was over first.
    /// - Throws: when too many wait, or when the server is shutting down: whoever waits asks another node.
    package func wait<Value>(
        _ exchange: Exchange, seconds: Double, _ next: (Double) async -> Value?
    ) async throws(Failure) -> Value? {
        exchange.operation = .wait
        guard places.take() else {
            throw Failure(
                .overloaded, "too many requests wait for a version here",
                next: "ask a little later, or without wait_version")
        }
        defer { places.giveBack() }
        let begun = MonotonicTime.now()
        while true {
            let rest = seconds - Double(MonotonicTime.now().since(begun)) / 1e9
            if let value = await next(max(0, min(rest, StatisticsLimits.waitSliceSeconds))) {
                return value
            }
            if exchange.isDraining { throw Failure(.stopping, "this node is stopping") }
            if rest <= StatisticsLimits.waitSliceSeconds || Task.isCancelled { return nil }
        }
    }
}

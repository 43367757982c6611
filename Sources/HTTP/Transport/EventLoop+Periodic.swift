package import Base

extension EventLoop {
    /// Calls `body`, now and again and again, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - interval: nanoseconds from one call to the next, asked anew whenever `changes` does: a shorter one counts from
    ///     the last call on.
    ///   - changes: counts what may have changed the interval.
    ///   - body: what is to be done.
    package func periodically(
        every interval: () -> UInt64, changes: Watched<UInt64>, do body: () async -> Void
    ) async {
        var last: MonotonicTime?
        while !Task.isCancelled {
            let seen = changes.value
            let due = interval()
            let elapsed = last.map { MonotonicTime.now().since($0) } ?? due
            if elapsed >= due {
                last = .now()
                await body()
                continue
            }
            _ = await within(nanoseconds: due - elapsed) {
                await changes.first { $0 != seen }
            }
        }
    }
}

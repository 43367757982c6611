import Glibc

/// What a test waited for in vain.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String

    init(_ what: String, within seconds: Double) {
        description = "not within \(seconds) s: \(what)"
    }
}

/// Asks until the answer is yes, on this thread; an answer that fails is no. The bound is far beyond what a busy machine needs.
///
/// - Returns: the seconds it took.
@discardableResult
package func waitUntil(
    _ what: String, within seconds: Double = 30, _ isTrue: () throws -> Bool
) throws -> Double {
    let begun = ContinuousClock.now
    while true {
        let isThere = (try? isTrue()) == true
        let elapsed = (ContinuousClock.now - begun) / .seconds(1)
        if isThere { return elapsed }
        guard elapsed < seconds else { throw NeverHappened(what, within: seconds) }
        usleep(20_000)
    }
}

/// The same without holding a thread.
package func eventually(
    _ what: String, within seconds: Double = 60, _ isTrue: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
        if (try? await isTrue()) == true { return }
        guard ContinuousClock.now < end else { throw NeverHappened(what, within: seconds) }
        try await Task.sleep(for: .milliseconds(2))
    }
}

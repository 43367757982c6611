import Testing

/// Waits until a condition holds; fails when it does not within a minute.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(2))
    }
    Issue.record("in vain: \(what)")
    throw NeverHappened(what: what)
}

struct NeverHappened: Error {
    let what: String
}

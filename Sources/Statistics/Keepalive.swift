import Base
package import HTTP

/// Round trips to the node by which this one learns of the cluster, in nanoseconds.
package struct Keepalive: Equatable, Sendable {
    package private(set) var count: UInt64 = 0
    package private(set) var sum: UInt64 = 0
    package private(set) var shortest: UInt64 = 0
    package private(set) var longest: UInt64 = 0

    package init() {}

    package mutating func add(_ nanoseconds: UInt64) {
        shortest = count == 0 ? nanoseconds : min(shortest, nanoseconds)
        longest = max(longest, nanoseconds)
        count &+= 1
        sum &+= nanoseconds
    }

    /// Asks `node` for a sign of life and notes how long it took. One that gives none is no round trip; who has been
    /// lost is said elsewhere.
    /// One that takes more than `seconds` is given up.
    package static func measure(
        _ node: Endpoint, with client: Client, for statistics: NodeStatistics, seconds: Double
    ) async {
        let begun = MonotonicTime.now()
        do {
            let response = try await client.send(
                .get, node, "/v1/health",
                timeouts: Client.Timeouts(
                    connectSeconds: seconds, responseSeconds: seconds, idleSeconds: seconds))
            _ = try await response.collect(upTo: StatisticsLimits.keepaliveBytesMax)
        } catch {
            return
        }
        statistics.keptAlive(nanoseconds: MonotonicTime.now().since(begun))
    }
}

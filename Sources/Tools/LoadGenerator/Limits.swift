/// Bounds of the load generator.
enum Limits {
    /// Worker threads; each costs a thread and at least one connection.
    static let concurrencyMax = 4096
    /// Objects are held in memory once, as a shared pool of bytes.
    static let objectBytesMax = 256 << 20
    /// A response head beyond this is refused.
    static let headBytesMax = 64 << 10
    /// Redirects followed for one request: proxy to target, and once more if the map moved.
    static let redirectsMax = 4
    /// How long one request may take before it counts as failed.
    static let requestTimeoutSeconds = 30
    /// Pause after a request for which no server could be reached at all.
    static let unreachablePauseMicroseconds: UInt32 = 5_000
    /// Latencies are counted from 1 µs to this, about 70 minutes.
    static let latencyNanosecondsMax: UInt64 = 1 << 42
    /// How many of the longest times without a success are told of.
    static let gapsMax = 64
    /// Connections one worker keeps open, one per server it was sent to.
    static let connectionsPerWorkerMax = 64
}

/// The bounds of a server.
package struct ServerLimits: Sendable {
    /// Open connections over all loops: each costs a descriptor, and a busy one 32 KiB.
    package var connectionsMax = 16_384
    /// Connections beyond those, kept open until their clients have read that there is no room.
    package var refusalsMax = 64
    package var head = RequestParser.Limits()
    /// From the first byte of a head to its last: what a slow sender may hold up.
    package var headSeconds = 10.0
    /// Between requests. Longer than the pause of any client that means to come back.
    package var idleSeconds = 75.0
    /// Between two pieces of a request body; a handler may change it for its exchange.
    package var bodyIdleSeconds = 30.0
    /// A body slower than this over its whole time, after ``bodyIdleSeconds`` of grace, is cut off.
    package var bodyBytesPerSecondMin = 1024
    /// What a body may have unless the handler sets another limit. Objects set their own.
    package var bodyBytesMax = 1 << 20
    /// How long the client may take no byte of an answer.
    package var writeIdleSeconds = 60.0
    /// An unread body up to this size is read and dropped, to keep the connection; a larger one closes it.
    package var discardBytesMax = 64 * 1024
    /// How long a closed connection goes on dropping what still comes, so that the client can read the answer.
    package var lingerSeconds = 5.0

    package init() {}
}

/// Answers requests. One value serves all connections, on all loops at once.
package protocol Handler: Sendable {
    /// The first try, without suspending: for what is answered from memory or with a few short system calls.
    ///
    /// - Returns: `.done` when the exchange has been answered with one of its `respond` methods, `.async` to have
    ///   ``handle(_:)`` called.
    func respond(to exchange: Exchange) -> Outcome

    /// Answers by whatever takes longer. What it throws becomes an error answer (see `Server.Configuration.renderError`)
    /// or, when an answer has begun, the end of the connection.
    func handle(_ exchange: Exchange) async throws

    /// Called once when an exchange is over, on its loop; for counting, so it must be quick. Unless it `isWhole`, the
    /// connection was lost or the answer cut off before all of it was handed to the kernel.
    func concluded(_ exchange: Exchange, isWhole: Bool)
}

/// What a handler's synchronous half made of a request.
package enum Outcome: Sendable {
    case done
    case async
}

extension Handler {
    package func concluded(_ exchange: Exchange, isWhole: Bool) {}

    package func respond(to exchange: Exchange) -> Outcome { .async }
}

/// An answer as plain values: what an error is turned into.
package struct Answer: Sendable {
    package var status: Status
    /// Empty for an answer without a body.
    package var contentType: String
    package var body: [UInt8]
    package var headers: [(name: String, value: String)]

    package init(
        _ status: Status, contentType: String, body: [UInt8],
        headers: [(name: String, value: String)] = []
    ) {
        self.status = status
        self.contentType = contentType
        self.body = body
        self.headers = headers
    }

    /// The first field of that name, whatever its case (RFC 9110 §5.1).
    package subscript(name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }
}

/// The other end is gone, too slow or cut off: nothing can be answered any more.
package enum ConnectionError: Error, Equatable, Sendable {
    /// The peer closed or reset the connection, or this side did.
    case disconnected
    /// The peer took no bytes, or sent none, for too long.
    case timedOut
    /// The task that waited was cancelled.
    case cancelled
    /// The head of the answer was asked for twice, or the body does not have the length announced.
    case misused(String)
}

internal import Base
internal import CLinux
internal import Glibc

/// An HTTP/1.1 client on the loops of a group; usable from any task.
///
/// Connections are kept per loop and per server. A task that runs on a loop stays on it; any other is taken to
/// one of the loops for the length of a call.
package final class Client: Sendable {
    /// The bounds of a client.
    package struct Limits: Sendable {
        /// Connections to one server from one loop. With as many loops as cores this is far above what a
        /// server of the same size answers at once.
        package var connectionsPerServerMax = 128
        /// Requests that may wait for one of them; beyond it waiting would only hide that the server is lost.
        package var waitersPerServerMax = 1024
        /// Kept for later requests when idle.
        package var idlePerServerMax = 32
        /// Shorter than the server's own patience (75 s), so that this side ends first.
        package var idleSeconds = 30.0
        package var head = RequestParser.Limits()

        package init() {}
    }

    /// How long the parts of one call may take.
    package struct Timeouts: Sendable {
        package var connectSeconds: Double
        /// From the request to the head of the response.
        package var responseSeconds: Double
        /// Between two pieces of a body, in either direction.
        package var idleSeconds: Double

        package init(
            connectSeconds: Double = 2, responseSeconds: Double = 30, idleSeconds: Double = 30
        ) {
            self.connectSeconds = connectSeconds
            self.responseSeconds = responseSeconds
            self.idleSeconds = idleSeconds
        }
    }

    private let group: EventLoopGroup
    private let pools: [ClientPool]

    package init(_ group: EventLoopGroup, limits: Limits = Limits()) {
        self.group = group
        pools = group.loops.map { ClientPool(loop: $0, limits: limits, resolver: group.pool) }
    }

    /// Sends a request whose body is at hand, and waits for the head of the response.
    ///
    /// `target` is path and query, percent-encoded already; `headers` come beside `Host` and `Content-Length`, which
    /// are there already. `mayRepeat`: whether a request that a kept connection took along into its end is sent once
    /// more; idempotent ones are, unless the caller must know whether the answer is that of the only one. `mayReuse`:
    /// whether a kept connection will do; a new one proves that the other side is in reach now.
    ///
    /// - Returns: the response; read its body to the end, or close it.
    /// - Throws: when there is no response, however often a dead connection was replaced;
    ///   ``ClientError/unreachable(_:)`` only when no byte was sent.
    @discardableResult
    package func send(
        _ method: Method, _ endpoint: Endpoint, _ target: String,
        headers: [(String, String)] = [], body: [UInt8] = [], timeouts: Timeouts = Timeouts(),
        mayRepeat: Bool? = nil, mayReuse: Bool = true
    ) async throws(ClientError) -> ClientResponse {
        let mayRepeat = mayRepeat ?? method.isIdempotent
        let pool = pools[number(of: group.next)]
        return try await pool.loop.run { () async throws(ClientError) -> ClientResponse in
            var mayReuse = mayReuse
            var wasSent = false
            while true {
                let connection: ClientConnection
                do throws(ClientError) {
                    connection = try await pool.take(endpoint, timeouts, mayReuse: mayReuse)
                } catch {
                    // The first attempt may have been taken for an order.
                    throw wasSent ? .disconnected : error
                }
                let call = ClientCall(
                    connection, method: method, timeouts: timeouts, remaining: .counted(0))
                let wasUsed = connection.isUsed
                do throws(ClientError) {
                    do throws(ClientError) {
                        let length = body.isEmpty && !method.expectsBody ? nil : body.count
                        try await call.sendHead(
                            endpoint, target, headers, length: length, body: body)
                    } catch {
                        // A server may answer without reading the body, and then end the connection.
                        guard error == .disconnected else { throw error }
                    }
                    return try await call.response()
                } catch {
                    // A kept connection may have died unseen. Anew, if the server cannot have acted twice.
                    let isStale = error == .disconnected && wasUsed && !connection.hasReceived
                    call.close()
                    guard isStale, mayRepeat || !connection.hasSent else { throw error }
                    wasSent = wasSent || connection.hasSent
                    mayReuse = false
                }
            }
        }
    }

    /// Opens a request whose body is written piece by piece, on a connection of its own.
    ///
    /// `length` is that of the body, or `nil` to send it in chunks.
    ///
    /// - Returns: the call, its head sent.
    /// - Throws: when no connection could be made, or none that took the head.
    package func open(
        _ method: Method, _ endpoint: Endpoint, _ target: String,
        headers: [(String, String)] = [], length: Int? = nil, timeouts: Timeouts = Timeouts()
    ) async throws(ClientError) -> ClientCall {
        let pool = pools[number(of: group.next)]
        return try await pool.loop.run { () async throws(ClientError) -> ClientCall in
            let connection = try await pool.take(endpoint, timeouts, mayReuse: false)
            let call = ClientCall(
                connection, method: method, timeouts: timeouts,
                remaining: length.map { .counted($0) } ?? .chunked)
            do throws(ClientError) {
                try await call.sendHead(
                    endpoint, target, headers, length: length, isChunked: length == nil, body: [])
            } catch {
                call.close()
                throw error
            }
            return call
        }
    }

    /// Closes the connections kept for later.
    package func closeIdle() async {
        for pool in pools {
            await pool.loop.run { pool.closeIdle() }
        }
    }

    private func number(of loop: EventLoop) -> Int {
        group.loops.firstIndex { $0 === loop } ?? 0
    }
}

extension Method {
    /// Whether a request without a body should still say `Content-Length: 0` (RFC 9110 §8.6).
    fileprivate var expectsBody: Bool {
        switch self {
        case .put, .post, .patch: true
        case .get, .head, .delete, .options, .other: false
        }
    }
}

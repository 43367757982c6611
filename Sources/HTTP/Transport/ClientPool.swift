internal import Base
internal import CLinux
internal import Glibc

/// The connections of a client on one loop.
final class ClientPool: @unchecked Sendable {
    // Safety: everything here belongs to the loop.
    let loop: EventLoop
    let limits: Client.Limits
    private let resolver: BlockingPool
    private var servers: [Endpoint: Entry] = [:]

    private struct Entry {
        var open = 0
        var idle: [ClientConnection] = []
        var waiters: [Waiter] = []
    }

    /// A task that waits for one of too many connections to end.
    private final class Waiter {
        var continuation: UnsafeContinuation<Bool, Never>?
    }

    init(loop: EventLoop, limits: Client.Limits, resolver: BlockingPool) {
        self.loop = loop
        self.limits = limits
        self.resolver = resolver
    }

    /// A connection to `endpoint`, kept or new.
    func take(
        _ endpoint: Endpoint, _ timeouts: Client.Timeouts, mayReuse: Bool
    ) async throws(ClientError) -> ClientConnection {
        while true {
            if mayReuse, let kept = servers[endpoint]?.idle.popLast() {
                kept.beginUse()
                return kept
            }
            if servers[endpoint, default: Entry()].open < limits.connectionsPerServerMax { break }
            if !mayReuse, let kept = servers[endpoint]?.idle.popLast() {
                kept.close()  // it makes room
                continue
            }
            try await waitForRoom(endpoint)
        }
        servers[endpoint, default: Entry()].open += 1
        do throws(ClientError) {
            return try await connect(endpoint, timeouts)
        } catch {
            ended(endpoint)
            throw error
        }
    }

    /// Takes a connection back after a whole response.
    func giveBack(_ connection: ClientConnection) {
        let endpoint = connection.endpoint
        guard servers[endpoint, default: Entry()].idle.count < limits.idlePerServerMax else {
            return connection.close()
        }
        connection.beginIdling(limits.idleSeconds)
        servers[endpoint]?.idle.append(connection)
        wakeWaiter(endpoint)
    }

    /// A connection was closed.
    func remove(_ connection: ClientConnection) {
        servers[connection.endpoint]?.idle.removeAll { $0 === connection }
        ended(connection.endpoint)
    }

    func closeIdle() {
        for connection in servers.values.flatMap(\.idle) { connection.close() }
    }

    private func ended(_ endpoint: Endpoint) {
        servers[endpoint]?.open -= 1
        if let entry = servers[endpoint], entry.open == 0, entry.waiters.isEmpty {
            servers[endpoint] = nil
        } else {
            wakeWaiter(endpoint)
        }
    }

    private func wakeWaiter(_ endpoint: Endpoint) {
        while let waiter = servers[endpoint]?.waiters.first {
            servers[endpoint]?.waiters.removeFirst()
            guard let continuation = waiter.continuation else { continue }
            waiter.continuation = nil
            return continuation.resume(returning: true)
        }
    }

    private func waitForRoom(_ endpoint: Endpoint) async throws(ClientError) {
        guard servers[endpoint, default: Entry()].waiters.count < limits.waitersPerServerMax else {
            throw .overloaded
        }
        nonisolated(unsafe) let waiter = Waiter()  // Safety: touched on the loop only.
        let hasRoom = await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
                waiter.continuation = continuation
                servers[endpoint, default: Entry()].waiters.append(waiter)
            }
        } onCancel: {
            loop.execute {
                guard let continuation = waiter.continuation else { return }
                waiter.continuation = nil
                continuation.resume(returning: false)
            }
        }
        guard hasRoom else { throw .cancelled }
    }

    // MARK: Connecting

    private func connect(
        _ endpoint: Endpoint, _ timeouts: Client.Timeouts
    ) async throws(ClientError) -> ClientConnection {
        let end = deadline(after: timeouts.connectSeconds, from: EventLoop.clock())
        let addresses: [SocketAddress]
        if SocketAddress.isLiteral(endpoint.host) {
            addresses = SocketAddress.resolve(host: endpoint.host, port: endpoint.port)
        } else {
            addresses = await resolver.run {
                SocketAddress.resolve(host: endpoint.host, port: endpoint.port)
            }
        }
        var failure = ClientError.unreachable("\(endpoint): the host is unknown")
        for address in addresses {
            do throws(ClientError) {
                return try await connect(endpoint, address, end)
            } catch {
                failure = error
                if error == .cancelled { break }
            }
        }
        throw failure
    }

    private func connect(
        _ endpoint: Endpoint, _ address: SocketAddress, _ end: UInt64
    ) async throws(ClientError) -> ClientConnection {
        let kind =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, kind, 0)
        guard descriptor >= 0 else { throw unreachable(endpoint, errno) }
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        let result = address.withPointer { Glibc.connect(descriptor, $0, $1) }
        let error = errno
        guard result == 0 || error == EINPROGRESS else {
            close(descriptor)
            throw unreachable(endpoint, error)
        }
        let connection = ClientConnection(
            descriptor: descriptor, loop: loop, endpoint: endpoint, limits: limits)
        guard loop.add(connection) else {
            connection.close()
            throw unreachable(endpoint, ENOMEM)
        }
        if result != 0 {
            let wake = await connection.waitWritable(until: end)
            if wake != .ready {
                connection.close()
                if wake == .cancelled { throw .cancelled }
                throw unreachable(endpoint, ETIMEDOUT)
            }
            let pending = connection.pendingError
            guard pending == 0 else {
                connection.close()
                throw unreachable(endpoint, pending)
            }
        }
        connection.pool = self
        return connection
    }

    private func unreachable(_ endpoint: Endpoint, _ error: Int32) -> ClientError {
        .unreachable(
            "cannot connect to \(endpoint): \(String(cString: strerror(error)))",
            isRefused: error == ECONNREFUSED)
    }
}

internal import CLinux
internal import Glibc

/// An HTTP/1.1 server: a listener on every loop of a group.
package final class Server: Sendable {
    private let state: ServerState
    private let group: EventLoopGroup
    /// Where it really listens; `port` is the one chosen by the system when 0 was asked for.
    package let port: Int

    /// What a server needs beside its handler.
    package struct Configuration: Sendable {
        package var host: String
        package var port: Int
        package var limits = ServerLimits()
        /// Turns an error into an answer: a ``RequestError`` (malformed, too large, too slow; the request is `nil` when
        /// it could not be read) or whatever the handler threw.
        package var renderError: @Sendable (any Error, RequestHead?) -> Answer = Self.plain

        package init(host: String = "127.0.0.1", port: Int = 0) {
            self.host = host
            self.port = port
        }

        @Sendable private static func plain(_ error: any Error, _ request: RequestHead?) -> Answer {
            let known = error as? RequestError
            return Answer(
                known?.status ?? .internalServerError, contentType: "text/plain",
                body: Array("\(known?.message ?? "\(error)")\n".utf8))
        }
    }

    /// Binds and starts to serve.
    package init(
        _ group: EventLoopGroup, handler: any Handler,
        configuration: Configuration = Configuration()
    ) throws(ListenError) {
        let state = ServerState(
            handler: handler, limits: configuration.limits, render: configuration.renderError)
        let descriptors = try Self.listen(configuration, count: group.loops.count)
        port = SocketAddress.filled { getsockname(descriptors[0], $0, $1) }.address.port
        self.state = state
        self.group = group
        for (loop, descriptor) in zip(group.loops, descriptors) {
            let listener = Listener(descriptor: descriptor, loop: loop, server: state)
            loop.execute {
                if !loop.add(listener) { listener.close() }
            }
        }
    }

    /// Open connections.
    package var connections: Int { state.connections }

    /// How often a server that ends looks whether its connections have. Nobody tells it: that would cost every connection something
    /// at its end, for the sake of the last one. Two milliseconds are nothing beside what a process takes to end, and a few
    /// hundred looks in the longest shutdown.
    private static let drainPollNanoseconds: UInt64 = 2_000_000

    /// Stops accepting, closes idle connections, lets running exchanges end within `seconds`, then cuts the rest off.
    package func shutDown(within seconds: Double = 10) async {
        state.beginDraining()
        let server = state
        for loop in group.loops {
            await loop.run {
                for socket in loop.openSockets {
                    if let listener = socket as? Listener, listener.serves(server) {
                        listener.drainOut()
                    } else if let connection = socket as? Connection, connection.server === server {
                        connection.drainOut()
                    }
                }
            }
        }
        let end = deadline(after: seconds, from: EventLoop.clock())
        while state.connections > 0, EventLoop.clock() < end {
            guard await group.loops[0].sleep(nanoseconds: Self.drainPollNanoseconds) else { break }
        }
        for loop in group.loops {
            await loop.run {
                for case let connection as Connection in loop.openSockets
                where connection.server === server {
                    connection.abort()
                }
            }
        }
    }

    /// One listening descriptor per loop.
    private static func listen(
        _ configuration: Configuration, count: Int
    ) throws(ListenError) -> [Int32] {
        let addresses = SocketAddress.resolve(
            host: configuration.host, port: configuration.port, isPassive: true)
        guard let address = addresses.first else {
            throw ListenError(configuration, "the host is unknown")
        }
        // SO_REUSEPORT would let a second process share the port in silence; a bind without it does not.
        if configuration.port != 0 {
            let probe = try bind(address, configuration, isShared: false)
            close(probe)
        }
        var descriptors = [try bind(address, configuration, isShared: true)]
        let bound = SocketAddress.filled { getsockname(descriptors[0], $0, $1) }.address
        while descriptors.count < count {
            do throws(ListenError) {
                descriptors.append(try bind(bound, configuration, isShared: true))
            } catch {
                for descriptor in descriptors { close(descriptor) }
                throw error
            }
        }
        return descriptors
    }

    private static func bind(
        _ address: SocketAddress, _ configuration: Configuration, isShared: Bool
    ) throws(ListenError) -> Int32 {
        let kind =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, kind, 0)
        guard descriptor >= 0 else { throw ListenError(configuration, errno) }
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR)
        if isShared { setOption(descriptor, SOL_SOCKET, SO_REUSEPORT) }
        // Accepted sockets inherit it: answers are whole when they are sent.
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        var result = address.withPointer { Glibc.bind(descriptor, $0, $1) }
        if result == 0, isShared { result = Glibc.listen(descriptor, 1024) }
        guard result == 0 else {
            let error = errno
            close(descriptor)
            throw ListenError(configuration, error)
        }
        return descriptor
    }
}

/// A server could not be bound to its address.
package struct ListenError: Error, CustomStringConvertible, Sendable {
    package let description: String

    fileprivate init(_ configuration: Server.Configuration, _ reason: String) {
        description = "cannot listen on \(configuration.host):\(configuration.port): \(reason)"
    }

    fileprivate init(_ configuration: Server.Configuration, _ error: Int32) {
        self.init(configuration, String(cString: strerror(error)))
    }
}

func setOption(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
    var one: Int32 = 1
    setsockopt(descriptor, level, option, &one, socklen_t(MemoryLayout<Int32>.size))
}

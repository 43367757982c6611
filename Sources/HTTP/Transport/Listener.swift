internal import CLinux
internal import Glibc

/// The listening socket of one loop. Each loop has its own on the same port (SO_REUSEPORT), and the kernel
/// spreads the clients.
final class Listener: Socket, @unchecked Sendable {
    // Safety: belongs to its loop, like every socket.
    private let server: ServerState

    /// Connections accepted in one go before others get their turn.
    private static let acceptsPerTurn = 64
    /// How long to wait when descriptors have run out: the event does not come again by itself.
    private static let pauseSeconds = 0.1

    init(descriptor: Int32, loop: EventLoop, server: ServerState) {
        self.server = server
        super.init(descriptor: descriptor, loop: loop)
    }

    func serves(_ state: ServerState) -> Bool { server === state }

    /// Ends; who has been let in by the kernel already is served, because his request may have come with him.
    func drainOut() {
        while !isClosed, acceptSome() {}
        close()
    }

    override func becameReadable() { accept() }

    override func becameLate() { accept() }

    private func accept() {
        if acceptSome() { loop.execute { [self] in accept() } }
    }

    /// - Returns: whether there may be more.
    private func acceptSome() -> Bool {
        for _ in 0..<Self.acceptsPerTurn {
            guard !isClosed else { return false }
            let (client, error, address) = SocketAddress.filled {
                accept4(descriptor, $0, $1, Self.acceptFlags)
            }
            guard client >= 0 else {
                switch error {
                case EAGAIN: return false
                case ECONNABORTED, EINTR, EPROTO: continue
                default:
                    readDeadline = deadline(after: Self.pauseSeconds, from: EventLoop.clock())
                    loop.note(deadline: readDeadline)
                    return false
                }
            }
            begin(client, address)
        }
        return true
    }

    private func begin(_ client: Int32, _ address: SocketAddress) {
        let connection = Connection(
            descriptor: client, loop: loop, server: server, remoteAddress: address.text)
        let hasRoom = server.add(connection) || makeRoom()
        guard loop.add(connection) else { return connection.close() }
        if hasRoom { connection.begin() } else { connection.turnAway() }
    }

    /// Closes the connection on which nothing has happened for longest: whoever comes now has something to say.
    ///
    /// - Returns: `false` when all are busy.
    private func makeRoom() -> Bool {
        var idlest: Connection?
        for case let other as Connection in loop.openSockets
        where other.server === server && !other.isTurnedAway && other.isExpendable {
            if other.readDeadline < idlest?.readDeadline ?? .max { idlest = other }
        }
        idlest?.close()
        return idlest != nil
    }

    private static let acceptFlags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
}

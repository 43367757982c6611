internal import Synchronization

/// What all connections of a server share.
final class ServerState: Sendable {
    let handler: any Handler
    let limits: ServerLimits
    private let render: @Sendable (any Error, RequestHead?) -> Answer
    private let served = Atomic<Int>(0)
    private let turnedAway = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)

    init(
        handler: any Handler, limits: ServerLimits,
        render: @escaping @Sendable (any Error, RequestHead?) -> Answer
    ) {
        self.handler = handler
        self.limits = limits
        self.render = render
    }

    /// Open connections, but for those that were only told that there is no room.
    var connections: Int { served.load(ordering: .relaxed) }

    var isDraining: Bool { draining.load(ordering: .relaxed) }

    func beginDraining() { draining.store(true, ordering: .relaxed) }

    /// - Returns: whether there is room for it.
    func add(_ connection: Connection) -> Bool {
        served.add(1, ordering: .relaxed).newValue <= limits.connectionsMax
    }

    /// Gives the place of `connection` back: it stays open only until its client has read the refusal.
    ///
    /// - Returns: whether there is room for it among the refused.
    func turnAway(_ connection: Connection) -> Bool {
        served.subtract(1, ordering: .relaxed)
        return turnedAway.add(1, ordering: .relaxed).newValue <= limits.refusalsMax
    }

    func remove(_ connection: Connection) {
        if connection.isTurnedAway {
            turnedAway.subtract(1, ordering: .relaxed)
        } else {
            served.subtract(1, ordering: .relaxed)
        }
    }

    func renderError(_ error: any Error, _ exchange: Exchange?) -> Answer {
        render(error, exchange?.currentRequest)
    }
}

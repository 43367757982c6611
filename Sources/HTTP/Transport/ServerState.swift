internal import Synchronization

/// What all connections of a server share.
final class ServerState: Sendable {
    let handler: any Handler
    let limits: ServerLimits
    private let render: @Sendable (any Error, RequestHead?) -> Answer
    private let count = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)

    init(
        handler: any Handler, limits: ServerLimits,
        render: @escaping @Sendable (any Error, RequestHead?) -> Answer
    ) {
        self.handler = handler
        self.limits = limits
        self.render = render
    }

    /// Open connections.
    var connections: Int { count.load(ordering: .relaxed) }

    var isDraining: Bool { draining.load(ordering: .relaxed) }

    func beginDraining() { draining.store(true, ordering: .relaxed) }

    /// - Returns: whether there is room for it.
    func add(_ connection: Connection) -> Bool {
        count.add(1, ordering: .relaxed).newValue <= limits.connectionsMax
    }

    func remove(_ connection: Connection) {
        count.subtract(1, ordering: .relaxed)
    }

    func renderError(_ error: any Error, _ exchange: Exchange?) -> Answer {
        render(error, exchange?.currentRequest)
    }
}

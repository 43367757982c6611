import API
import HTTP
import Statistics
import Synchronization

/// The routes of a server that listens before they can be made: the port is part of what they know.
final class LateRoutes: Handler {
    private let isReady = Atomic<Bool>(false)
    // Safety: written once before the flag is set, read only behind it.
    private nonisolated(unsafe) var ready: TargetRoutes?

    func begin(_ routes: TargetRoutes) {
        ready = routes
        isReady.store(true, ordering: .releasing)
    }

    private var current: TargetRoutes? {
        isReady.load(ordering: .acquiring) ? ready : nil
    }

    func respond(to exchange: Exchange) -> HTTP.Outcome {
        current?.respond(to: exchange) ?? .async
    }

    func handle(_ exchange: Exchange) async throws {
        guard let current else { throw Failure.starting }
        try await current.handle(exchange)
    }

    func concluded(_ exchange: Exchange, isWhole: Bool) {
        current?.concluded(exchange, isWhole: isWhole)
    }

    /// What the server itself has to say of a request: that it could not be read, or was too slow.
    func answer(_ error: any Error, _ request: RequestHead?) -> Answer {
        let failure = Failure(any: error)
        guard let current else { return failure.answer }
        if request == nil { current.target.statistics.count(.refused) }
        return TargetRoutes.answer(failure, request, nil, current.target)
    }
}

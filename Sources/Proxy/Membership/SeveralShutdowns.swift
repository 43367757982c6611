import API
import Base
import Cluster
import HTTP

/// Ends several nodes by one request (`shutdown-node` with `sids`): what can speak against it is asked first, then all of them
/// leave the map by one entry, and when the group does without the proxies among them, each is told to end.
extension Maintenance {
    /// Ends them; the proxy that a client waits at is told when all others have been.
    ///
    /// - Throws: `no_primary` when this proxy was to end itself and has handed over: the next primary carries the request out.
    func shutDown(
        _ request: Request, for origin: MetadataService.Origin, last: String?
    ) async throws(Failure) {
        let state = try await metadata.linearizable().state
        let nodes = try request.nodes(in: state)
        try await checkAnswer(nodes)
        if !request.isForced { try await departure.checkQuorum(without: nodes, in: state.map) }
        if request.ids.contains(metadata.id) {
            guard origin.terms.preconditions.isEmpty else {
                throw Failure(
                    .badHeader,
                    "\(metadata.id) is the primary and hands over first, which changes the map",
                    next: "leave out \(HeaderName.ifMatch), or \(metadata.id)")
            }
            let heir = try await transfer.transferToFittest(
                for: origin, without: request.ids, next: Self.endsAll)
            throw Failure(
                .noPrimary,
                "\(metadata.id) has handed over to \(heir), which ends it with the others",
                next: "try again in a moment")
        }
        try await departure.takeOff(
            request.ids, isForced: request.isForced, for: origin
        ) { state throws(Failure) in _ = try request.nodes(in: state) }
        let staying = await departure.unreleased(nodes)
        let untold = await end(nodes.without(staying), last: last)
        let open = staying + untold.map(\.node)
        try Departure.check(staying, done: nodes.without(open), for: origin)
        guard !untold.isEmpty else { return }
        var failure = Failure(
            .partlyDone, untold.map(\.text).joined(separator: "; "),
            next: (untold.map {
                #"curl -X PUT -d '{"action":"shutdown"}' \#($0.node.address.url)/v1/daemon"#
            } + [Self.again(origin)]).joined(separator: "; or "))
        failure.requestID = origin.requestID
        failure.done = nodes.without(open).map(\.id.text)
        failure.notDone = open.map(\.id.text)
        throw failure
    }

    private static let endsAll =
        #"start another voting proxy first; {"action":"shutdown"} ends the whole cluster"#

    /// A node that cannot be told to end is noticed before anything is changed.
    private func checkAnswer(_ nodes: [Node]) async throws(Failure) {
        let silent = await FanOut(client: client).ask(nodes, "snode", on: loop).unanswered
        guard let first = silent.first else { return }
        throw Failure(
            .addressUnreachable, "\(Text.list(silent.map(\.node))) cannot be reached",
            cause: first.failure.cause, next: "nothing was changed; are they running?")
    }

    func describe(
        shutdownOf nodes: [Node], _ request: Request, in state: ClusterState,
        _ forecast: inout Forecast
    ) async {
        do throws(Failure) {
            try await checkAnswer(nodes)
        } catch {
            forecast.block(error)
        }
        let handsOver = state.map.primary.map { request.ids.contains($0) } ?? false
        let heirs = transfer.fittest(in: state.map).compactMap { group.directory.node(of: $0) }
        let heir = heirs.first { !request.ids.contains($0.id) }
        if handsOver, let heir { forecast.changes.append("\(heir.id) becomes primary") }
        await departure.describe(nodes, in: state, request.isForced, &forecast)
        if handsOver, heir == nil {
            let refusal = PrimaryTransfer.noHeir(next: Self.endsAll)
            // Of one node force makes do without.
            if request.isForced, nodes.count == 1 {
                forecast.warn(refusal.message)
            } else {
                forecast.block(refusal)
            }
        }
        forecast.describe(endOf: nodes)
    }
}

extension Forecast {
    mutating func describe(endOf nodes: [Node]) {
        changes.append(
            nodes.count == 1
                ? "the process of \(nodes[0].id) ends"
                : "the processes of \(Text.list(nodes)) end")
    }
}

import API
import Base
import Cluster
import Consensus
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
            throw Self.handedOver(metadata.id, to: heir)
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

    /// Has another proxy become primary, which then ends this one.
    ///
    /// - Returns: who is primary now; `nil` when nobody has taken over, and this proxy says best by itself why.
    /// - Throws: that it is not known whether somebody has.
    func handOver(
        _ request: Request, _ nodes: [Node], for origin: MetadataService.Origin
    ) async throws(Failure) -> NodeID? {
        do throws(Failure) {
            if !request.isForced {
                try await departure.checkQuorum(
                    without: nodes, in: metadata.published.now.state.map)
            }
            return try await transfer.transferToFittest(
                for: origin, without: request.ids, next: Self.endsAll)
        } catch {
            guard error.code != .outcomeUnknown else { throw error }
            return nil
        }
    }

    /// What has the request carried out by the next primary.
    static func handedOver(_ id: NodeID, to heir: NodeID) -> Failure {
        Failure(
            .noPrimary, "\(id) has handed over to \(heir), which ends it",
            next: "try again in a moment")
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
        var (heir, refusal): (Node?, Failure?)
        if handsOver {
            do throws(Failure) {
                heir = try await transfer.firstFit(
                    in: state.map, without: request.ids, next: Self.endsAll)
            } catch {
                refusal = error
            }
        }
        // One node that is forced and cannot hand over ends where it is.
        if let refusal, request.isForced, nodes.count == 1 {
            forecast.describe(
                endWithoutLeaving: nodes[0],
                isVoter: group.status.configuration.isVoter(MemberID(nodes[0].member)))
            forecast.warn("it ends without having left the map: \(refusal.message)")
            return
        }
        if let heir { forecast.changes.append("\(heir.id) becomes primary") }
        await departure.describe(nodes, in: state, request.isForced, &forecast)
        if let refusal { forecast.block(refusal) }
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

    /// A proxy ends and stays on the map: its vote is missing as long as it is not back.
    mutating func describe(endWithoutLeaving node: Node, isVoter: Bool) {
        if isVoter { survival.voters?.miss(node.id.text) }
        describe(endOf: [node])
        warn(
            "\(node.id) keeps its vote, and does not answer until it is back",
            next: "leave 'unregister' out when it is not to come back soon")
    }
}

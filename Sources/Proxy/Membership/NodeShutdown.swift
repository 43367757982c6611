import API
import Base
import Cluster
import Consensus
import HTTP

/// Ends this proxy because a request says so (contract §6.5): it hands over when it is the primary, leaves the map and
/// the voters, answers, and ends. Whatever of this cannot be done refuses the request, and the proxy goes on.
struct NodeShutdown: Sendable {
    let node: Node
    let group: RaftGroup
    let published: PublishedState
    let departure: Departure
    let transfer: PrimaryTransfer
    let forwarder: Forwarder
    let ending: Ending
    let log: Logger

    func serve(_ exchange: Exchange, _ query: Query, _ message: ActionMessage) async throws {
        let isForced = try query.flag(QueryName.force)
        let value = try ActionValue(message.value, keys: ["unregister"])
        let leaves = try value?.bool("unregister") ?? true
        if try query.flag(QueryName.dryRun) {
            return try await forecast(exchange, leaves: leaves, isForced: isForced)
        }
        if leaves {
            let origin = try exchange.origin()
            guard origin.terms.bound == nil else {
                throw Failure(
                    .badHeader,
                    "ending a proxy takes several changes, of which handing over ends the term",
                    next: "leave out \(HeaderName.term)")
            }
            do throws(Failure) {
                try await leave(origin, isForced: isForced)
            } catch {
                guard isForced else { throw error }
                log.warning("ends without having left the map: \(error.message)")
            }
        }
        log.info("ends, asked by \(exchange.remoteAddress)")
        exchange.respond(.ok)
        try? await exchange.flush()
        ending.begin()
    }

    // MARK: Leaving

    private func leave(
        _ origin: MetadataService.Origin, isForced: Bool
    ) async throws(Failure) {
        if group.isLeader {
            if !isForced {
                try await departure.checkQuorum(without: [node], in: published.now.state.map)
            }
            let heir = try await transfer.transferToFittest(for: origin)
            log.info("\(heir) is primary now; this proxy leaves")
        }
        let reply: Forwarder.Reply<Void>
        do {
            reply = try await forwarder.onPrimary(removal(origin, isForced: isForced)) {
                // Elected again in between: whoever asks once more finds another primary.
                throw Failure(
                    .noPrimary, "\(node.id) has become primary again",
                    next: "try again in a moment")
            }
        } catch {
            throw Failure(any: error)
        }
        if case .relayed(let answer) = reply, answer.status != .ok {
            let failure =
                Failure(decoding: answer.body)
                ?? Failure(.unknown, "the primary answered \(answer.status.rawValue)")
            // It left with an earlier request whose answer was lost.
            guard failure.code == .nodeNotFound,
                !group.status.configuration.contains(group.status.id)
            else { throw failure }
        }
    }

    /// The request that takes this proxy off the map.
    private func removal(
        _ origin: MetadataService.Origin, isForced: Bool, isDryRun: Bool = false
    ) -> Forwarder.Request {
        let query = "\(QueryName.force)=\(isForced)&\(QueryName.dryRun)=\(isDryRun)"
        return Forwarder.Request(
            method: .delete,
            target: "/v1/cluster/daemon/\(PercentCoding.encoded(node.id.text))?\(query)",
            body: [], origin: origin, reach: .anywhere)
    }

    // MARK: Dry runs

    /// Only the primary hears all voters, so it says what leaving would mean.
    private func forecast(_ exchange: Exchange, leaves: Bool, isForced: Bool) async throws {
        guard leaves else {
            var forecast = Forecast("shutdown")
            forecast.changes.append("the process of \(node.id) ends")
            forecast.warn(
                .unsafe, "\(node.id) keeps its vote, and does not answer until it is back")
            return exchange.respond(.ok, type: "application/json", body: forecast.encoded)
        }
        let request = removal(try exchange.origin(), isForced: isForced, isDryRun: true)
        let reply = try await forwarder.onPrimary(request) {
            try await forecastAsPrimary(isForced: isForced).encoded
        }
        switch reply {
        case .relayed(let answer): exchange.relay(answer)
        case .local(let document):
            exchange.respond(.ok, type: "application/json", body: document)
        }
    }

    private func forecastAsPrimary(isForced: Bool) async throws(Failure) -> Forecast {
        let state = try await departure.metadata.linearizable().state
        var forecast = Forecast("shutdown")
        if let heir = transfer.fittest(in: state.map).first.flatMap({ group.directory.node(of: $0) }
        ) {
            forecast.changes.append("\(heir.id) becomes primary")
        } else {
            forecast.warn(isForced ? .unsafe : .blocked, "no other proxy can become primary")
            forecast.next = "start another voting proxy first"
        }
        await departure.describe([node], in: state, isForced, &forecast)
        forecast.describe(endOf: [node])
        return forecast
    }
}

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
        let wish = try Wish(query, message)
        if try query.flag(QueryName.dryRun) { return try await forecast(exchange, wish) }
        // It takes several changes, of which handing over ends the term; or none at all.
        let origin = try exchange.unboundOrigin()
        var survives: String?
        if wish.leaves {
            do throws(Failure) {
                survives = try await leave(origin, wish)
            } catch {
                guard wish.isForced else { throw error.spelled(wish.spelling) }
                log.warning("ends without having left the map: \(error.message)")
            }
        }
        log.info("ends, asked by \(exchange.remoteAddress)")
        exchange.respond(.ok) { writer in
            if let survives { writer.add(named: HeaderName.survives, survives) }
        }
        try? await exchange.flush()
        ending.begin()
    }

    /// What is asked for.
    private struct Wish {
        /// Whether it leaves the map before it ends.
        let leaves: Bool
        let isForced: Bool
        /// Whoever sends the request on to a node asks for force as `value`, as its own client did.
        let spelling: ForceSpelling

        init(_ query: Query, _ message: ActionMessage) throws(Failure) {
            let value = try ActionValue(message.value, keys: ["unregister", "force"])
            leaves = try value?.bool("unregister") ?? true
            let force = try value?.bool("force")
            spelling = force == nil ? .query : .value
            isForced = try query.flag(QueryName.force) || force ?? false
        }

        /// What helps when there is nobody to hand over to.
        var withoutHeir: String {
            "start another voting proxy first; \(spelling.words) ends this one all the same"
        }
    }

    // MARK: Leaving

    /// - Returns: which failures are survived without this proxy, as the primary says.
    private func leave(
        _ origin: MetadataService.Origin, _ wish: Wish
    ) async throws(Failure) -> String? {
        if group.isLeader {
            if !wish.isForced {
                try await departure.checkQuorum(without: [node], in: published.now.state.map)
            }
            let heir = try await transfer.transferToFittest(for: origin, next: wish.withoutHeir)
            log.info("\(heir) is primary now; this proxy leaves")
        }
        let reply: Forwarder.Reply<Void>
        do {
            reply = try await forwarder.onPrimary(removal(origin, isForced: wish.isForced)) {
                // Elected again in between: whoever asks once more finds another primary.
                throw Failure(
                    .noPrimary, "\(node.id) has become primary again",
                    next: "try again in a moment")
            }
        } catch {
            throw Failure(any: error)
        }
        guard case .relayed(let answer) = reply else { return nil }
        guard answer.status != .ok else {
            return answer.headers.first {
                $0.name.lowercased() == HeaderName.survives.lowercased()
            }?.value
        }
        let failure =
            Failure(decoding: answer.body)
            ?? Failure(.unknown, "the primary answered \(answer.status.rawValue)")
        // It left with an earlier request whose answer was lost.
        guard failure.code == .nodeNotFound,
            !group.status.configuration.contains(group.status.id)
        else { throw failure }
        return nil
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

    private func forecast(_ exchange: Exchange, _ wish: Wish) async throws {
        let forecast = wish.leaves ? try await departing(exchange, wish) : staying()
        exchange.respond(
            .ok, type: "application/json", body: forecast.spelled(wish.spelling).encoded)
    }

    /// Ending without leaving: its vote is missing as long as it is not back.
    private func staying() -> Forecast {
        var survival = departure.survival
        if group.status.configuration.isVoter(group.status.id) {
            survival.voters?.miss(node.id.text)
        }
        var forecast = Forecast("shutdown", survival)
        forecast.describe(endOf: [node])
        forecast.warn(
            "\(node.id) keeps its vote, and does not answer until it is back",
            next: "leave 'unregister' out when it is not to come back soon")
        return forecast
    }

    /// Only the primary hears all voters, so it says what leaving would mean.
    private func departing(_ exchange: Exchange, _ wish: Wish) async throws -> Forecast {
        let request = removal(try exchange.origin(), isForced: wish.isForced, isDryRun: true)
        let reply = try await forwarder.onPrimary(request) { try await forecastAsPrimary(wish) }
        switch reply {
        case .local(let forecast): return forecast
        case .relayed(let answer):
            if let failure = Failure(decoding: answer.body), answer.status != .ok {
                // It is off the map: all that is left to do is to end.
                guard failure.code == .nodeNotFound else { throw failure }
                var forecast = Forecast("shutdown", departure.survival)
                forecast.describe(endOf: [node])
                return forecast
            }
            var forecast = try Forecast(decoding: answer.body)
            forecast.action = "shutdown"
            forecast.describe(endOf: [node])
            return forecast
        }
    }

    private func forecastAsPrimary(_ wish: Wish) async throws(Failure) -> Forecast {
        let state = try await departure.metadata.linearizable().state
        var forecast = Forecast("shutdown", departure.survival(of: state))
        let heir = transfer.fittest(in: state.map).first.flatMap { group.directory.node(of: $0) }
        if let heir { forecast.changes.append("\(heir.id) becomes primary") }
        await departure.describe([node], in: state, wish.isForced, &forecast)
        if heir == nil {
            let refusal = PrimaryTransfer.noHeir(next: wish.withoutHeir)
            if wish.isForced { forecast.warn(refusal.message) } else { forecast.block(refusal) }
        }
        forecast.describe(endOf: [node])
        return forecast
    }
}

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
        // Handing over ends the term, so that nothing else could be done in it; and who stays on the map changes nothing.
        let origin =
            wish.leaves && !group.isLeader ? try exchange.origin() : try exchange.unboundOrigin()
        if try query.flag(QueryName.dryRun) { return try await forecast(exchange, origin, wish) }
        var survives: String?
        if wish.leaves {
            do throws(Failure) {
                survives = try await leave(origin, wish)
            } catch {
                guard wish.isForced, !error.refusesLateCopy else {
                    log.info("goes on, although \(exchange.remoteAddress) asked: \(error.message)")
                    throw error.spelled(wish.spelling)
                }
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
            let failure = Failure(any: error)
            guard await hasLeft(by: origin, despite: failure) else { throw failure }
            return nil
        }
        guard case .relayed(let answer) = reply else { return nil }
        guard answer.status != .ok else { return answer[HeaderName.survives] }
        let failure =
            Failure(decoding: answer.body)
            ?? Failure(.unknown, "the primary answered \(answer.status.rawValue)")
        // It left with an earlier request whose answer was lost.
        if Self.hasLeft(failure, isMember: isMember) { return nil }
        guard await hasLeft(by: origin, despite: failure) else { throw failure }
        return nil
    }

    /// Whether this proxy has left the map by this very request although its answer was lost, and votes no more. The log knows:
    /// it is asked as long as another primary may take to be elected. Nothing is given up by the question.
    private func hasLeft(
        by origin: MetadataService.Origin, despite failure: Failure
    ) async -> Bool {
        guard failure.code == .outcomeUnknown else { return false }
        let question = Forwarder.Request(
            method: .get,
            target: "/v1/cluster?what=history&\(QueryName.requestID)="
                + PercentCoding.encoded(origin.requestID),
            body: [], origin: MetadataService.Origin(actor: node.id.text), reach: .anywhere)
        let begun = MonotonicTime.now()
        while await !wasMade(question) {
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            guard elapsed < Limits.inquirySeconds else { return false }
            await forwarder.loop.sleep(nanoseconds: UInt64(Limits.electionSeconds * 1e9))
        }
        log.info("left the map by a request whose answer was lost: \(failure.message)")
        let id = group.status.id
        _ = await forwarder.loop.within(nanoseconds: UInt64(Limits.releaseSeconds * 1e9)) {
            await group.statusChanges.first { status in
                status.map { !$0.configuration.isVoter(id) } ?? false
            }
        }
        return !group.status.configuration.isVoter(id)
    }

    private func wasMade(_ question: Forwarder.Request) async -> Bool {
        // One who leads by itself now has not left.
        let reply = try? await forwarder.onPrimary(question) { false }
        guard case .relayed(let answer)? = reply, answer.status == .ok,
            case .object(let document)? = try? JSONValue(parsing: answer.body)
        else { return false }
        return document["outcome"]?.string == HistoryDocument.Fate.applied.rawValue
    }

    private var isMember: Bool { group.status.configuration.contains(group.status.id) }

    /// Whether a refused removal says that nothing is left to do but to end: off the map is not out of the group yet.
    static func hasLeft(_ refusal: Failure, isMember: Bool) -> Bool {
        refusal.code == .nodeNotFound && !isMember
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

    private func forecast(
        _ exchange: Exchange, _ origin: MetadataService.Origin, _ wish: Wish
    ) async throws {
        var forecast: Forecast
        do {
            forecast =
                wish.leaves ? try await departing(origin, wish) : await staying(origin)
        } catch let failure as Failure where wish.isForced {
            // Whatever keeps it from leaving, it ends.
            forecast = await staying(origin)
            forecast.warn(
                failure.code == .nodeNotFound
                    ? "\(node.id) is off the map, and takes part in the group still"
                    : "it ends without having left the map: \(failure.message)")
        }
        exchange.respond(
            .ok, type: "application/json", body: forecast.spelled(wish.spelling).encoded)
    }

    /// Ending without leaving: its vote is missing as long as it is not back.
    private func staying(_ origin: MetadataService.Origin) async -> Forecast {
        var survival = departure.survival
        if survival.voters == nil { survival.voters = await votersAtPrimary(origin) }
        var forecast = Forecast("shutdown", survival)
        forecast.describe(
            endWithoutLeaving: node,
            isVoter: group.status.configuration.isVoter(group.status.id))
        return forecast
    }

    /// The voters as they are, by the word of the primary, which hears all of them.
    ///
    /// - Returns: `nil` when it does not answer.
    private func votersAtPrimary(_ origin: MetadataService.Origin) async -> Survival.Voters? {
        let request = removal(origin, isForced: true, isDryRun: true)
        let reply = try? await forwarder.onPrimary(request) { departure.survival.voters }
        switch reply {
        case .local(let voters)?: return voters
        case .relayed(let answer)?:
            // Of what it foresees, what is now.
            guard var voters = (try? Forecast(decoding: answer.body))?.survival.voters else {
                return nil
            }
            (voters.then, voters.survivesThen) = (voters.now, voters.survivesNow)
            voters.hasMajorityThen = voters.hasMajorityNow
            return voters
        case nil: return nil
        }
    }

    /// Only the primary hears all voters, so it says what leaving would mean.
    private func departing(
        _ origin: MetadataService.Origin, _ wish: Wish
    ) async throws -> Forecast {
        let request = removal(origin, isForced: wish.isForced, isDryRun: true)
        let reply = try await forwarder.onPrimary(request) { try await forecastAsPrimary(wish) }
        switch reply {
        case .local(let forecast): return forecast
        case .relayed(let answer):
            if let failure = Failure(decoding: answer.body), answer.status != .ok {
                // It is off the map: all that is left to do is to end.
                guard Self.hasLeft(failure, isMember: isMember) else { throw failure }
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
        var (heir, refusal): (Node?, Failure?)
        do throws(Failure) {
            heir = try await transfer.firstFit(in: state.map, next: wish.withoutHeir)
        } catch {
            // It cannot hand over, so it does not leave either.
            if wish.isForced { throw error }
            refusal = error
        }
        var forecast = Forecast("shutdown", departure.survival(of: state))
        if let heir { forecast.changes.append("\(heir.id) becomes primary") }
        await departure.describe([node], in: state, wish.isForced, &forecast)
        if let refusal { forecast.block(refusal) }
        forecast.describe(endOf: [node])
        return forecast
    }
}

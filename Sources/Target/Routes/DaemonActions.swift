import API
import Base
import Cluster
import HTTP
import Statistics

/// `PUT /v1/daemon` with a message: what a target is asked to do with itself (contract §6.2).
struct DaemonActions {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    func respond() async throws {
        let message = try ActionMessage(
            decoding: try await exchange.collect(upTo: Limits.actionBytesMax))
        switch try Route.action(of: message, on: .daemonAction, query) {
        case let action where action.isOfConfig:
            try await ConfigRoute(target: target, exchange: exchange)
                .change(try ConfigRequest(action, message, query: query))
        case .shutdown: try await shutDown(message)
        case .rotateLogs: try await upkeep.rotate(exchange, message, query)
        case .resetStatistics: try await upkeep.reset(exchange, message, query)
        case let action:
            throw Failure(
                .notImplemented, "the action '\(action.rawValue)' is not supported by this build")
        }
    }

    private var upkeep: NodeUpkeep {
        NodeUpkeep(target.statistics, log: target.log.about("upkeep")) { [target] in
            var survival = target.survival
            survival.mountpaths = nil
            return survival
        }
    }

    // MARK: Shutdown

    /// Leaves the map, answers, and ends (contract §6.5). A target that cannot leave goes on, unless it is forced: the map
    /// would send clients to it for nothing, and nobody would have been told.
    private func shutDown(_ message: ActionMessage) async throws {
        let value = try ActionValue(message.value, keys: ["unregister", "force"])
        let isForced = try query.flag(QueryName.force) || value?.bool("force") ?? false
        let leaves = try value?.bool("unregister") ?? true
        if !leaves { try exchange.checkIsUnbound() }
        if try query.flag(QueryName.dryRun) { return try await forecast(leaves: leaves) }
        var survives: String?
        if leaves {
            do {
                survives = try await leave()
            } catch {
                let failure = Failure(any: error)
                guard isForced, !failure.refusesLateCopy else {
                    target.log.info(
                        "goes on, although \(exchange.remoteAddress) asked: \(failure.message)")
                    throw failure
                }
                target.log.warning("ends without having left the map: \(failure.message)")
            }
        }
        target.log.info("ends, asked by \(exchange.remoteAddress)")
        exchange.respond(.ok) { writer in
            if let survives { writer.add(named: HeaderName.survives, survives) }
        }
        try? await exchange.flush()
        target.ending.open()
    }

    /// - Returns: which failures are survived without this target, as the primary says.
    private func leave() async throws -> String? {
        let term = exchange.request.headers[named: HeaderName.term]
        do throws(Failure) {
            return try await leave(in: term)
        } catch {
            // Whoever had it was lost, and others take it in its term only; but they know whether it was made.
            guard error.code == .outcomeUnknown, term != nil, await wasMade() else { throw error }
            return nil
        }
    }

    private func leave(in term: String?) async throws(Failure) -> String? {
        let answer = try await target.proxies.send(
            .delete, removal, for: exchange.remoteAddress, requestID: exchange.requestID,
            term: term)
        guard answer.status != .ok else { return answer[HeaderName.survives] }
        let failure =
            Failure(decoding: answer.body)
            ?? Failure(.unknown, "a proxy answered \(answer.status.rawValue)")
        // It is off the map already: taken off, or by an earlier request whose answer was lost.
        guard failure.code != .nodeNotFound else { return nil }
        throw failure
    }

    /// Whether this target has left the map by this very request, as far as a proxy can say that soon. Nothing is given up by the
    /// question.
    private func wasMade() async -> Bool {
        let question =
            "/v1/cluster?what=history&\(QueryName.requestID)="
            + PercentCoding.encoded(exchange.requestID)
        for _ in 0..<Self.inquiriesMax {
            if let answer = try? await target.proxies.send(.get, question), answer.status == .ok,
                case .object(let document)? = try? JSONValue(parsing: answer.body),
                document["outcome"]?.string == HistoryDocument.Fate.applied.rawValue
            {
                return true
            }
            await exchange.loop.sleep(nanoseconds: Self.inquiryPause)
        }
        return false
    }

    /// Two seconds, in which another primary is elected.
    private static let inquiriesMax = 10
    private static let inquiryPause: UInt64 = 200_000_000

    private var removal: String {
        "/v1/cluster/daemon/\(PercentCoding.encoded(target.node.id.text))"
    }

    private func forecast(leaves: Bool) async throws {
        var forecast = leaves ? try await departing() : staying
        forecast?.changes.append("the process of \(target.node.id) ends")
        guard let forecast else { return }
        exchange.respond(document: forecast.encoded)
    }

    private var staying: Forecast {
        var survival = target.survival
        survival.mountpaths = nil
        if target.isActive { survival.activeTargets.then -= 1 }
        var forecast = Forecast("shutdown", survival)
        forecast.warn(
            "\(target.node.id) stays on the map: its objects are unavailable until it"
                + " is started again")
        return forecast
    }

    /// The primary knows what leaving would mean; the end of the process comes on top.
    ///
    /// - Returns: `nil` when the request has been answered with what the primary refuses.
    private func departing() async throws -> Forecast? {
        let answer = try await target.proxies.send(.delete, "\(removal)?\(QueryName.dryRun)=true")
        if var forecast = target.forecast(in: answer.body, as: "shutdown") {
            forecast.survival.mountpaths = nil
            return forecast
        }
        // It is off the map already: all that is left to do is to end.
        if Failure(decoding: answer.body)?.code == .nodeNotFound {
            var survival = target.survival
            survival.mountpaths = nil
            return Forecast("shutdown", survival)
        }
        exchange.relay(answer)
        return nil
    }
}

import API
import Base
import Cluster
import HTTP

/// `/v1/cluster/sessions`: a client's way to ask again without asking twice.
struct SessionRoutes: Sendable {
    let metadata: MetadataService
    let departure: Departure
    let forwarder: Forwarder

    func serve(_ exchange: Exchange, _ rest: [String], _ query: Query) async throws {
        guard rest.count <= 1 else {
            throw Failure(
                .badPath, "too many elements behind /v1/cluster/sessions",
                next: "/v1/cluster/sessions/ID")
        }
        let id = try rest.first.map(Self.id)
        switch (exchange.request.method, id) {
        case (.post, nil):
            let lifetime = try Self.lifetime(query)
            try await change(exchange, query, .open(lifetime: lifetime)) { $0.position }
        case (.put, let id?): try await change(exchange, query, .keepAlive(id)) { _ in id }
        case (.delete, let id?): try await change(exchange, query, .close(id)) { _ in nil }
        case (.get, nil), (.head, nil):
            let now = try await metadata.state(for: query)
            exchange.respond(json: SessionDocument.encoded(now.state.sessions), of: now)
        case (.get, let id?), (.head, let id?):
            let now = try await metadata.state(for: query)
            guard let session = now.state.sessions[id] else {
                throw Failure(Rejection.sessionExpired(id))
            }
            exchange.respond(json: SessionDocument.encoded(id, session), of: now)
        default:
            throw Failure.methodNotAllowed(
                exchange.request.method,
                id == nil ? [.get, .head, .post] : [.get, .head, .put, .delete])
        }
    }

    /// Makes a change of a session on the primary, and answers with the session as it is then.
    private func change(
        _ exchange: Exchange, _ query: Query, _ change: SessionChange,
        _ session: (Cluster.Outcome) -> LogPosition?
    ) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        var forwarded = try exchange.forwardable(body)
        forwarded.isSentAgain = false
        let request = forwarded
        if try query.flag(QueryName.dryRun) {
            switch try await forwarder.onPrimary(request, { try await forecast(change) }) {
            case .relayed(let answer): exchange.relay(answer)
            case .local(let forecast):
                exchange.respond(.ok, type: "application/json", body: forecast.encoded)
            }
            return
        }
        let reply = try await forwarder.onPrimary(request) {
            try await metadata.change(.session(change), for: request.origin)
        }
        switch reply {
        case .relayed(let answer): exchange.relay(answer)
        case .local(let outcome):
            let position = outcome.position.text
            guard let id = session(outcome),
                let opened = metadata.published.now.state.sessions[id]
            else { return exchange.respond(.ok) { $0.add(named: HeaderName.position, position) } }
            exchange.respond(json: SessionDocument.encoded(id, opened), position: position)
        }
    }

    private func forecast(_ change: SessionChange) async throws(Failure) -> Forecast {
        let state = try await metadata.linearizable().state
        let (action, words) =
            switch change {
            case .open(let lifetime):
                (
                    "start-session",
                    "a session is opened, which ends when it is idle for \(lifetime / 1_000_000) ms"
                )
            case .keepAlive(let id): ("keep-session", "session \(id.text) is idle no longer")
            case .close(let id) where state.sessions[id] == nil:
                ("end-session", "nothing: there is no session \(id.text) any more")
            case .close(let id):
                ("end-session", "session \(id.text) ends; its requests are refused from then on")
            case .refuse: preconditionFailure("no request asks for a refusal to be remembered")
            }
        var forecast = Forecast(action, departure.survival(of: state))
        if let refusal = ChangeRehearsal(.session(change), in: state).refusal {
            try forecast.take(refusal)
        }
        forecast.changes.append(words)
        return forecast
    }

    private static func id(_ text: String) throws(Failure) -> LogPosition {
        guard let id = LogPosition(text: text) else {
            throw Failure(
                .badPath, "'\(text.excerpt)' is not the id of a session",
                next: "POST /v1/cluster/sessions opens one")
        }
        return id
    }

    private static func lifetime(_ query: Query) throws(Failure) -> UInt64 {
        guard let text = try query.value(QueryName.lifetime) else {
            return Limits.sessionNanoseconds
        }
        guard let lifetime = ConfigDuration.nanoseconds(text),
            API.Limits.sessionNanosecondsRange.contains(lifetime)
        else {
            throw Failure(
                .badQuery, "'\(QueryName.lifetime)' is '\(text.excerpt)'",
                next: "a duration from 1s to 24h, as 90s or 10m")
        }
        return lifetime
    }
}

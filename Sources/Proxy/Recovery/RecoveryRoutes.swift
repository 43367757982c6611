import API
import Base
import Cluster
import Consensus
import HTTP

/// The requests of a forced recovery: facts, plan, apply (contract §7.6; docs/decisions/0022).
struct RecoveryRoutes: Sendable {
    let survey: RecoverySurvey
    let adoption: AdoptionService
    let forced: ForcedPrimary
    private let readers = Places(Limits.historyReadersMax)

    init(survey: RecoverySurvey, adoption: AdoptionService, forced: ForcedPrimary) {
        self.survey = survey
        self.adoption = adoption
        self.forced = forced
    }

    /// `GET /v1/daemon?what=recovery`: this proxy's own log.
    func facts(_ exchange: Exchange) async throws {
        // The log's thread reads it between two writes; a crowd of readers would hold changes up.
        guard readers.take() else {
            throw Failure(.overloaded, "too many read the log", next: "try again in a moment")
        }
        defer { readers.giveBack() }
        exchange.respond(
            .ok, type: "application/json", body: try await survey.own().encoded)
    }

    /// `GET /v1/daemon?what=branches[&name=NAME]`.
    func branches(_ exchange: Exchange, _ query: Query) async throws {
        try await survey.branches.serve(exchange, query, survey.published.now.state)
    }

    /// `GET /v1/cluster?what=recovery`: what was done, and how the nodes stand towards it.
    func overview(_ exchange: Exchange, _ now: PublishedState.Snapshot) async throws {
        let (body, missing) = try await RecoveryOverview(survey: survey).document(
            now.state, on: exchange.loop)
        exchange.respond(.ok, type: "application/json", body: body) { writer in
            writer.add(named: HeaderName.position, now.position)
            if !missing.isEmpty {
                writer.add(
                    named: HeaderName.unanswered, missing.map(\.text).joined(separator: ", "))
            }
        }
    }

    /// `POST /v1/daemon/recovery`: another proxy tells of the generation that this one is to take part in.
    func adopt(_ exchange: Exchange) async throws {
        let body = try await exchange.collect(upTo: Limits.recoveryBodyBytes)
        let facts: RecoveryFacts
        do throws(DecodingFailure) {
            facts = try RecoveryFacts(decoding: body)
        } catch {
            throw Failure(
                .badBody, "the body does not tell of a generation", cause: error.description)
        }
        try await adoption.adopt(facts)
        exchange.respond(.ok)
    }

    /// `PUT /v1/daemon/proxy/ID?frc=true…`, and the same below `/v1/cluster`.
    func force(_ exchange: Exchange, _ id: NodeID, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: Limits.recoveryBodyBytes)
        var request = ForcedPrimary.Request(id: id)
        if let can = try query.value(QueryName.can), !can.isEmpty {
            request.can = try Self.endpoint(can, QueryName.can)
        }
        request.token = try query.value(QueryName.token) ?? ""
        request.isDryRun = try query.flag(QueryName.dryRun)
        request.overridesQuorum = try Self.overridesQuorum(query)
        request.files = try Self.files(body)
        let answer = try await forced.serve(
            request, exchange.forwardable(body), on: exchange.loop)
        switch answer {
        case .relayed(let answer): exchange.relay(answer)
        case .document(let document, let isWhole):
            // What was begun goes on by itself; the answer says what is missing.
            exchange.respond(isWhole ? .ok : .accepted, type: "application/json", body: document)
        case .rejoins(let document):
            exchange.respond(.ok, type: "application/json", body: document)
            try? await exchange.flush()
            forced.rejoin.restart()
        }
    }

    /// `GET` or `POST /v1/cluster?what=recovery_plan`: what would be done, and how safe that is. Changes nothing.
    func plan(_ exchange: Exchange, _ query: Query) async throws {
        let wish = try await wish(exchange, query)
        let plan = RecoveryPlan(try await survey.question(wish, on: exchange.loop))
        exchange.respond(.ok, type: "application/json", body: plan.encoded)
    }

    /// What the query and the body ask for. `can` and `candidate` may name the proxy by its URL or by its id.
    private func wish(
        _ exchange: Exchange, _ query: Query
    ) async throws -> RecoverySurvey.Wish {
        var wish = RecoverySurvey.Wish()
        for name in [QueryName.can, QueryName.candidate] {
            guard let text = try query.value(name), !text.isEmpty else { continue }
            if text.contains("/") || NodeID(text) == nil {
                wish.can = try Self.endpoint(text, name)
            } else {
                wish.candidate = text
            }
        }
        wish.overridesQuorum = try Self.overridesQuorum(query)
        wish.files = try Self.files(
            try await exchange.collect(upTo: Limits.recoveryBodyBytes))
        return wish
    }

    static func endpoint(_ text: String, _ name: String) throws(Failure) -> Endpoint {
        do throws(ClientError) {
            return try Endpoint(text)
        } catch {
            throw Failure(
                .badQuery, "'\(name)' is '\(text.excerpt)', not the URL of a proxy",
                cause: error.description)
        }
    }

    static func overridesQuorum(_ query: Query) throws(Failure) -> Bool {
        switch try query.value(QueryName.override) ?? "" {
        case "": return false
        case "quorum": return true
        case let other:
            throw Failure(
                .badQuery, "'override' is '\(other.excerpt)'",
                next: "override=quorum goes on although a majority answers")
        }
    }

    /// What `martlet recovery inspect` has printed of logs that nobody runs: one document, or an array of them.
    static func files(_ body: [UInt8]) throws(Failure) -> [RecoveryFacts] {
        guard !body.isEmpty else { return [] }
        let wanted = "what 'martlet recovery inspect DATA_DIR' prints, or an array of that"
        do {
            let json = try JSONValue(body: body, wanted: wanted)
            var documents = [json]
            if case .array(let elements) = json { documents = elements }
            guard documents.count <= Limits.recoveryFilesMax else {
                throw DecodingFailure("\(documents.count) logs", at: 0)
            }
            var files: [RecoveryFacts] = []
            for document in documents {
                var facts = try RecoveryFacts(json: document)
                // Whoever runs answers for itself.
                facts.isRunning = false
                files.append(facts)
            }
            return files
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(
                .badBody, "the body does not tell of logs", cause: "\(error)",
                next: "send \(wanted)")
        }
    }
}

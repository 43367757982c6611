import API
import Base
import Cluster
import HTTP
import Statistics

/// Has every node of the map do something with its own log or counters (AIStore 5.0: `rotate-logs` and `reset-stats` of a cluster).
///
/// Nothing of it is in the log of the cluster, so any proxy does it, with or without a majority; a node that does not do it keeps
/// none of the others from it, and is named.
struct ClusterUpkeep: Sendable {
    let published: PublishedState
    let departure: Departure
    let client: Client

    /// What a node has said.
    private enum Word: Sendable {
        /// With what it foresees, in a dry run.
        case done(Forecast?)
        case failed(Failure)
    }

    private typealias Answers = [(node: Node, word: Word)]

    func serve(
        _ exchange: Exchange, _ action: Action, _ message: ActionMessage, _ query: Query
    ) async throws {
        let origin = try exchange.unboundOrigin()
        try NodeUpkeep.check(message, action)
        let isDryRun = try query.flag(QueryName.dryRun)
        let answers = await tell(message.encoded, isDryRun: isDryRun, origin)
        if isDryRun {
            let forecast = forecast(action, answers)
            return exchange.respond(.ok, type: "application/json", body: forecast.encoded)
        }
        if let failure = Self.failure(answers, origin) { throw failure }
        exchange.respond(.ok)
    }

    private func forecast(_ action: Action, _ answers: Answers) -> Forecast {
        var forecast = Forecast(action.rawValue, departure.survival)
        let refusals = Self.refusals(answers)
        for case (let node, .done(let said)) in answers {
            let changes = said?.changes ?? []
            forecast.changes.append(
                "\(node.id): \(changes.isEmpty ? "it does so" : changes.joined(separator: "; "))")
        }
        guard let first = refusals.first else { return forecast }
        if refusals.count == answers.count {
            forecast.block(first.failure)
        } else {
            forecast.warn(Self.sentence(refusals), next: first.failure.next)
        }
        return forecast
    }

    /// What is told when not all have done it.
    private static func failure(
        _ answers: Answers, _ origin: MetadataService.Origin
    ) -> Failure? {
        let refusals = refusals(answers)
        guard let first = refusals.first else { return nil }
        guard refusals.count < answers.count else { return first.failure }
        var failure = Failure(
            .partlyDone, sentence(refusals),
            next: "the other nodes have done it; \(first.failure.next ?? "send it again")")
        failure.requestID = origin.requestID
        failure.notDone = refusals.map(\.node.id.text)
        failure.done = answers.map(\.node.id.text).filter { !failure.notDone.contains($0) }
        return failure
    }

    private static func refusals(_ answers: Answers) -> [(node: Node, failure: Failure)] {
        answers.compactMap { node, word in
            guard case .failed(let failure) = word else { return nil }
            return (node, failure)
        }
    }

    private static func sentence(_ refusals: [(node: Node, failure: Failure)]) -> String {
        refusals.map { "\($0.node.id): \($0.failure.message)" }.joined(separator: "; ")
    }

    // MARK: Telling

    private func tell(
        _ body: [UInt8], isDryRun: Bool, _ origin: MetadataService.Origin
    ) async -> Answers {
        let nodes = Array(published.now.state.map.nodes.values)
        let words = await withTaskGroup(of: (Int, Word).self) { group in
            var words: [Int: Word] = [:]
            for (place, node) in nodes.enumerated() {
                if place >= Limits.fanOutMax, let (done, word) = await group.next() {
                    words[done] = word
                }
                group.addTask { (place, await tell(node, body, isDryRun: isDryRun, origin)) }
            }
            for await (place, word) in group { words[place] = word }
            return words
        }
        return nodes.enumerated().compactMap { place, node in words[place].map { (node, $0) } }
    }

    private func tell(
        _ node: Node, _ body: [UInt8], isDryRun: Bool, _ origin: MetadataService.Origin
    ) async -> Word {
        let query = isDryRun ? "?\(QueryName.dryRun)=true" : ""
        do {
            let response = try await client.send(
                .put, node.endpoint, "/v1/daemon\(query)",
                headers: [
                    (HeaderName.requestID, origin.requestID),
                    (HeaderName.clientAddress, origin.clientAddress),
                ], body: body,
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: Limits.fanOutSeconds))
            let reply = try await response.collect(upTo: Limits.nodeDocumentBytes)
            guard response.status == .ok else {
                return .failed(
                    Failure(decoding: reply)
                        ?? Self.silent(node, "it answered \(response.status.rawValue)"))
            }
            guard isDryRun, let said = try? Forecast(decoding: reply), let code = said.code else {
                return .done(isDryRun ? try? Forecast(decoding: reply) : nil)
            }
            return .failed(Failure(code, said.reasons.joined(separator: "; "), next: said.next))
        } catch {
            return .failed(Self.silent(node, "\(error)"))
        }
    }

    private static func silent(_ node: Node, _ cause: String) -> Failure {
        Failure(
            node.role == .target ? .targetUnreachable : .proxyUnreachable,
            "\(node.id) at \(node.address.url) did not say that it has done so", cause: cause,
            next: "is it running? sent again, the request does no harm")
    }
}

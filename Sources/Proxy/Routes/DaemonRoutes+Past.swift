import API
import Cluster
import HTTP
import Statistics

/// `version=N` and `diff=M`: the maps and the configuration as they were, and what differs.
extension DaemonRoutes {
    func past(
        _ exchange: Exchange, _ query: Query, _ question: NodeQuestion,
        _ asked: VersionQuestion
    ) async throws {
        let document: [UInt8]
        switch question {
        case .smap:
            let (before, after) = try await states(asked, .map, .smap, query)
            document =
                before.map { DifferenceDocument.encoded(from: $0.map, to: after.map) }
                ?? after.map.document
        case .bmd:
            let (before, after) = try await states(asked, .buckets, .bmd, query)
            let versions = "\(before?.version ?? 0) \(after.version)"
            document = await documents.document(
                "bmd \(versions)", of: metadata.published.now.state
            ) { now in
                before.map { DifferenceDocument.encoded(from: $0.buckets, to: after.buckets) }
                    ?? after.buckets.document(clusterID: now.map.clusterID)
            }
        case .clusterConfig:
            let (before, after) = try await states(asked, .config, .config, query)
            document =
                before.map { DifferenceDocument.encoded(from: $0.config, to: after.config) }
                ?? ConfigDocument.encoded(
                    after.config, clusterID: metadata.published.now.state.map.clusterID)
        case .config:
            let (before, after) = try await states(asked, .config, .config, query)
            let acted = config.acted(on: after.config)
            document =
                before.map {
                    DifferenceDocument.encoded(from: config.acted(on: $0.config), to: acted)
                } ?? config.document(of: acted, for: metadata.published.now)
        default:
            throw Failure(
                .badQuery, "\(question.rawValue) has no versions",
                next: "smap, bmd, config and cluster_config have")
        }
        exchange.respond(.ok, type: "application/json", body: document)
    }

    /// The state to compare with, where there is to be a comparison, and the state to show.
    private func states(
        _ asked: VersionQuestion, _ subject: PastState.Subject, _ document: VersionWait.Document,
        _ query: Query
    ) async throws -> (before: PastState?, after: PastState) {
        let now = try await view(query).snapshot
        var after = PastState(now.state, subject: subject)
        if let version = asked.version {
            after = try await history.past(subject, document, version: version, before: now)
        }
        guard let since = asked.since else { return (nil, after) }
        return (try await history.past(subject, document, version: since, before: now), after)
    }
}

import API
import Base
import Cluster
import HTTP

/// `PUT /v1/cluster {"action":"batch"}`: several changes in one entry of the log, so that nobody sees one without the
/// others.
struct BatchRoute: Sendable {
    let metadata: MetadataService
    let departure: Departure
    let forwarder: Forwarder

    func serve(
        _ exchange: Exchange, _ query: Query, _ message: ActionMessage, _ body: [UInt8]
    ) async throws {
        let batch = try BatchRequest(message, query: query)
        let request = try exchange.forwardable(body, heeding: .all)
        if batch.isDryRun {
            let reply = try await forwarder.onPrimary(request) {
                try await metadata.linearizable().state
            }
            switch reply {
            case .relayed(let answer): return exchange.relay(answer)
            case .local(let state):
                let forecast = try forecast(batch, request.origin, of: state)
                return exchange.respond(.ok, type: "application/json", body: forecast.encoded)
            }
        }
        let reply = try await forwarder.onPrimary(request) {
            try await metadata.changeConfig(for: request.origin) { now throws(Failure) in
                .batch(try Rehearsal(batch, of: now.state).commands)
            }
        }
        switch reply {
        case .relayed(let answer): exchange.relay(answer)
        case .local(let outcome):
            exchange.respond(.ok) { $0.add(named: HeaderName.position, outcome.position.text) }
        }
    }

    private func forecast(
        _ batch: BatchRequest, _ origin: MetadataService.Origin, of state: ClusterState
    ) throws(Failure) -> Forecast {
        var forecast = Forecast(Action.batch.rawValue, departure.survival(of: state))
        forecast.heed(origin.terms, in: state)
        for (place, change) in batch.changes.enumerated() {
            do throws(Failure) {
                try Self.check(change, of: state.config)
            } catch {
                throw error.inBatch(change: place + 1)
            }
        }
        do throws(Failure) {
            let rehearsal = try Rehearsal(batch, of: state)
            forecast.changes = rehearsal.effects
            if let rejection = rehearsal.rejection { throw Failure(rejection) }
            for case .destroyBucket(let bucket) in batch.changes {
                forecast.warn("every object in \(bucket) is lost; nothing brings it back")
            }
        } catch {
            // Each value makes sense by itself: it is others that it contradicts.
            if error.code == .badValue { forecast.block(error) } else { try forecast.take(error) }
        }
        return forecast
    }

    /// - Throws: what is wrong with a change whatever the state is.
    private static func check(
        _ change: BatchRequest.Change, of config: ClusterConfig
    ) throws(Failure) {
        switch change {
        case .createBucket(_, let value):
            _ = try BucketRoutes.properties(value, from: ClusterConfig())
        case .destroyBucket: break
        case .config(let request):
            _ = try request.narrowed(
                in: .cluster, over: config.values, ConfigDocument.Facts())
        }
    }
}

/// A batch worked out on a copy of the state: each change against what those before it leave.
private struct Rehearsal {
    private(set) var commands: [Command] = []
    /// What each would do, in words.
    private(set) var effects: [String] = []
    /// The first that would be refused.
    private(set) var rejection: Rejection?

    /// - Throws: what is wrong with a change whatever the log says.
    init(_ batch: BatchRequest, of state: ClusterState) throws(Failure) {
        var state = state
        for (place, change) in batch.changes.enumerated() {
            let command: Command
            do throws(Failure) {
                command = try Self.command(change, of: state)
            } catch {
                throw error.inBatch(change: place + 1)
            }
            commands.append(command)
            var position = state.position
            position.index += 1
            var rows: [StateRow.Change] = []
            let outcome = state.apply(
                LogRecord(command, actor: ""), at: position, time: Timestamp.now(),
                changes: &rows)
            effects.append(Self.effect(of: change))
            if rejection == nil, case .failure(let found) = outcome.result {
                rejection = .inBatch(change: place + 1, found)
            }
        }
    }

    private static func command(
        _ change: BatchRequest.Change, of state: ClusterState
    ) throws(Failure) -> Command {
        switch change {
        case .createBucket(let bucket, let value):
            return .createBucket(bucket, try BucketRoutes.properties(value, from: state.config))
        case .destroyBucket(let bucket):
            try BucketRoutes.checkDestruction(of: bucket, in: state)
            return .destroyBucket(bucket)
        case .config(let request):
            return .setConfig(try request.plan(in: .cluster, of: state.config).change)
        }
    }

    private static func effect(of change: BatchRequest.Change) -> String {
        switch change {
        case .createBucket(let bucket, _): "bucket \(bucket) is created"
        case .destroyBucket(let bucket): "bucket \(bucket) is destroyed"
        case .config(let request): "the configuration changes: \(request.pathAndQuery)"
        }
    }
}

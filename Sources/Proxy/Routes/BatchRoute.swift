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
                do throws(Obstacle) {
                    return .batch(try Rehearsal(batch, of: now.state).commands)
                } catch {
                    throw error.failure
                }
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
        let rehearsal: Rehearsal
        do throws(Obstacle) {
            rehearsal = try Rehearsal(batch, of: state)
        } catch {
            if error.isContradiction {
                forecast.block(error.failure)
            } else {
                try forecast.take(error.failure)
            }
            return forecast
        }
        forecast.changes = rehearsal.effects
        forecast.heed(origin.terms, in: state)
        if let rejection = rehearsal.rejection {
            try forecast.take(Failure(rejection))
            return forecast
        }
        for case .destroyBucket(let bucket) in batch.changes {
            forecast.warn("every object in \(bucket) is lost; nothing brings it back")
        }
        return forecast
    }
}

/// Why a batch does not come to the log.
private struct Obstacle: Error {
    let failure: Failure
    /// Whether the options that a change names make sense by themselves, and contradict others: that may pass, and what is wrong
    /// with a message may not.
    let isContradiction: Bool

    init(
        _ failure: Failure, of change: BatchRequest.Change, at place: Int, in state: ClusterState
    ) {
        self.failure = failure.inBatch(change: place)
        guard case .config(let request) = change, failure.code == .badValue else {
            isContradiction = false
            return
        }
        let named = try? request.narrowed(
            in: .cluster, over: state.config.values, ConfigDocument.Facts())
        isContradiction = named != nil
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
    init(_ batch: BatchRequest, of state: ClusterState) throws(Obstacle) {
        var state = state
        for (place, change) in batch.changes.enumerated() {
            let command: Command
            do throws(Failure) {
                command = try Self.command(change, of: state)
            } catch {
                throw Obstacle(error, of: change, at: place + 1, in: state)
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

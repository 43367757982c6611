import API
import Base
import Cluster
import HTTP

/// `PUT /v1/cluster {"action":"batch"}`: several changes in one entry of the log, so that nobody sees one without the
/// others.
///
/// Of several reasons to refuse it, the one that is told does not depend on where in the batch it lies, but on what it is: what
/// is wrong with the request itself, at whatever node; what it rests on; what there is not; what stands in the way.
struct BatchRoute: Sendable {
    let metadata: MetadataService
    let departure: Departure
    let forwarder: Forwarder

    /// What a batch comes to where it is made.
    private enum Reply: Sendable {
        case done(position: String)
        /// Everything is so already.
        case unchanged(position: String)
        case forecast([UInt8])
    }

    func serve(
        _ exchange: Exchange, _ query: Query, _ message: ActionMessage, _ body: [UInt8]
    ) async throws {
        let batch = try BatchRequest(message, query: query)
        try batch.check(over: metadata.published.now.state)
        let request = try exchange.forwardable(body, heeding: .all)
        let reply = try await forwarder.onPrimary(request) { () -> Reply in
            guard batch.isDryRun else { return try await make(batch, for: request.origin) }
            let state = try await metadata.linearizable().state
            return .forecast(try forecast(batch, request.origin, of: state).encoded)
        }
        switch reply {
        case .relayed(let answer): exchange.relay(answer)
        case .local(.done(let position)):
            exchange.respond(.ok) { $0.add(named: HeaderName.position, position) }
        case .local(.unchanged(let position)):
            exchange.respond(.ok) {
                $0.add(named: HeaderName.position, position)
                $0.add(named: HeaderName.notice, ConfigRequest.unchanged)
            }
        case .local(.forecast(let document)):
            exchange.respond(.ok, type: "application/json", body: document)
        }
    }

    private func make(
        _ batch: BatchRequest, for origin: MetadataService.Origin
    ) async throws(Failure) -> Reply {
        // What a session comes to is written down in any case.
        if origin.terms.call == nil,
            Rehearsal(batch, of: metadata.published.now.state).changesNothing
        {
            // Others may have been told of a change that this proxy, which may have been replaced, does not know.
            let now = try await metadata.linearizable()
            try origin.check(now.state)
            if Rehearsal(batch, of: now.state).changesNothing {
                return .unchanged(position: now.position)
            }
        }
        let outcome = try await metadata.decideConfig(for: origin) { now throws(Failure) in
            try await metadata.judged(now, for: origin) { now throws(Failure) in
                let rehearsal = Rehearsal(batch, of: now.state)
                if let refusal = rehearsal.refusal { throw refusal.failure }
                return .batch(rehearsal.commands)
            }
        }
        if case .failure(let rejection) = outcome.result {
            throw Failure(batch.placed(rejection))
        }
        return .done(position: outcome.position.text)
    }

    private func forecast(
        _ batch: BatchRequest, _ origin: MetadataService.Origin, of state: ClusterState
    ) throws(Failure) -> Forecast {
        var forecast = Forecast(Action.batch.rawValue, departure.survival(of: state))
        let rehearsal = Rehearsal(batch, of: state)
        forecast.changes = rehearsal.effects
        if let refusal = rehearsal.refusal, refusal.isOfAbsence { throw refusal.failure }
        forecast.heed(origin.terms, in: state)
        if let refusal = rehearsal.refusal {
            if refusal.mayPass {
                forecast.block(refusal.failure)
            } else {
                try forecast.take(refusal.failure)
            }
            return forecast
        }
        for case .destroyBucket(let bucket) in batch.changes {
            forecast.warn("every object in \(bucket) is lost; nothing brings it back")
        }
        return forecast
    }
}

extension BatchRequest {
    /// Says what is wrong with a change whatever there is: no need to ask a primary.
    fileprivate func check(over state: ClusterState) throws(Failure) {
        for (place, change) in changes.enumerated() {
            do throws(Failure) {
                switch change {
                case .createBucket(_, let value): try BucketRoutes.check(value, over: state.config)
                case .destroyBucket: break
                case .config(let request):
                    _ = try request.narrowed(
                        in: .cluster, over: state.config.values, ConfigDocument.Facts())
                }
            } catch {
                throw error.inBatch(change: place + 1)
            }
        }
    }

    /// A refusal by the log with the place that the change has in the request: those that change nothing are not in the entry. A
    /// bucket is named once, so it says which change it is.
    fileprivate func placed(_ rejection: Rejection) -> Rejection {
        guard case .inBatch(_, let inner) = rejection else { return rejection }
        let named: Bucket? =
            switch inner {
            case .bucketExists(let bucket), .noSuchBucket(let bucket): bucket
            default: nil
            }
        let place = changes.firstIndex { change in
            switch change {
            case .createBucket(let bucket, _), .destroyBucket(let bucket): bucket == named
            case .config: false
            }
        }
        return place.map { .inBatch(change: $0 + 1, inner) } ?? rejection
    }
}

/// A batch worked out on a copy of the state: each change against what those before it leave.
private struct Rehearsal {
    /// Why a batch does not come to the log.
    struct Refusal {
        let failure: Failure
        /// Whether it is by options that make sense by themselves, and contradict others: that may pass.
        let mayPass: Bool

        /// Whether it is by what there is not: that is told before what stands in the way.
        var isOfAbsence: Bool { failure.status == 404 }
    }

    /// Without those that change nothing.
    private(set) var commands: [Command] = []
    /// What each would do, in words.
    private(set) var effects: [String] = []
    /// The refusal that counts: of what there is not, else of what stands in the way, each time the first.
    private(set) var refusal: Refusal?

    /// Whether it is all so already.
    var changesNothing: Bool { commands.isEmpty && refusal == nil }

    init(_ batch: BatchRequest, of state: ClusterState) {
        var state = state
        for (place, change) in batch.changes.enumerated() {
            do throws(Failure) {
                guard let command = try Self.command(change, of: state) else {
                    effects.append(
                        "nothing by change \(place + 1): the configuration is so already")
                    continue
                }
                effects.append(Self.effect(of: change))
                commands.append(command)
                var position = state.position
                position.index += 1
                var rows: [StateRow.Change] = []
                let outcome = state.apply(
                    LogRecord(command, actor: ""), at: position, time: Timestamp.now(),
                    changes: &rows)
                if case .failure(let rejection) = outcome.result { throw Failure(rejection) }
            } catch {
                let found = Refusal(
                    failure: error.inBatch(change: place + 1),
                    mayPass: Self.isOfOthers(error, change, state))
                guard let before = refusal else {
                    refusal = found
                    continue
                }
                if found.isOfAbsence, !before.isOfAbsence { refusal = found }
            }
        }
    }

    /// - Returns: `nil` for a change that changes nothing: it would be a new version of the configuration all the same.
    private static func command(
        _ change: BatchRequest.Change, of state: ClusterState
    ) throws(Failure) -> Command? {
        switch change {
        case .createBucket(let bucket, let value):
            return .createBucket(bucket, try BucketRoutes.properties(value, from: state.config))
        case .destroyBucket(let bucket):
            try BucketRoutes.checkDestruction(of: bucket, in: state)
            return .destroyBucket(bucket)
        case .config(let request):
            let plan = try request.plan(in: .cluster, of: state.config)
            return plan.changesNothing ? nil : .setConfig(plan.change)
        }
    }

    private static func isOfOthers(
        _ failure: Failure, _ change: BatchRequest.Change, _ state: ClusterState
    ) -> Bool {
        guard case .config(let request) = change, failure.code == .badValue else { return false }
        let named = try? request.narrowed(
            in: .cluster, over: state.config.values, ConfigDocument.Facts())
        return named != nil
    }

    private static func effect(of change: BatchRequest.Change) -> String {
        switch change {
        case .createBucket(let bucket, _): "bucket \(bucket) is created"
        case .destroyBucket(let bucket): "bucket \(bucket) is destroyed"
        case .config(let request): "the configuration changes: \(request.pathAndQuery)"
        }
    }
}

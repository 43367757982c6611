import API
import Base
import Cluster
import HTTP

/// Starting and stopping rebalances, on the primary, as committed records (contract §7.9). Moving objects is not part of
/// this version: the record says that it was not run.
struct Rebalance: Sendable {
    let metadata: MetadataService
    let departure: Departure
    let config: LiveConfig
    /// When this proxy was started.
    let begun = MonotonicTime.now()

    static let notice = "the rebalance is recorded and not run: this version moves no objects"

    /// What is asked for.
    struct Request: Sendable {
        let isStart: Bool
        /// Whether the message is about a rebalance; stopping anything else finds nothing to stop.
        let isMeant: Bool
        /// The rebalance that is to be stopped; empty: whichever is the last.
        let id: String

        init(_ action: Action, _ message: ActionMessage) throws(Failure) {
            let words = try JobWords(message.value)
            isStart = action == .start
            id = isStart ? "" : words.id
            let form = #"send {"action":"\#(action.rawValue)","value":{"kind":"rebalance"}}"#
            guard !words.kind.isEmpty || (!isStart && !id.isEmpty) else {
                throw Failure(
                    .badValue, "'value.kind' does not say what to \(action.rawValue)", next: form)
            }
            var kind: XactionKind?
            if !words.kind.isEmpty {
                guard let known = XactionKind(text: words.kind) else {
                    throw .noSuchKind(words.kind)
                }
                kind = known
            }
            if isStart, let kind, kind != .rebalance { try Self.refuse(kind) }
            let isID = id.first == "g" && UInt64(id.dropFirst()) != nil
            isMeant = kind == .rebalance || (kind == nil && isID)
            try words.refuseUnheeded(by: action, isOfRebalance: isMeant)
        }

        /// Why a job of this kind is not started: AIStore starts it on its own or by a request of its own, or this version
        /// does not have it.
        private static func refuse(_ kind: XactionKind) throws(Failure) {
            guard kind.isStartable else {
                throw Failure(
                    .badRequest, "a job of kind '\(kind.rawValue)' is not started by name",
                    next: "kinds that are: "
                        + XactionKind.allCases.filter(\.isStartable).map(\.rawValue)
                        .joined(separator: ", "))
            }
            throw Failure(
                .notImplemented,
                "starting a job of kind '\(kind.rawValue)' is not served by this build",
                next: "served is the kind '\(XactionKind.rebalance.rawValue)'")
        }
    }

    /// - Returns: the id of the rebalance that was started; empty when one was stopped.
    func perform(
        _ request: Request, for origin: MetadataService.Origin
    ) async throws(Failure) -> String {
        guard request.isMeant else { return "" }
        if !request.isStart {
            try await stop(request, for: origin)
            return ""
        }
        let outcome = try await metadata.change(for: origin) { _ throws(Failure) in
            if let tooEarly {
                // By the word of one who leads, and behind what the request rests on.
                try origin.check(try await metadata.linearizable().state)
                throw tooEarly
            }
            return .startRebalance
        }
        guard case .success(let version) = outcome.result else { return "" }
        return "g\(version)"
    }

    private func stop(
        _ request: Request, for origin: MetadataService.Origin
    ) async throws(Failure) {
        var version: UInt64?
        if !request.id.isEmpty {
            let state = try await metadata.linearizable().state
            let last = state.rebalance
            // A late word about an earlier one ends nothing, be it that another begins in this moment.
            guard last.id == request.id else { return try origin.check(state) }
            version = last.version
        }
        let command = Command.stopRebalance(version: version)
        _ = try await metadata.change(for: origin) { _ in command }
    }

    /// Why a rebalance must not begin yet: who has just started does not know who else will be there in a moment
    /// (contract §7.9). `nil` when it may.
    private var tooEarly: Failure? {
        let wait = config.values.nanoseconds("rebalance.dont_run_time")
        let elapsed = MonotonicTime.now().since(begun)
        guard elapsed < wait else { return nil }
        return Failure(
            .badRequest,
            "no rebalance begins within rebalance.dont_run_time "
                + "(\(config.values["rebalance.dont_run_time"])) of the start of the primary: "
                + "\((wait - elapsed + 999_999_999) / 1_000_000_000) s are left",
            next: "wait, or set rebalance.dont_run_time to 0s")
    }

    func forecast(
        _ request: Request, for origin: MetadataService.Origin
    ) async throws(Failure) -> Forecast {
        let state = try await metadata.linearizable().state
        var forecast = Forecast(
            request.isStart ? "start" : "stop", departure.survival(of: state))
        forecast.heed(origin.terms, in: state)
        if request.isStart, let tooEarly { forecast.block(tooEarly) }
        if !request.isStart {
            forecast.changes.append("nothing: no rebalance runs in this version")
        } else if forecast.verdict == .blocked {
            return forecast
        } else if let refusal = ChangeRehearsal(.startRebalance, in: state).refusal {
            forecast.block(refusal)
        } else {
            forecast.changes.append(
                "rebalance g\(state.rebalance.version + 1) is recorded, and not run: this version "
                    + "moves no objects")
        }
        return forecast
    }

    /// The record (AIS: RMD, contract §8.4), with a newline behind it.
    static func document(_ record: RebalanceRecord) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            if !record.targets.isEmpty {
                json.key("target_ids")
                json.array { json in for id in record.targets { json.value(id.text) } }
            }
            json.member("version", record.version)
            if record.version > 0 {
                json.member("status", record.status.text)
                json.member("reason", notice)
                json.member("started", Text.time(record.started))
                if record.stopped.nanoseconds > 0 {
                    json.member("stopped", Text.time(record.stopped))
                }
            }
        }
        json.newline()
        return json.bytes
    }
}

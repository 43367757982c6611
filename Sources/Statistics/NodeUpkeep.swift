package import API
package import Base
package import HTTP

/// What a node of either kind is asked to do with its log and its counters (AIStore 5.0: `rotate-logs`, `reset-stats`).
package struct NodeUpkeep: Sendable {
    private let statistics: NodeStatistics
    private let log: Logger
    /// What forecasts say of failures; nothing here changes it.
    private let survival: @Sendable () -> Survival

    package init(
        _ statistics: NodeStatistics, log: Logger, survival: @escaping @Sendable () -> Survival
    ) {
        self.statistics = statistics
        self.log = log
        self.survival = survival
    }

    /// Goes on in a new log file; the old one has `.1` behind its name.
    package func rotate(
        _ exchange: Exchange, _ message: ActionMessage, _ query: Query
    ) async throws {
        try Self.check(message, .rotateLogs)
        let noFile = Failure(
            .badRequest, "\(LogFile.Trouble.noFile): whoever started this node keeps its log",
            next: "GET /v1/daemon?what=log has the last lines")
        if try query.flag(QueryName.dryRun) {
            var forecast = Forecast(Action.rotateLogs.rawValue, survival())
            if let path = LogFile.path {
                forecast.changes = [
                    "\(path) becomes \(path).1, and lines go on in a new \(path)",
                    "of the old files \(LogFile.keptMax) are kept, the newest",
                ]
            } else {
                forecast.block(noFile)
            }
            return exchange.respond(.ok, type: "application/json", body: forecast.encoded)
        }
        guard LogFile.path != nil else { throw noFile }
        do throws(LogFile.Trouble) {
            try await statistics.beside { () throws(LogFile.Trouble) in _ = try LogFile.rotate() }
        } catch {
            throw Failure(.inputOutput, "the log was not rotated", cause: error.description)
        }
        log.info("the log was rotated, asked by \(exchange.remoteAddress)")
        exchange.respond(.ok)
    }

    /// Counts from 0 again; with the value `true` errors only.
    package func reset(
        _ exchange: Exchange, _ message: ActionMessage, _ query: Query
    ) async throws {
        let errorsOnly = try Self.errorsOnly(message)
        if try query.flag(QueryName.dryRun) {
            var forecast = Forecast(Action.resetStatistics.rawValue, survival())
            forecast.changes = [
                errorsOnly
                    ? "the counters of errors begin at 0 again"
                    : "the counters of requests, errors and keepalives begin at 0 again"
            ]
            return exchange.respond(.ok, type: "application/json", body: forecast.encoded)
        }
        statistics.reset(errorsOnly: errorsOnly)
        log.info(
            "\(errorsOnly ? "errors are" : "everything is") counted from 0, asked by "
                + exchange.remoteAddress)
        exchange.respond(.ok)
    }

    /// Says what is wrong with a message, for whoever sends it on to nodes.
    package static func check(_ message: ActionMessage, _ action: Action) throws(Failure) {
        guard action == .rotateLogs else {
            _ = try errorsOnly(message)
            return
        }
        guard message.value != nil else { return }
        throw Failure(.badValue, "'\(message.action)' takes no value", next: "leave it out")
    }

    private static func errorsOnly(_ message: ActionMessage) throws(Failure) -> Bool {
        switch message.value {
        case nil: return false
        case .bool(let flag): return flag
        case .string(let text):
            guard let flag = Query.flag(text) else { fallthrough }
            return flag
        default:
            throw Failure(
                .badValue, "'value' is neither true nor false",
                next: "true resets the counters of errors only")
        }
    }
}

import API
import Base
import Cluster
import HTTP

extension Exchange {
    /// Refuses headers that ask for something of a change which a target cannot do: what would be passed over is said to be.
    func checkHeaders(of match: Route.Match) throws(Failure) {
        guard request.method != .get, request.method != .head, match.route.effect != .between
        else { return }
        let headers = request.headers
        if let id = headers[named: HeaderName.requestID],
            id.utf8.count > LogRecord.textBytesMax
        {
            throw Failure(
                .badHeader, "\(HeaderName.requestID) has \(id.utf8.count) bytes",
                next: "at most \(LogRecord.textBytesMax); the request was not made")
        }
        for name in [HeaderName.session, HeaderName.sequence] where headers[named: name] != nil {
            throw Failure(
                .badHeader, "a request to a target cannot be part of a session",
                next: "leave out \(name), or send the request to a proxy")
        }
        for name in Self.conditions where headers[named: name] != nil {
            throw Failure(
                .badHeader,
                match.route.effect == .data
                    ? "only reads of an object depend on its entity tag here, no change does"
                    : "a request to a target does not depend on versions",
                next: "leave out \(name)"
                    + (match.route.effect == .data ? "" : ", or send the request to a proxy"))
        }
        guard let term = headers[named: HeaderName.term] else { return }
        // What sets options is passed on to a proxy, which heeds it.
        guard [.daemonConfig, .daemonConfigReset, .daemonAction].contains(match.name) else {
            throw .notInLog
        }
        guard LogPosition(text: term) != nil else {
            throw Failure(
                .badHeader, "\(HeaderName.term) is '\(term.excerpt)', no position",
                next: "as an answer brought it in \(HeaderName.position)")
        }
    }

    private static let conditions = [HeaderName.ifMatch, "If-None-Match", "If-Unmodified-Since"]

    /// For what is done here alone.
    func checkIsUnbound() throws(Failure) {
        guard request.headers[named: HeaderName.term] == nil else { throw .notInLog }
    }
}

extension Failure {
    fileprivate static var notInLog: Failure {
        Failure(
            .badHeader, "this request is no change of the log, and is not bound to a term of it",
            next: "leave out \(HeaderName.term)")
    }
}

package import API
package import Base
package import HTTP

extension Exchange {
    /// `what=log`: the last lines of this node's log, as text. `severity` leaves out what is less than `info`, `warning`
    /// or `error`; `offset` leaves out what has been read already.
    package func respond(log: LogTail, _ query: Query) throws(Failure) {
        let severity = try query.value(QueryName.severity) ?? ""
        let offset = try query.value(QueryName.offset) ?? ""
        let lines: [UInt8]
        if offset.isEmpty {
            lines = log.lines(try Self.level(severity))
        } else {
            guard let offset = Int(offset), offset >= 0, severity.isEmpty else {
                throw Failure(
                    .badQuery, "'offset' is a number of bytes, and goes without 'severity'")
            }
            lines = log.bytes(from: offset)
        }
        respond(.ok, type: "text/plain; charset=utf-8", body: lines)
    }

    private static func level(_ word: String) throws(Failure) -> Logger.Level {
        switch word {
        case "": return .debug
        case "info", "i": return .info
        case "warning", "w": return .warning
        case "error", "e": return .error
        default:
            throw Failure(
                .badQuery, "'severity' is '\(word.excerpt)'", next: "info, warning or error")
        }
    }
}

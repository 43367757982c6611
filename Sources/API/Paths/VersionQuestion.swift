import Base

/// `version=N` and `diff=M`: a document as it was, and what differs since it was another.
package struct VersionQuestion: Equatable, Sendable {
    /// The version to show, or to compare with; `nil` for the present one.
    package let version: UInt64?
    /// The version to begin a comparison with; `nil` for no comparison.
    package let since: UInt64?

    /// - Returns: `nil` when the query asks for neither.
    package init?(_ query: Query) throws(Failure) {
        version = try Self.number(query, QueryName.version)
        since = try Self.number(query, QueryName.difference)
        guard version != nil || since != nil else { return nil }
        guard try query.value(QueryName.waitVersion) == nil else {
            throw Failure(
                .badQuery, "a version that was does not go with one to wait for",
                next: "leave out \(QueryName.waitVersion)")
        }
    }

    private static func number(_ query: Query, _ name: String) throws(Failure) -> UInt64? {
        guard let text = try query.value(name) else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(text),
            number > 0
        else {
            throw Failure(
                .badQuery, "'\(name)' is '\(text.excerpt)', not a version",
                next: "a whole number from 1, as the document has it")
        }
        return number
    }
}

extension Failure {
    /// A version that there is not: yet, or any more.
    package static func versionNotFound(
        _ wanted: UInt64, of document: VersionWait.Document, oldest: UInt64?, present: UInt64
    ) -> Failure {
        let name = document.rawValue
        guard wanted <= present else {
            return Failure(
                .versionNotFound, "\(name) has version \(present), not yet \(wanted)",
                next: "\(QueryName.waitVersion)=\(wanted) waits for it")
        }
        return Failure(
            .versionNotFound,
            "version \(wanted) of \(name) is not kept here"
                + (oldest.map { "; the oldest is \($0), the present one \(present)" } ?? ""),
            next:
                "another proxy may have it; GET /v1/cluster?what=history&of=\(name) shows what is kept"
        )
    }
}
